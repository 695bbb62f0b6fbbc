import Foundation
import HSICore

/// Trains any task: accumulation, clipping, averaging, schedules, evaluation, patience, time limits, exact resume, progress and
/// the curve.
///
/// The state that is saved is complete and replaced as a whole: a run that was stopped, by `SIGKILL` if need be, and resumed
/// ends with the same bytes as one that was not. It is saved between updates only, so no gradient is lost.
///
///     let trainer = try Trainer(task)
///     let outcome = try trainer.run(TrainingSession(statePath: "run.safetensors"), context)
public final class Trainer {
  /// What is learned.
  public let task: any TrainingTask
  /// Sizes and ends.
  public let plan: TrainingPlan
  /// What has happened so far.
  public private(set) var record: TrainingRecord

  private let optimiser: Optimiser
  private let average: ExponentialMovingAverage?
  /// The weights of the best score, where the network is to end with them.
  private var best: [Tensor]?
  /// The last losses, for the display.
  private var recent: [Double] = []
  /// Whether the state under its name is one of this run.
  private var hasSaved = false

  /// A trainer at the beginning of a run.
  ///
  /// - Parameter rule: in place of that of the task; groups, schedules and decay stay the task's.
  public init(_ task: any TrainingTask, rule: (any UpdateRule)? = nil) {
    self.task = task
    plan = task.plan
    precondition(plan.epochs >= 0 && plan.batches >= 1 && plan.accumulation >= 1, "\(plan)")
    let usual = task.makeOptimiser()
    optimiser = rule.map { Optimiser($0, usual.groups) } ?? usual
    average = plan.averageDecay.map { ExponentialMovingAverage(task.store, decay: $0) }
    record = TrainingRecord(settings: task.settings + (rule.map { ", \($0.settings)" } ?? ""))
  }

  /// Batches of the whole run.
  public var steps: Int { plan.steps }

  // MARK: - Running

  /// Trains to the end, or until the time limit or the context's cancellation.
  ///
  /// - Parameter onBest: called with the judged weights in place whenever they are the best so far.
  /// - Returns: where the run ended; the session is told too.
  /// - Throws: `CoreError.cancelled` after the state was saved, the errors of the task and of files.
  @discardableResult
  public func run(
    _ session: TrainingSession, _ context: RunContext, onBest: (Trainer) throws -> Void = { _ in }
  ) throws -> TrainingOutcome {
    let claim = context.claimThreads()
    defer { claim.release() }
    if session.resumes, let path = session.statePath {
      // A job that is queued again repeats its command, and may have ended before there was a state.
      if FileManager.default.fileExists(atPath: path) {
        try resume(from: path)
      } else {
        context.warn("W-TRAINING-ANEW", "there is no state \(path) yet: the training begins anew")
      }
    }
    // The time of day may go back.
    let start = ContinuousClock.now
    var saved = start
    let patience = session.patience ?? plan.patience
    var isPending = false
    var isDue = false
    while record.step < steps, !record.hasEnded {
      let now = ContinuousClock.now
      if !isPending {
        let isOver = session.timeLimit.map { start.duration(to: now) / .seconds(1) > $0 } ?? false
        if context.cancellation.isCancelled || isOver {
          try save(session)
          try context.checkCancellation()
          return end(session, isComplete: false)
        }
        if saved.duration(to: now) / .seconds(1) > session.saveEvery {
          try save(session)
          saved = now
        }
      }
      let batch = plan.batch(record.step)
      let rate = try pass(batch, context, isPending: &isPending)
      isDue = isDue || isEvaluated(after: batch)
      if isDue, !isPending {
        isDue = false
        try evaluate(batch, rate: rate, context, onBest)
        if let patience, record.stale >= patience, record.step < steps { record.hasEnded = true }
        try save(session)
        saved = .now
      }
      report(context)
    }
    if record.hasEnded { context.progress.report(phase: task.name, fraction: 1) }
    guard record.best != nil || !record.curve.contains(where: { $0.score != nil }) else {
      throw TransformerError.diverged(training: task.name, step: record.step)
    }
    warnOfHarm(context)
    return end(session, isComplete: true)
  }

  /// Trains to the end in one go, keeping no state.
  @discardableResult
  public func run(_ context: RunContext, onBest: (Trainer) throws -> Void = { _ in }) throws -> TrainingOutcome {
    try run(TrainingSession(), context, onBest: onBest)
  }

  private func end(_ session: TrainingSession, isComplete: Bool) -> TrainingOutcome {
    keepBest()
    let outcome = TrainingOutcome(isComplete: isComplete, steps: steps, record: record)
    session.onEnd?(outcome)
    return outcome
  }

  /// Says where the best network is worse than none.
  private func warnOfHarm(_ context: RunContext) {
    guard let best = record.best, let floor = task.scoreOfInput, best < floor else { return }
    context.warn(
      "W-TRAINING-HARM",
      "the best network of \(task.name), \(task.text(best)), is worse than giving back what it is given, "
        + String(format: "%.2f", floor) + ": it diverged or learned too little; lower \(option: "rate") or train longer"
    )
  }

  /// One batch, and an update where enough have been accumulated; returns the learning rate.
  private func pass(_ batch: TrainingBatch, _ context: RunContext, isPending: inout Bool) throws -> Double {
    let loss = try task.loss(of: batch, context)
    let value = Double(loss.value.value.scalar)
    guard value.isFinite else { throw TransformerError.diverged(training: task.name, step: record.step + 1) }
    let time = plan.clock.time(epoch: batch.epoch, batch: batch.index, batches: plan.batches)
    let parts = plan.accumulation
    loss.tape.backward(from: parts > 1 ? loss.tape.scale(loss.value, by: 1 / Float(parts)) : loss.value)
    isPending = (batch.index + 1) % parts != 0
    if !isPending {
      optimiser.step(at: time, clipNorm: plan.clipNorm)
      average?.update()
    }
    if batch.index + 1 == plan.batches {
      task.store.clearGradients()
      isPending = false
    }
    record.step += 1
    record.lossSum += value * loss.weight
    record.lossWeight += loss.weight
    recent.append(value)
    if recent.count > 20 { recent.removeFirst() }
    return optimiser.groups.first.map { $0.schedule.rate(at: time) * $0.rateFactor } ?? 0
  }

  private func isEvaluated(after batch: TrainingBatch) -> Bool {
    if batch.step + 1 == steps { return true }
    switch plan.evaluation {
    case .batches(let count): return (batch.step + 1) % max(count, 1) == 0
    case .epochs(let count): return batch.index + 1 == plan.batches && (batch.epoch + 1) % max(count, 1) == 0
    }
  }

  private func evaluate(
    _ batch: TrainingBatch, rate: Double, _ context: RunContext, _ onBest: (Trainer) throws -> Void
  ) throws {
    average?.swap()
    let judged = conform()
    defer {
      for (parameter, value) in judged { parameter.set(value) }
      average?.swap()
    }
    let score = try task.score(context)
    record.curve.append(
      TrainingPoint(
        step: record.step, epoch: batch.epoch + 1, loss: record.meanLoss, score: score?.value, rate: rate))
    (record.lossSum, record.lossWeight) = (0, 0)
    guard let score else { return }
    context.logger.info("\(task.name): step \(record.step) of \(steps), \(task.text(score.value))")
    let before = record.best.map { TrainingScore($0, second: record.bestSecond ?? 0) }
    guard before.map({ score > $0 }) ?? (score.value > task.leastScore) else {
      record.stale += 1
      return
    }
    (record.best, record.bestSecond) = (score.value, score.second)
    (record.bestStep, record.stale) = (record.step, 0)
    if plan.keepsBest { best = task.store.parameters.map { $0.value.copy() } }
    try onBest(self)
  }

  /// Gives averages the form that the rule keeps (zeros where it has them); returns what they were.
  private func conform() -> [(parameter: Parameter, value: Tensor)] {
    guard average != nil else { return [] }
    let before = task.store.trainable.map { (parameter: $0, value: $0.value, version: $0.version) }
    for (parameter, _, _) in before { optimiser.rule.conform(parameter) }
    return before.filter { $0.parameter.version != $0.version }.map { ($0.parameter, $0.value) }
  }

  /// Puts the weights in place that the network is to end with.
  private func keepBest() {
    guard plan.keepsBest else { return }
    guard let best else {
      average?.swap()
      _ = conform()
      return
    }
    for (parameter, value) in zip(task.store.parameters, best) { parameter.set(value) }
  }

  private func report(_ context: RunContext) {
    let score = record.curve.last?.score.map { ", " + task.text($0) } ?? ""
    let loss = recent.reduce(0, +) / Double(max(1, recent.count))
    context.progress.report(
      phase: task.name, fraction: Double(record.step) / Double(max(steps, 1)),
      detail: String(format: "step %d of %d, loss %.5f", record.step, steps, loss) + score)
  }

  // MARK: - State

  private var state: TrainingState {
    TrainingState(store: task.store, optimiser: optimiser, average: average, best: best)
  }

  private func save(_ session: TrainingSession) throws {
    guard let path = session.statePath else { return }
    try state.save(record, to: path, overwrite: session.replaces || hasSaved)
    hasSaved = true
  }

  /// Continues from a saved state.
  ///
  /// - Throws: `TransformerError` for a damaged or foreign file, `.otherTraining` for other settings; nothing changes then.
  public func resume(from path: String) throws {
    let saved = try TrainingState.record(TrainingRecord.self, in: WeightFile.open(path))
    guard saved.settings == record.settings else {
      throw TransformerError.otherTraining(path: path, saved: saved.settings, wanted: record.settings)
    }
    var state = state
    record = try state.restore(TrainingRecord.self, from: path)
    best = state.best
  }
}
