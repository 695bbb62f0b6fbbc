import Foundation
import HSICore
import HSINetworks
import HSINumerics
import HSITransformer

/// MP-HSIR learning to undo simulated degradations of clean patches.
///
/// Every sample draws its task and the strength of its degradation (`DegradationDraw`); where values were missing only these count.
/// Order, augmentation, degradation and branch draws are functions of the seed. Rule: AdamW on all weights that may be trained, weight
/// decay 0.01, a half cosine after a short warm-up, gradients of norm 1 at most, averaged weights. The score is the mean PSNR of
/// validation patches, the same number for every task.
final class RestorationLearning: TrainingTask {
  let network: MPHSIR
  let plan: TrainingPlan
  let settings: String
  let name = "training"

  private let patches: TrainingPatches
  private let tasks: [MPHSIRTask]
  private let objective: RestorationSubject.Loss
  private let batch: Int
  private let seed: UInt64
  private let schedule: LearningRateSchedule
  private let validation: [Sample]
  private var order: (epoch: Int, indices: [Int]) = (-1, [])
  /// What the last judgement of each task gained over the degraded patches.
  private var gains: [(task: MPHSIRTask, gain: Double)] = []

  /// Validation patches per task.
  private static let judged = 3

  init(
    _ network: MPHSIR, tasks: [MPHSIRTask], loss: RestorationSubject.Loss, _ options: RestorationTraining,
    patches: TrainingPatches, judges: TrainingPatches, settings: String, _ context: RunContext
  ) throws {
    let seed = context.seed
    (self.network, self.tasks, self.patches, self.settings) = (network, tasks, patches, settings)
    (objective, batch, self.seed) = (loss, options.batch, seed)
    let batches = max(1, min(options.patchesPerEpoch ?? patches.count, patches.count) / options.batch)
    var plan = TrainingPlan(
      epochs: options.epochs, batches: batches, evaluation: .batches(options.evaluateEvery))
    plan.clipNorm = 1
    plan.averageDecay = 0.998
    self.plan = plan
    schedule = .cosine(
      rate: options.rate, floor: options.rate / 100, warmUp: min(1, Double(options.epochs) / 20),
      end: Double(options.epochs))
    var validation: [Sample] = []
    let count = tasks.count * RestorationLearning.judged
    for (n, task) in tasks.enumerated() {
      for i in 0..<RestorationLearning.judged {
        let index = (i * tasks.count + n) * judges.count / count
        validation.append(
          try Sample(
            judges, index, epoch: nil, DegradationDraw(task, seed: UInt64(i)), network.configuration, context))
      }
    }
    self.validation = validation
  }

  var store: ParameterStore { network.store }

  func makeOptimiser() -> Optimiser {
    Optimiser(
      .adamW(), [.init("weights", store.parameters.filter { !$0.isBuffer }, schedule: schedule, decay: 0.01)])
  }

  func loss(of batch: TrainingBatch, _ context: RunContext) throws -> TrainingLoss {
    if order.epoch != batch.epoch { order = (batch.epoch, patches.order(epoch: batch.epoch)) }
    let first = batch.index * self.batch
    var quiet = context
    quiet.progress = SilentProgress()
    let samples = try order.indices[first..<(first + self.batch)].map { index in
      try Sample(
        patches, index, epoch: batch.epoch,
        DegradationDraw(tasks, seed: patches.noiseSeed(index, epoch: batch.epoch)), network.configuration, quiet)
    }
    let (size, bands) = (patches.recipe.size, patches.recipe.bands)
    let shape = [samples.count, size, size, bands]
    let (input, target) = (Tensor(uninitialised: shape), Tensor(uninitialised: shape))
    let weights = samples.contains { $0.weights != nil } ? Tensor(uninitialised: shape) : nil
    for (n, sample) in samples.enumerated() {
      let offset = n * sample.clean.count
      (input.output + offset).update(from: sample.degraded.pointer, count: sample.clean.count)
      (target.output + offset).update(from: sample.clean.pointer, count: sample.clean.count)
      if let weights {
        for i in 0..<sample.clean.count { weights.output[offset + i] = sample.weights?.pointer[i] ?? 1 }
      }
    }
    let tape = Tape(.training, seed: seed, stream: UInt64(batch.step))
    var restored = network(Variable(input), tasks: samples.map { [$0.id] }, tape)
    if let weights {
      restored = tape.multiply(restored, Variable(weights))
      for i in 0..<target.count { target.output[i] *= weights.pointer[i] }
    }
    switch objective {
    case .absolute: return TrainingLoss(tape.meanAbsoluteError(restored, target), on: tape)
    case .decibel:
      return TrainingLoss(tape.planeDecibelLoss(restored, target, planes: samples.count, floor: 1e-6), on: tape)
    }
  }

  func score(_ context: RunContext) throws -> TrainingScore? {
    guard !validation.isEmpty else { return nil }
    var sum = 0.0
    gains = []
    for sample in validation {
      try context.checkCancellation()
      let restored = network(Variable(sample.degraded), task: sample.id, Tape(.inference)).value
      let score = sample.peakSignalToNoise(restored)
      sum += score
      if gains.last?.task != sample.task { gains.append((sample.task, 0)) }
      gains[gains.count - 1].gain +=
        (score - sample.peakSignalToNoise(sample.degraded)) / Double(RestorationLearning.judged)
    }
    return TrainingScore(sum / Double(validation.count))
  }

  /// 0 dB: an error as large as the range of the data.
  var leastScore: Double { 0 }

  var scoreOfInput: Double? {
    guard !validation.isEmpty else { return nil }
    return validation.reduce(0) { $0 + $1.peakSignalToNoise($1.degraded) } / Double(validation.count)
  }

  func text(_ score: Double) -> String {
    let parts = gains.map { String(format: "\($0.task.rawValue) %+.1f", $0.gain) }.joined(separator: ", ")
    return String(format: "PSNR %.2f dB", score) + (parts.isEmpty ? "" : " (\(parts))")
  }

  /// A clean patch and what became of it, `[1, size, size, bands]`.
  private struct Sample {
    let task: MPHSIRTask
    let id: Int
    let degraded, clean: Tensor
    /// 0 for values that were known, else what makes the mean of squares that of the others; nil where all count.
    let weights: Tensor?

    init(
      _ patches: TrainingPatches, _ index: Int, epoch: Int?, _ draw: DegradationDraw,
      _ configuration: MPHSIRConfiguration, _ context: RunContext
    ) throws {
      let (size, bands) = (patches.recipe.size, patches.recipe.bands)
      let scene = patches.cube(index, epoch: epoch)
      let degraded = try draw.apply(to: scene, context)
      let input = configuration.input ?? .published
      let missing = degraded.pixels.values.map { !$0.isFinite }
      let seen = PromptedImage.filled(degraded, input, zero: 0)
      let image =
        draw.scale > 1 ? PromptedImage.enlarged(seen, degraded.shape, by: draw.scale, draw.grid, input) : seen
      (task, id) = (draw.task, configuration.id(of: draw.task) ?? 0)
      let tensorShape = [1, size, size, bands]
      clean = Tensor(tensorShape, scene.pixels.values)
      self.degraded = Tensor(tensorShape, image.values)
      let share = Double(missing.count { $0 }) / Double(missing.count)
      guard share > 0 else {
        weights = nil
        return
      }
      let weight = Float(1 / share.squareRoot())
      weights = Tensor(tensorShape, missing.map { $0 ? weight : 0 })
    }

    /// Of values in [0, 1], those that were missing where any were.
    func peakSignalToNoise(_ restored: Tensor) -> Double {
      var sum = 0.0
      for i in 0..<clean.count {
        let difference = Double((restored.pointer[i] - clean.pointer[i]) * (weights?.pointer[i] ?? 1))
        sum += difference * difference
      }
      return -10 * log10(max(sum / Double(clean.count), 1e-12))
    }
  }
}
