import ArgumentParser
import Foundation
import HSIKit

/// What `hsi batch run` and `retry` share.
struct BatchRunOptions: ParsableArguments {
  @Argument(help: "The job file (YAML or JSON).")
  var job: String

  @Option(help: "Items at the same time; threads and memory are divided between them.")
  var workers = 1

  @Option(
    help: ArgumentHelp(
      "Run a part: items whose index leaves K when divided by N, or the task of a Slurm array.",
      valueName: "k/n|auto"))
  var shard: String?

  @Flag(help: "Replace existing files that this job did not make.")
  var overwrite = false

  @OptionGroup(title: "Running") var options: SeededRunOptions
}

/// A job with the settings that the command line, the job file and the environment give, in this order.
struct BatchSetting {
  let plan: BatchPlan
  let seed: String

  /// - Parameter isLenient: whether missing inputs are passed over.
  init(_ path: String, _ options: SeededRunOptions, _ context: RunContext, isLenient: Bool = false) throws {
    let job = try BatchJob(path: path)
    plan = try BatchPlan(job, HelpCatalogue.make(), isLenient: isLenient)
    let isRandom = ProcessInfo.processInfo.environment["HSI_SEED"] == "random"
    seed = options.seed ?? job.defaults.seed ?? (isRandom ? "random" : "\(context.seed)")
  }

  /// Threads and memory of the whole run.
  static func resources(_ context: RunContext, _ options: SeededRunOptions, _ job: BatchJob) -> RunContext {
    var context = context
    if options.run.threads == "auto", let threads = job.defaults.threads { context.threads = threads }
    if options.run.memory == nil, let memory = job.defaults.memory { context.memory = memory }
    return context
  }

  /// `--workers` within reason.
  static func workers(_ count: Int) throws -> Int {
    guard (1...1024).contains(count) else {
      throw CoreError.invalidParameter(
        name: "--workers", value: "\(count)", requirement: "a number from 1 to 1024")
    }
    return count
  }
}

/// Runs a job and tells what happens.
enum BatchExecution {
  /// Runs, prints one line per item, writes the report.
  ///
  /// - Throws: `BatchError.someFailed`, `.noneDone`, and what the library throws.
  static func run(
    _ arguments: BatchRunOptions, stage: Int? = nil, isForced: Bool = false, onlyFailed: Bool = false,
    verifies: Bool = false
  ) throws {
    let options = arguments.options
    let quiet = options.run.quiet
    let base = try options.makeContext()
    let setting = try BatchSetting(arguments.job, options, base)
    let plan = setting.plan
    let context = BatchSetting.resources(base, options, plan.job)
    var settings = BatchSettings(executable: try executable(), version: Version.text, seed: setting.seed)
    settings.workers = try BatchSetting.workers(arguments.workers)
    settings.shard = try arguments.shard.map {
      try Shard($0, environment: ProcessInfo.processInfo.environment)
    }
    settings.stage = stage
    settings.isForced = isForced
    settings.onlyFailed = onlyFailed
    settings.verifies = verifies
    settings.overwrites = arguments.overwrite
    settings.commonOptions =
      options.run.config.map { "--config=" + $0 } + (options.run.allowRemote ? ["--allow-remote"] : [])
    let display = context.progress as? ProgressDisplay
    let runner = BatchRunner(plan, settings, context) { event in
      if case .damagedManifest(let lines) = event {
        context.warn("W-MANIFEST", "\(lines) lines of the manifest cannot be read and are passed over")
      }
      guard !quiet, let line = line(event) else { return }
      display?.clear()
      Terminal.note(line)
    }
    let outcome = try runner.run()
    try finish(plan, outcome, setting, quiet: quiet)
  }

  private static func line(_ event: BatchEvent) -> String? {
    switch event {
    case .done(let item, let seconds, false): "\(item.label): done in \(ProgressDisplay.duration(seconds))"
    case .failed(let item, let step, let exit, let message, let log):
      "\(item.label): step \(step) failed with exit code \(exit): \(message); log \(log)"
    case .waiting(let items): "waiting for \(items) items that other processes work on"
    case .done, .damagedManifest: nil
    }
  }

  private static func finish(_ plan: BatchPlan, _ outcome: BatchOutcome, _ setting: BatchSetting, quiet: Bool) throws {
    let job = plan.job
    let status = BatchStatus(plan, version: Version.text, seed: setting.seed, trustsRecords: true)
    let report = try BatchReport(status, job, version: Version.text).write(job)
    // Failures are no reason to take the report away.
    OutputFile.keepFinished()
    var parts = ["\(outcome.done) done" + (outcome.skipped > 0 ? " (\(outcome.skipped) before)" : "")]
    if outcome.failed > 0 { parts.append("\(outcome.failed) failed") }
    if outcome.left > 0 { parts.append("\(outcome.left) not begun") }
    if !quiet {
      Terminal.note("\(outcome.total) items: \(parts.joined(separator: ", ")); report \(report)")
    }
    guard outcome.failed > 0 else { return }
    throw outcome.done > 0
      ? BatchError.someFailed(job: job.path, failed: outcome.failed, total: outcome.total)
      : BatchError.noneDone(job: job.path, failed: outcome.failed)
  }

  /// This program.
  static func executable() throws -> String {
    do {
      return try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    } catch {
      throw CoreError.cannotWrite(path: "/proc/self/exe", reason: "it does not say where hsi is")
    }
  }
}
