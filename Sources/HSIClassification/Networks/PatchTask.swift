import Foundation
import HSICore
import HSINetworks
import HSITransformer

/// A patch network learning to classify labelled pixels.
///
/// The order of pixels, orientations, dropout and dropped paths are functions of the seed: the result depends on nothing else,
/// neither on time nor on the number of threads. Rule: AdamW. Where there are validation pixels the score is the share that is
/// classified correctly (the smaller loss decides between equals), and the network ends with the weights of the best one;
/// else with the last ones.
public final class PatchTask: TrainingTask {
  /// Patches of pixels whose class is known.
  public struct Samples {
    /// Places in the image.
    public var places: [Int]
    /// Class of each.
    public var labels: [Int]

    /// As many labels as places.
    public init(places: [Int] = [], labels: [Int] = []) {
      precondition(places.count == labels.count)
      self.places = places
      self.labels = labels
    }
  }

  /// The network in training.
  public let network: any PatchNetwork
  public let name: String
  public let plan: TrainingPlan
  public let settings: String

  private let cutter: PatchCutter
  private let recipe: PatchRecipe
  private let image: FeatureImage
  private let training: Samples
  private let validation: Samples
  private let dark: [Float]
  private let seed: UInt64
  private var order: (epoch: Int, indices: [Int]) = (-1, [])

  /// A task on the weights that the recipe names.
  ///
  /// - Parameters:
  ///   - training: at least one.
  ///   - dark: the components of a spectrum of zeros (see `PatchAugmentation`).
  ///   - name: of the network, shown while it learns, and part of what a saved state is recognised by.
  public init(
    _ network: any PatchNetwork, _ cutter: PatchCutter, _ recipe: PatchRecipe, _ image: FeatureImage,
    training: Samples, validation: Samples = Samples(), dark: [Float] = [], name: String, seed: UInt64
  ) {
    self.network = network
    self.cutter = cutter
    self.recipe = recipe
    self.image = image
    self.training = training
    self.validation = validation
    self.dark = dark
    self.seed = seed
    self.name = "training \(name)"
    if recipe.scope == .adapters { network.store.train([.adapter]) }
    var plan = TrainingPlan(
      epochs: training.places.isEmpty ? 0 : recipe.epochs,
      batches: max(1, (training.places.count + recipe.batch - 1) / recipe.batch),
      evaluation: .epochs(recipe.evaluateEvery))
    plan.accumulation = max(recipe.accumulation, 1)
    plan.clipNorm = recipe.clipNorm
    plan.clock = recipe.clock
    plan.patience = recipe.patience
    plan.keepsBest = true
    self.plan = plan
    settings = PatchTask.settings(
      network, recipe, image, training: training, validation: validation, dark: dark, name: name, seed: seed)
  }

  public var store: ParameterStore { network.store }

  public func makeOptimiser() -> Optimiser {
    let trainable = store.trainable
    return Optimiser(
      .adamW(),
      [
        .init(
          "adapters", trainable.filter { $0.role == .adapter }, schedule: recipe.schedule(ofAdapters: true),
          decay: recipe.weightDecay),
        .init(
          "others", trainable.filter { $0.role != .adapter }, schedule: recipe.schedule(ofAdapters: false),
          rateFactor: recipe.schedule == .cosine ? recipe.otherRateFactor : 1, decay: recipe.weightDecay),
      ])
  }

  public func loss(of batch: TrainingBatch, _ context: RunContext) throws -> TrainingLoss {
    if order.epoch != batch.epoch {
      order = (batch.epoch, PatchTask.order(training.places.count, seed: seed, epoch: batch.epoch))
    }
    let first = batch.index * recipe.batch
    let indices = Array(order.indices[first..<min(first + recipe.batch, order.indices.count)])
    let number = UInt64(batch.step)
    var random = CounterRandom(seed: seed, stream: number &+ 0x4155_4700_0000_0000)
    let orientations = recipe.augmentation.orientations(indices.count, &random)
    // Changes come before the scaling of patches, which would undo a factor.
    var x = cutter.patches(image, indices.map { training.places[$0] }, orientations: orientations, isScaled: false)
    recipe.augmentation.change(&x, dark: dark, seed: seed, stream: number)
    cutter.scale(&x)
    let tape = Tape(.training, seed: seed, stream: number)
    let loss = tape.crossEntropy(
      network(Variable(x), tape), labels: indices.map { training.labels[$0] }, smoothing: recipe.labelSmoothing)
    return TrainingLoss(loss, on: tape, weight: Double(indices.count))
  }

  /// Share of pixels classified correctly, and minus the mean cross entropy without smoothing.
  public func score(_ context: RunContext) throws -> TrainingScore? {
    guard !validation.places.isEmpty else { return nil }
    var (right, loss) = (0, 0.0)
    for start in stride(from: 0, to: validation.places.count, by: 128) {
      try context.checkCancellation()
      let range = start..<min(start + 128, validation.places.count)
      let labels = Array(validation.labels[range])
      let tape = Tape(.inference)
      let logits = network(Variable(cutter.patches(image, Array(validation.places[range]))), tape)
      loss += Double(tape.crossEntropy(logits, labels: labels).value.scalar) * Double(range.count)
      let classes = logits.shape[1]
      for (n, label) in labels.enumerated() {
        let row = logits.value.pointer + n * classes
        if (0..<classes).allSatisfy({ row[$0] < row[label] || $0 == label }) { right += 1 }
      }
    }
    let count = Double(validation.places.count)
    return TrainingScore(Double(right) / count, second: -(loss / count))
  }

  public func text(_ score: Double) -> String { String(format: "validation %.1f %%", 100 * score) }

  /// All indices in an order that depends on seed and epoch.
  static func order(_ count: Int, seed: UInt64, epoch: Int) -> [Int] {
    var random = CounterRandom(seed: seed, stream: UInt64(epoch) &+ 0x4F52_4400_0000_0000)
    return (0..<count).shuffled(using: &random)
  }

  /// What the result depends on: network and recipe in words, image, pixels and starting weights as digests.
  private static func settings(
    _ network: any PatchNetwork, _ recipe: PatchRecipe, _ image: FeatureImage, training: Samples, validation: Samples,
    dark: [Float], name: String, seed: UInt64
  ) -> String {
    func digest(_ body: (inout Fingerprint) -> Void) -> String {
      var digest = Fingerprint()
      body(&digest)
      return digest.text
    }
    let pixels = digest {
      $0.add([image.lines, image.samples])
      $0.add(image.values)
      for list in [training.places, training.labels, validation.places, validation.labels] { $0.add(list) }
      $0.add(Tensor([dark.count], dark).pointer, count: dark.count)
    }
    let weights = digest {
      for parameter in network.store.parameters {
        $0.add([parameter.isTrainable ? 1 : 0] + parameter.shape)
        $0.add(parameter.value.pointer, count: parameter.value.count)
      }
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let words = (try? encoder.encode(recipe)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    return "\(name), \(words), seed \(seed), pixels \(pixels), weights \(weights)"
  }
}

extension PatchTask {
  /// The labelled pixels of a task that the scene has.
  static func samples(_ task: ClassificationTask, _ pixels: LabelledPixels) -> Samples {
    let (rows, labels) = task.rows(of: pixels)
    return Samples(places: rows.map { Int(task.scene.positions[$0]) }, labels: labels)
  }

  /// Trains a network on the pixels of a task and returns the curve.
  ///
  /// - Throws: `CoreError.cancelled`, `TransformerError.otherTraining`, the errors of files.
  static func train(
    _ network: any PatchNetwork, _ cutter: PatchCutter, _ recipe: PatchRecipe, on task: ClassificationTask,
    _ features: Features, name: String, rule: (any UpdateRule)? = nil, _ session: TrainingSession,
    _ context: RunContext
  ) throws -> [TrainingPoint] {
    let trainer = Trainer(
      PatchTask(
        network, cutter, recipe, features.image(task.scene, lines: 0..<task.scene.shape.lines),
        training: samples(task, task.training), validation: samples(task, task.validation), dark: features.dark,
        name: name, seed: context.seed), rule: rule)
    try trainer.run(session, context)
    return trainer.record.curve
  }
}
