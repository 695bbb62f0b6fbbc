import ArgumentParser
import Foundation
import HSIKit
import Logging

/// How a command runs: threads, memory, progress, log.
struct RunOptions: ParsableArguments {
  @Option(
    name: [.customShort("j"), .long],
    help: "Worker threads, a number or auto (HSI_NUM_THREADS, Slurm, cgroup or all cores).")
  var threads: String = "auto"

  @Option(help: "Memory budget, e.g. 512M or 4G (default: HSI_MEMORY, Slurm, cgroup, half of free memory).")
  var memory: String?

  @Option(
    help: "Progress display: auto, bar, json or none (default: HSI_PROGRESS or auto).",
    completion: NameCompletion.cases(of: ProgressMode.self))
  var progress: String?

  @Flag(name: .shortAndLong, help: "No progress, no log below errors.")
  var quiet = false

  @Flag(name: .shortAndLong, help: "Log inferred facts and choices (-v) and details (-vv).")
  var verbose: Int

  @Option(help: ArgumentHelp("GDAL configuration, KEY=VALUE, repeatable.", valueName: "key=value"))
  var config: [String] = []

  @Flag(help: "Let files lead to the network and to other folders (virtual rasters, web services, HDF5 links).")
  var allowRemote = false

  /// The name and the value of `KEY=VALUE`.
  ///
  /// - Throws: `CoreError.invalidParameter`.
  static func setting(_ entry: String) throws -> (name: String, value: String) {
    guard let split = entry.firstIndex(of: "="), split != entry.startIndex else {
      throw CoreError.invalidParameter(name: "--config", value: entry, requirement: "KEY=VALUE")
    }
    return (String(entry[..<split]), String(entry[split...].dropFirst()))
  }

  /// The context of this run; threads, GDAL configuration and what configuration files say take effect.
  ///
  /// - Parameter seed: `--seed` of commands that draw.
  func makeContext(seed: String? = nil) throws -> RunContext {
    let configuration = try Configuration()
    let settings = try RunSettings(self, seed: seed, configuration)
    configuration.install()
    if allowRemote { RemoteAccess.allow() }
    Parallel.setThreads(settings.threads.value)
    for entry in config {
      let (name, value) = try RunOptions.setting(entry)
      GDAL.setConfiguration(name, value)
    }
    let (level, isJSON) = (settings.log.value, settings.logFormat.value == "json")
    let logger = Logger(label: "hsi") { _ in TerminalLogHandler(logLevel: level, isJSON: isJSON) }
    let display = TerminalProgress.display(settings.progress.value, quiet: quiet)
    Interruption.watch(display)
    var context = RunContext(
      threads: settings.threads.value, memory: settings.memory.value, seed: settings.seed.value, progress: display,
      cancellation: Interruption.flag, logger: logger, invocation: HSICommand.invocation)
    context.spelling = OptionSpelling.spell
    if settings.device.value.hasPrefix("cuda") {
      context.warn("W-DEVICE", "device is \(settings.device.value), but hsi computes on the CPU only")
    }
    return context
  }
}

/// How a command runs that draws random numbers.
struct SeededRunOptions: ParsableArguments {
  @OptionGroup var run: RunOptions

  @Option(help: "Seed of all random draws: a number, or random (default: HSI_SEED or 0).")
  var seed: String?

  /// The context of this run; see ``RunOptions/makeContext(seed:)``.
  func makeContext() throws -> RunContext { try run.makeContext(seed: seed) }
}

/// What a run works under: options before the environment before files before the rules of hsi, each with its origin.
struct RunSettings {
  /// A value in force.
  struct Choice<Value> {
    var value: Value
    var origin: Configuration.Origin
  }

  let threads: Choice<Int>
  let memory: Choice<MemoryBudget>
  let seed: Choice<UInt64>
  let progress: Choice<ProgressMode>
  let log: Choice<Logger.Level>
  let logFormat: Choice<String>
  let device: Choice<String>

  /// - Throws: `CoreError.invalidParameter` for an option with a value that it cannot have.
  init(_ options: RunOptions, seed seedOption: String?, _ configuration: Configuration) throws {
    let defaults = ResourceDefaults(environment: configuration.environment)
    func origin(_ key: String, _ rule: String) -> Configuration.Origin {
      configuration.values[key]?.origin ?? .builtIn(rule)
    }
    /// The value of an option, else of the configuration, else of a rule.
    func choose<Value>(
      _ key: String, option: String?, default value: Value, _ read: (String) -> Value?
    ) throws -> Choice<Value> {
      if let option {
        guard let value = read(option) else {
          let setting = Setting.all.first { $0.key == key }
          throw CoreError.invalidParameter(
            name: "--" + key, value: option, requirement: setting?.requirement ?? "something else")
        }
        return Choice(value: value, origin: .commandLine("--" + key))
      }
      guard let set = configuration.values[key], let value = read(set.text) else {
        return Choice(value: value, origin: .builtIn("default"))
      }
      return Choice(value: value, origin: set.origin)
    }
    let threadDefault = defaults.threadChoice
    let threadOption = options.threads == "auto" ? nil : options.threads
    threads =
      try threadOption.map { text in
        try choose("threads", option: text, default: 1) { Int($0).flatMap { (1...4096).contains($0) ? $0 : nil } }
      }
      ?? Choice(
        value: threadDefault.value,
        origin: configuration.values["threads"]?.text == "auto"
          ? .builtIn(threadDefault.rule) : origin("threads", threadDefault.rule))
    let memoryDefault = defaults.memoryChoice
    memory =
      try options.memory.map { try choose("memory", option: $0, default: memoryDefault.value) { MemoryBudget($0) } }
      ?? Choice(value: memoryDefault.value, origin: origin("memory", memoryDefault.rule))
    seed = try choose("seed", option: seedOption, default: 0) {
      $0 == "random" ? UInt64.random(in: 0...UInt64(UInt32.max)) : UInt64($0)
    }
    progress = try choose("progress", option: options.progress, default: .auto) { ProgressMode(rawValue: $0) }
    if options.quiet || options.verbose > 0 {
      let level: Logger.Level = options.quiet ? .error : options.verbose > 1 ? .debug : .info
      log = Choice(value: level, origin: .commandLine(options.quiet ? "-q" : options.verbose > 1 ? "-vv" : "-v"))
    } else {
      log = try choose("log", option: nil, default: .warning) { LogLevel.named($0) }
    }
    logFormat = try choose("log_format", option: nil, default: "text") { $0 }
    device = try choose("device", option: nil, default: "cpu") { $0 }
  }
}
