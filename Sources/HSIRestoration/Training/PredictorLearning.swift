import Foundation
import HSICore
import HSINetworks
import HSINumerics
import HSITransformer

/// A predictor learning from clean patches, each of which is degraded in one way or left as it is.
///
/// Every sample draws one of the classes, all alike, and the strength of its degradation (`DegradationDraw`, mirrored at the borders); what
/// changes nothing counts as nothing.
/// Values that are lost are zero, as they are in scenes whose files do not mark them; coarse grids are brought back to the size
/// of the patch, half of them by repetition of pixels, half by cubic convolution. Loss: the cross entropy of one class out of all. The published
/// predictor has a yes or no for every class and counts complex noise three times: that makes of the outputs what no threshold is
/// honest about, since their sum is anything, and a class that counts three times is believed to be three times as frequent.
/// Rule: AdamW, weight decay 0.01, a half cosine after a short warm-up, gradients of norm 1 at most, averaged weights. The score is
/// the mean over classes of the share of validation patches that are recognised, their cross entropy deciding between equals.
final class PredictorLearning: TrainingTask {
  let network: DegradationPredictor
  let plan: TrainingPlan
  let settings: String
  let name = "training"

  private let patches: TrainingPatches
  private let batch: Int
  private let seed: UInt64
  private let schedule: LearningRateSchedule
  private let validation: [Sample]
  private var order: (epoch: Int, indices: [Int]) = (-1, [])
  /// The share of each class that the last judgement recognised.
  private var shares: [Double] = []

  /// Validation patches per class.
  static let judged = 8

  init(
    _ network: DegradationPredictor, _ options: PredictorTraining, patches: TrainingPatches, judges: TrainingPatches,
    settings: String, _ context: RunContext
  ) throws {
    (self.network, self.patches, self.settings) = (network, patches, settings)
    (batch, seed) = (options.batch, context.seed)
    let batches = max(1, min(options.patchesPerEpoch ?? patches.count, patches.count) / options.batch)
    var plan = TrainingPlan(epochs: options.epochs, batches: batches, evaluation: .batches(options.evaluateEvery))
    plan.clipNorm = 1
    plan.averageDecay = 0.998
    self.plan = plan
    schedule = .cosine(
      rate: options.rate, floor: options.rate / 100, warmUp: min(1, Double(options.epochs) / 20),
      end: Double(options.epochs))
    let (classes, judged) = (network.configuration.classes, PredictorLearning.judged)
    var validation: [Sample] = []
    for label in 0..<classes {
      for i in 0..<judged where judges.count > 0 {
        let index = (i * classes + label) * judges.count / (classes * judged)
        validation.append(
          try Sample(judges, index, epoch: nil, label: label, seed: UInt64(i), network.configuration, context))
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
    let configuration = network.configuration
    let samples = try order.indices[first..<(first + self.batch)].map { index in
      let seed = patches.noiseSeed(index, epoch: batch.epoch)
      var random = NoiseStream.condition.random(seed)
      return try Sample(
        patches, index, epoch: batch.epoch, label: random.index(below: configuration.classes), seed: seed,
        configuration, quiet)
    }
    let input = Tensor(uninitialised: [samples.count, configuration.size, configuration.size, configuration.bands])
    for (n, sample) in samples.enumerated() {
      (input.output + n * sample.input.count).update(from: sample.input.pointer, count: sample.input.count)
    }
    let tape = Tape(.training, seed: seed, stream: UInt64(batch.step))
    return TrainingLoss(
      tape.crossEntropy(network(Variable(input), tape), labels: samples.map(\.label)), on: tape)
  }

  func score(_ context: RunContext) throws -> TrainingScore? {
    guard !validation.isEmpty else { return nil }
    let classes = network.configuration.classes
    var (hits, counts) = ([Double](repeating: 0, count: classes), [Double](repeating: 0, count: classes))
    var loss = 0.0
    for sample in validation {
      try context.checkCancellation()
      let tape = Tape(.inference)
      let logits = network(Variable(sample.input), tape)
      let values = logits.value.values
      if values.indices.max(by: { values[$0] < values[$1] }) == sample.label { hits[sample.label] += 1 }
      counts[sample.label] += 1
      loss += Double(tape.crossEntropy(logits, labels: [sample.label]).value.scalar)
    }
    shares = zip(hits, counts).map { $1 > 0 ? $0 / $1 : .nan }
    let known = shares.filter(\.isFinite)
    return TrainingScore(known.reduce(0, +) / Double(known.count), second: -loss / Double(validation.count))
  }

  func text(_ score: Double) -> String {
    let names = network.configuration.tasks.map(\.rawValue) + ["nothing"]
    let parts = zip(names, shares).filter(\.1.isFinite).map { String(format: "\($0) %.0f %%", 100 * $1) }.joined(
      separator: ", ")
    return String(format: "balanced accuracy %.3f", score) + (parts.isEmpty ? "" : " (\(parts))")
  }

  /// What the network sees of a patch, `[1, size, size, bands]`, and what it should say.
  private struct Sample {
    let input: Tensor
    let label: Int

    init(
      _ patches: TrainingPatches, _ index: Int, epoch: Int?, label: Int, seed: UInt64,
      _ configuration: DegradationPredictorConfiguration, _ context: RunContext
    ) throws {
      let (size, bands) = (configuration.size, configuration.bands)
      let scene = patches.cube(index, epoch: epoch)
      var image = scene.pixels
      if label < configuration.tasks.count {
        let draw = try DegradationDraw(configuration.tasks[label], seed: seed, mirrors: true)
        let degraded = try draw.apply(to: scene, context)
        image = PromptedImage.filled(degraded, .published, zero: 0)
        if draw.scale > 1 {
          image = PromptedImage.enlarged(
            image, degraded.shape, by: draw.scale, draw.grid, seed & 1 == 0 ? .published : .interpolated)
        }
      }
      let picture = PredictorImage.picture(image, lines: size, samples: size, bands: bands, size: size)
      input = Tensor([1, size, size, bands], (picture ?? image).values)
      // Too few bands to lose one, for example.
      let isChanged = image.values != scene.pixels.values
      self.label = isChanged ? label : configuration.tasks.count
    }
  }
}
