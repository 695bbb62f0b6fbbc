import Foundation
import Glibc
import HSICore
import Synchronization

/// Runs the items of a job: claims one after the other, runs its steps as processes, and records what happened.
///
/// Any number of runners, on one machine or many, may work on one job: an item is run by the one that holds its claim,
/// and what is finished is known from the manifest, which is read again once the claim is held.
public final class BatchRunner: Sendable {
  private enum ItemResult {
    case done(seconds: Double, wasDone: Bool)
    case failed
    case interrupted
    /// Somebody else works on it, or on what it needs.
    case busy
    /// What it joins failed.
    case blocked
  }

  private struct State {
    var pending: ArraySlice<BatchItem> = []
    var waiting: [(item: BatchItem, notBefore: ContinuousClock.Instant)] = []
    var outcome = BatchOutcome()
    var error: (any Error)?
    var isStopping = false
    var toldWaiting = false
    /// Items of this run that are not finished, by stage, and stages in which one failed.
    var open: [Int: Int] = [:]
    var failedStages: Set<Int> = []
    var blocked = 0
  }

  private let plan: BatchPlan
  private let settings: BatchSettings
  private let context: RunContext
  private let report: @Sendable (BatchEvent) -> Void
  private let manifest: Manifest
  private let steps: StepRunner
  private let claims: Claims
  private let fingerprints: Fingerprints
  private let outputs: OutputCheck
  private let state = Mutex(State())

  /// A runner.
  ///
  /// - Parameters:
  ///   - context: threads and memory of the whole run, progress, cancellation.
  ///   - report: called from any thread.
  public init(
    _ plan: BatchPlan, _ settings: BatchSettings, _ context: RunContext,
    report: @escaping @Sendable (BatchEvent) -> Void = { _ in }
  ) {
    self.plan = plan
    self.settings = settings
    self.context = context
    self.report = report
    let files = BatchFiles(plan.job)
    manifest = Manifest(folder: files.manifest)
    claims = Claims(
      folder: files.claims, heartbeat: settings.claimTimes.heartbeat, staleAfter: settings.claimTimes.stale)
    fingerprints = Fingerprints(plan.job, plan.catalogue, version: settings.version, seed: settings.seed)
    outputs = OutputCheck(job: plan.job)
    steps = StepRunner(plan, settings, context, manifest)
  }

  /// Runs what is to be run.
  ///
  /// - Throws: `CoreError.cannotWrite` before anything runs when a folder cannot be made or written, `.diskFull`,
  ///   `.cancelled` after a signal; failed items are no errors but counted.
  public func run() throws -> BatchOutcome {
    manifest.refresh()
    // What is recorded from here on belongs to this run or to others that go on at the same time.
    manifest.mark()
    if manifest.damagedLines > 0 { report(.damagedManifest(lines: manifest.damagedLines)) }
    let items = try chosenItems()
    try prepareFolders(items)
    state.withLock { state in
      state.pending = items[...]
      state.open = Dictionary(items.map { ($0.stage, 1) }, uniquingKeysWith: +)
      state.outcome.total = items.count
    }
    let renewal = every(claims.heartbeat) { [claims] in claims.renew() }
    showProgress()
    // Remaining time goes on while a long item is worked on.
    let clock = every(1) { [weak self] in self?.showProgress() }
    defer {
      renewal.cancel()
      clock.cancel()
      claims.releaseAll()
    }
    let group = DispatchGroup()
    for _ in 0..<max(1, min(settings.workers, items.count)) {
      group.enter()
      let thread = Thread { [self] in
        work()
        group.leave()
      }
      thread.stackSize = 4 << 20
      thread.start()
    }
    group.wait()
    if let error = state.withLock({ $0.error }) { throw error }
    try context.checkCancellation()
    return state.withLock { state in
      state.outcome.left = state.pending.count + state.waiting.count + state.blocked
      return state.outcome
    }
  }

  /// The items of this run.
  ///
  /// - Throws: `BatchError.badShard` for a part of a job of several stages, `.missingInputs` for a stage that comes too early.
  private func chosenItems() throws -> [BatchItem] {
    let stages = plan.job.stages
    if let stage = settings.stage {
      guard (0..<stages).contains(stage) else {
        throw CoreError.invalidParameter(
          name: "\(option: "stage")", value: "\(stage)", requirement: "from 0 to \(stages - 1) in this job")
      }
      let left = plan.items.filter { $0.stage < stage && !isRecorded($0) }.count
      guard left == 0 else {
        throw BatchError.missingInputs(
          path: plan.job.path, detail: "stage \(stage) needs all items of the stages before, and \(left) are not done")
      }
    } else if let shard = settings.shard, stages > 1, shard.count > 1 {
      throw BatchError.badShard(
        text: "\(shard.number)/\(shard.count)",
        requirement:
          "used with \(option: "stage"): the job has \(stages) stages, and all items of one come before the next")
    }
    let items = plan.items.filter { item in
      !item.steps.isEmpty && (settings.shard?.contains(item.index) ?? true)
        && (settings.stage.map { $0 == item.stage } ?? true)
    }
    guard settings.onlyFailed else { return items }
    let failed = items.filter { item in item.steps.contains { manifest.record(item.id, $0.id)?.state == .failed } }
    guard let first = failed.map(\.stage).min() else { return [] }
    // What had to wait for them has no record.
    return items.filter { item in item.stage > first ? !isRecorded(item) : failed.contains { $0.id == item.id } }
  }

  /// Whether all steps of an item have ended well, by the records.
  private func isRecorded(_ item: BatchItem) -> Bool {
    item.steps.allSatisfy { manifest.record(item.id, $0.id)?.state == .done }
  }

  /// Whether the stages before that of an item are over; nil where one of their items failed.
  private func isReady(_ item: BatchItem) -> Bool? {
    guard item.stage > 0 else { return true }
    let (isOpen, hasFailed) = state.withLock { state in
      (state.open.contains { $0.key < item.stage && $0.value > 0 }, state.failedStages.contains { $0 < item.stage })
    }
    if hasFailed { return nil }
    return !isOpen
  }

  private func every(_ seconds: Double, _ action: @escaping @Sendable () -> Void) -> any DispatchSourceTimer {
    let timer = DispatchSource.makeTimerSource(queue: .global())
    timer.schedule(deadline: .now() + seconds, repeating: seconds)
    timer.setEventHandler(handler: action)
    timer.resume()
    return timer
  }

  /// Tells how far the run is; items that were done before count for nothing, so that the remaining time is honest.
  private func showProgress() {
    let (outcome, isOver) = state.withLock { ($0.outcome, $0.isStopping) }
    let (finished, open) = (outcome.done + outcome.failed - outcome.skipped, outcome.total - outcome.skipped)
    guard outcome.total > 0, !isOver else { return }
    context.progress.report(
      phase: plan.job.name, fraction: open == 0 ? 1 : Double(finished) / Double(open),
      detail: "\(finished + outcome.skipped) of \(outcome.total) items"
        + (outcome.failed > 0 ? ", \(outcome.failed) failed" : ""))
  }

  /// Makes the folders of outputs, logs, records and claims: one that cannot be made or written is known at once.
  private func prepareFolders(_ items: [BatchItem]) throws {
    let files = BatchFiles(plan.job)
    var folders: Set<String> = [files.manifest, files.claims, files.logs]
    for item in items {
      for step in item.steps {
        for output in step.outputs where !FilePaths.isRemote(output) {
          folders.insert(FilePaths.folder(plan.job.resolved(output)))
        }
      }
    }
    for folder in folders.sorted() {
      try Folders.make(folder)
      guard access(folder, W_OK | X_OK) == 0 else {
        throw CoreError.cannotWrite(path: folder, reason: "no permission to write in it")
      }
    }
  }

  private func work() {
    while let item = next() {
      do {
        finish(item, try run(item))
      } catch {
        state.withLock { state in
          state.error = state.error ?? error
          state.isStopping = true
        }
      }
    }
  }

  /// The next item to look at; nil when there is none left or the run is to end.
  private func next() -> BatchItem? {
    while !context.cancellation.isCancelled {
      let (item, isOver, tells) = state.withLock { state -> (BatchItem?, Bool, Int) in
        if state.isStopping { return (nil, true, 0) }
        if let item = state.pending.popFirst() { return (item, false, 0) }
        guard
          let index = state.waiting.indices.min(by: {
            state.waiting[$0].notBefore < state.waiting[$1].notBefore
          })
        else { return (nil, true, 0) }
        let tells = state.toldWaiting ? 0 : state.waiting.count
        state.toldWaiting = true
        guard state.waiting[index].notBefore <= .now else { return (nil, false, tells) }
        return (state.waiting.remove(at: index).item, false, tells)
      }
      if tells > 0 { report(.waiting(items: tells)) }
      if isOver { return nil }
      if let item { return item }
      usleep(20_000)
    }
    return nil
  }

  private func finish(_ item: BatchItem, _ result: ItemResult) {
    state.withLock { state in
      if case .busy = result {} else { state.open[item.stage, default: 0] -= 1 }
      switch result {
      case .done(_, let wasDone):
        state.outcome.done += 1
        if wasDone { state.outcome.skipped += 1 }
      case .blocked:
        state.failedStages.insert(item.stage)
        state.blocked += 1
      case .failed:
        state.outcome.failed += 1
        state.failedStages.insert(item.stage)
        if !plan.job.continuesOnError { state.isStopping = true }
      case .interrupted: state.isStopping = true
      case .busy: state.waiting.append((item, .now + .milliseconds(300)))
      }
    }
    if case .done(let seconds, let wasDone) = result {
      report(.done(item, seconds: seconds, wasDone: wasDone))
    }
    showProgress()
  }

  /// The steps of an item that are still to be run; nil for one that failed while this run went on.
  private func open(_ item: BatchItem, _ wanted: [String: String]) -> [PlannedStep]? {
    var open: [PlannedStep] = []
    for step in item.steps {
      let record = manifest.record(item.id, step.id)
      let isRecent = manifest.isRecent(item.id, step.id)
      if isRecent, record?.state == .failed { return nil }
      let isOld = settings.isForced && !isRecent
      if isOld || !outputs.isCurrent(record, fingerprint: wanted[step.id], verifies: settings.verifies) {
        open.append(step)
      }
    }
    return open
  }

  private func run(_ item: BatchItem) throws -> ItemResult {
    guard let isReady = isReady(item) else { return .blocked }
    guard isReady else { return .busy }
    let wanted = fingerprints.of(item)
    if let open = open(item, wanted), open.isEmpty { return .done(seconds: 0, wasDone: true) }
    guard try claims.take(item.id) else { return .busy }
    defer { claims.release(item.id) }
    // Others may have finished it before the claim was free.
    manifest.refresh()
    guard let open = open(item, wanted) else { return .failed }
    if open.isEmpty { return .done(seconds: 0, wasDone: true) }
    let start = ContinuousClock.now
    let missing = Set(open.map(\.id))
    var failed: Set<String> = []
    for step in item.steps where missing.contains(step.id) {
      if !failed.isDisjoint(with: step.dependencies) {
        failed.insert(step.id)
        continue
      }
      switch try steps.run(step, of: item, fingerprint: wanted[step.id] ?? "") {
      case .done: break
      case .interrupted: return .interrupted
      case .failed(let exit, let message):
        failed.insert(step.id)
        report(
          .failed(
            item, step: step.id, exit: exit, message: message, log: BatchFiles(plan.job).log(item.id)))
      }
    }
    return failed.isEmpty ? .done(seconds: start.duration(to: .now).seconds, wasDone: false) : .failed
  }
}

/// Where a job keeps what it knows, beside its file.
struct BatchFiles {
  let manifest: String
  let claims: String
  let logs: String
  let report: String
  let slurm: String

  init(_ job: BatchJob) {
    manifest = job.beside(".manifest")
    claims = job.beside(".claims")
    report = job.beside(".report.json")
    slurm = job.beside(".slurm")
    logs = job.resolved("logs")
  }

  func log(_ item: String) -> String { "\(logs)/\(item).log" }
}
