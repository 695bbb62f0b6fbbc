import Foundation
import Glibc
import HSICore

/// Runs one step of one item as a process, with its tries, its log and its records.
final class StepRunner: Sendable {
  enum Result {
    case done
    case failed(exit: Int, message: String)
    case interrupted
  }

  private let plan: BatchPlan
  private let settings: BatchSettings
  private let context: RunContext
  private let manifest: Manifest
  private let writer: ManifestWriter
  private let outputs: OutputCheck

  init(_ plan: BatchPlan, _ settings: BatchSettings, _ context: RunContext, _ manifest: Manifest) {
    self.plan = plan
    self.settings = settings
    self.context = context
    self.manifest = manifest
    writer = ManifestWriter(folder: manifest.folder)
    outputs = OutputCheck(job: plan.job)
  }

  /// Exit codes that another try would not change: usage, output exists, model does not match.
  private static let finalCodes = [2, 4, 7]

  /// Runs a step, at most `retries` times more when it fails.
  ///
  /// - Throws: when records or logs cannot be written.
  func run(_ step: PlannedStep, of item: BatchItem, fingerprint: String) throws -> Result {
    var record = ManifestRecord(
      time: "", item: item.id, step: step.id, state: .running, fingerprint: fingerprint,
      outputs: step.outputs.map { .init(path: $0) }, owned: true, attempt: 1)
    let mayReplace = settings.overwrites || plan.job.defaults.overwrite
    let foreign = outputs.existing(step).first { !manifest.owns($0) }
    if let foreign, !mayReplace {
      record.state = .failed
      record.owned = false
      record.exit = 4
      record.message =
        Secrets.masked(CoreError.outputExists(path: foreign).problem)
        + " and was not made by this job; remove it, or set overwrite"
      try append(record)
      return .failed(exit: 4, message: record.message ?? "")
    }
    let last = manifest.record(item.id, step.id)
    // A command that fails removes what it wrote; one that is killed does not.
    var replaces = mayReplace || !outputs.existing(step).isEmpty
    if let last, last.state != .failed || (last.exit ?? 0) > 128 { replaces = true }
    if let last, last.state == .running { removeLeftovers(step) }
    let files = BatchFiles(plan.job)
    while true {
      try context.checkCancellation()
      try append(record)
      let log = try StepLog(files.log(item.id))
      let line = try commandLine(step, of: item, replaces: replaces)
      log.begin(step.id, attempt: record.attempt, line)
      let outcome = try ChildProcess.run(
        line, in: plan.job.folder, environment: [ParentWatch.variable: "\(getpid())"],
        output: log.descriptor, cancellation: context.cancellation)
      log.end(outcome.exit)
      if outcome.exit > 128 { removeLeftovers(step, pid: outcome.pid) }
      var ended = record
      ended.exit = outcome.exit
      ended.seconds = (outcome.seconds * 1000).rounded() / 1000
      ended.peakMemoryBytes = outcome.peakMemoryBytes
      // Ctrl-C reaches the command and this process, in any order.
      if [130, 143].contains(outcome.exit) { pause(0.3) }
      if outcome.wasStopped || (outcome.exit != 0 && context.cancellation.isCancelled) {
        ended.state = .interrupted
        try append(ended)
        return .interrupted
      }
      if outcome.exit == 0 {
        if let written = outputs.written(by: step) {
          ended.state = .done
          ended.outputs = written
          try append(ended)
          return .done
        }
        ended.exit = 1
        ended.message = "the command ended well but did not write \(step.output ?? "")"
      } else {
        ended.message = StepLog.message(files.log(item.id), exit: outcome.exit)
      }
      let exit = ended.exit ?? 1
      let isLast = record.attempt > plan.job.retries || StepRunner.finalCodes.contains(exit)
      if isLast {
        ended.state = .failed
        // Without --overwrite, code 4 says that a product beside the output is somebody else's.
        ended.owned = !outputs.existing(step).isEmpty && (exit != 4 || replaces)
        try append(ended)
        return .failed(exit: exit, message: ended.message ?? "")
      }
      pause(settings.retryPause * Double(1 << min(record.attempt - 1, 6)))
      record.attempt += 1
      replaces = replaces || outcome.exit > 128
    }
  }

  private func append(_ record: ManifestRecord) throws { try writer.append(record, next: manifest.nextSequence) }

  private func pause(_ seconds: Double) {
    let end = ContinuousClock.now + .milliseconds(Int(clamping: seconds * 1000))
    while ContinuousClock.now < end, !context.cancellation.isCancelled { usleep(20_000) }
  }

  /// `hsi denoise --method=fasthyde … -- IN OUT`; resources as the run divides them unless the step says otherwise.
  private func commandLine(_ step: PlannedStep, of item: BatchItem, replaces: Bool) throws -> [String] {
    let workers = max(1, settings.workers)
    var common = settings.commonOptions
    common.append("--threads=\(max(1, context.threads / workers))")
    common.append("--memory=\(max(64 << 20, context.memory.bytes / workers))")
    common.append("--seed=" + settings.seed)
    common.append("--progress=none")
    if replaces { common.append("--overwrite") }
    let command = plan.catalogue.command(step.command)
    let chosen = common.filter { option in
      let name = String(option.dropFirst(2).prefix { $0 != "=" })
      guard let known = command?.option(name) else { return false }
      return known.isRepeating || !step.options.contains { $0.hasPrefix("--\(name)=") }
    }
    let output = step.output.map { [$0] } ?? []
    let files = command?.writesFirst == true ? output + step.inputs : step.inputs + output
    let front = [settings.executable] + step.command + step.options + chosen
    guard files.reduce(0, { $0 + $1.utf8.count + 1 }) > StepRunner.longest else { return front + ["--"] + files }
    return front + (try ArgumentFiles.write(files, beside: BatchFiles(plan.job).logs + "/" + item.id + "." + step.id))
  }

  /// Bytes of names beyond which they are handed over in files: systems allow as little as 128 KiB.
  private static let longest = 64 << 10

  /// Deletes unfinished outputs of a process that was killed: of `pid`, or of processes of this machine that are gone.
  private func removeLeftovers(_ step: PlannedStep, pid: pid_t? = nil) {
    for output in step.outputs where !FilePaths.isRemote(output) {
      UnfinishedFolder.removeLeftovers(beside: plan.job.resolved(output)) { name, owner in
        if let pid { return owner == pid }
        // `a.tif` has `a.hdr`, `a_report.html` and such beside it; long names are cut off.
        let stem = FilePaths.name(FilePaths.stem(output))
        return (name.hasPrefix(stem) || name.utf8.count > 60 && stem.hasPrefix(name)) && !Worker.isRunning(owner)
      }
    }
  }
}

/// Between a run and its children: they stop when it is gone.
public enum ParentWatch {
  /// The environment variable that holds the process number of the run.
  public static let variable = "HSI_BATCH_PARENT"

  /// The process number of the run that started this process; nil when none did.
  public static func parent(_ environment: [String: String]) -> pid_t? {
    environment[variable].flatMap { pid_t($0) }
  }
}
