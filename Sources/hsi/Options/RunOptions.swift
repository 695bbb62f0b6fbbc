import ArgumentParser
import Foundation
import HSIKit
import Logging

/// How a command runs: threads, memory, seed, progress, log.
struct RunOptions: ParsableArguments {
  @Option(
    name: [.customShort("j"), .long],
    help: "Worker threads, a number or auto (HSI_NUM_THREADS, Slurm, cgroup or all cores).")
  var threads: String = "auto"

  @Option(help: "Memory budget, e.g. 512M or 4G (default: HSI_MEMORY, Slurm, cgroup, half of free memory).")
  var memory: String?

  @Option(help: "Seed of all random draws: a number, or random (default: HSI_SEED or 0).")
  var seed: String?

  @Option(help: "Progress display: auto, bar, json or none (default: HSI_PROGRESS or auto).")
  var progress: String?

  @Flag(name: .shortAndLong, help: "No progress, no log below errors.")
  var quiet = false

  @Flag(name: .shortAndLong, help: "Log inferred facts and choices (-v) and details (-vv).")
  var verbose: Int

  @Option(help: ArgumentHelp("GDAL configuration, KEY=VALUE, repeatable.", valueName: "key=value"))
  var config: [String] = []

  /// The context of this run; threads and GDAL configuration take effect.
  func makeContext() throws -> RunContext {
    let environment = ProcessInfo.processInfo.environment
    let defaults = ResourceDefaults()
    var budget = defaults.memory
    if let memory {
      guard let value = MemoryBudget(memory) else {
        throw CoreError.invalidParameter(
          name: "--memory", value: memory, requirement: "a size such as 512M or 4G")
      }
      budget = value
    }
    var count = defaults.threads
    if threads != "auto" {
      guard let value = Int(threads), (1...4096).contains(value) else {
        throw CoreError.invalidParameter(
          name: "--threads", value: threads, requirement: "a number from 1, or auto")
      }
      count = value
    }
    Parallel.setThreads(count)
    for entry in config {
      guard let split = entry.firstIndex(of: "="), split != entry.startIndex else {
        throw CoreError.invalidParameter(name: "--config", value: entry, requirement: "KEY=VALUE")
      }
      GDAL.setConfiguration(String(entry[..<split]), String(entry[entry.index(after: split)...]))
    }
    let level = logLevel(environment)
    let isJSON = environment["HSI_LOG_FORMAT"] == "json"
    let logger = Logger(label: "hsi") { _ in TerminalLogHandler(logLevel: level, isJSON: isJSON) }
    return RunContext(
      threads: count, memory: budget, seed: try resolvedSeed(environment),
      progress: try reporter(environment), cancellation: Interruption.flag, logger: logger)
  }

  private func logLevel(_ environment: [String: String]) -> Logger.Level {
    if quiet { return .error }
    if verbose > 1 { return .debug }
    if verbose == 1 { return .info }
    switch environment["HSI_LOG"] {
    case "error": return .error
    case "info": return .info
    case "debug": return .debug
    case "trace": return .trace
    default: return .warning
    }
  }

  private func resolvedSeed(_ environment: [String: String]) throws -> UInt64 {
    guard let text = seed ?? environment["HSI_SEED"] else { return 0 }
    if text == "random" { return UInt64.random(in: 0...UInt64(UInt32.max)) }
    guard let value = UInt64(text) else {
      throw CoreError.invalidParameter(name: "--seed", value: text, requirement: "a number from 0, or random")
    }
    return value
  }

  private func reporter(_ environment: [String: String]) throws -> any ProgressReporter {
    let name = progress ?? environment["HSI_PROGRESS"] ?? "auto"
    guard let mode = ProgressMode(rawValue: name) else {
      throw CoreError.invalidParameter(
        name: "--progress", value: name, requirement: "auto, bar, json or none")
    }
    return TerminalProgress.display(mode, quiet: quiet)
  }
}
