import Foundation
import HSICore
import HSINetworks
import HSITransformer

/// Trains a patch network on labelled pixels.
///
/// The order of pixels, orientations, dropout and dropped paths are functions of the seed: the result depends on nothing else,
/// neither on time nor on the number of threads. Where there are validation pixels the weights kept are those that classified
/// most of them correctly (with the smaller loss among equals), else the last ones.
public final class PatchTrainer {
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
  /// What has happened so far.
  public private(set) var curve: [TrainingPoint] = []

  private let cutter: PatchCutter
  private let recipe: PatchRecipe
  private let optimiser: Optimiser
  private let groups: [[Parameter]]
  private var dark: [Float] = []
  private var best: (accuracy: Double, loss: Double, values: [Tensor])?

  /// A trainer of the weights that the recipe names.
  public init(_ network: any PatchNetwork, _ cutter: PatchCutter, _ recipe: PatchRecipe) {
    self.network = network
    self.cutter = cutter
    self.recipe = recipe
    if recipe.scope == .adapters { network.store.train([.adapter]) }
    let trainable = network.store.trainable
    groups = [trainable.filter { $0.role == .adapter }, trainable.filter { $0.role != .adapter }]
    optimiser = Optimiser(
      .adamW(weightDecay: recipe.weightDecay),
      [Optimiser.Group("adapters", groups[0]), Optimiser.Group("others", groups[1])])
  }

  /// Trains to the end of the recipe.
  ///
  /// - Parameter dark: the components of a spectrum of zeros (see `PatchAugmentation`).
  /// - Throws: `CoreError.cancelled`.
  public func run(
    _ image: FeatureImage, training: Samples, validation: Samples = Samples(), dark: [Float] = [], name: String,
    _ context: RunContext
  ) throws {
    self.dark = dark
    guard !training.places.isEmpty else { return }
    let batches = (training.places.count + recipe.batch - 1) / recipe.batch
    var (sum, count, stale) = (0.0, 0, 0)
    for epoch in 0..<recipe.epochs {
      let order = PatchTrainer.order(training.places.count, seed: context.seed, epoch: epoch)
      for batch in 0..<batches {
        try context.checkCancellation()
        let indices = Array(order[(batch * recipe.batch)..<min((batch + 1) * recipe.batch, order.count)])
        let loss = step(image, training, indices, epoch: epoch, batch: batch, batches: batches, context)
        sum += loss * Double(indices.count)
        count += indices.count
        let accuracy = curve.last?.validationAccuracy.map { String(format: ", validation %.1f %%", 100 * $0) } ?? ""
        context.progress.report(
          phase: "training \(name)",
          fraction: (Double(epoch) + Double(batch + 1) / Double(batches)) / Double(recipe.epochs),
          detail: String(format: "epoch %d of %d, loss %.4f", epoch + 1, recipe.epochs, sum / Double(count)) + accuracy)
      }
      network.store.clearGradients()
      let isLast = epoch == recipe.epochs - 1
      guard (epoch + 1) % max(recipe.evaluateEvery, 1) == 0 || isLast else { continue }
      let rate = recipe.rates(epoch: epoch, batch: batches - 1, batches: batches).adapter
      var point = TrainingPoint(epoch: epoch + 1, loss: sum / Double(count), rate: rate)
      (sum, count) = (0, 0)
      if !validation.places.isEmpty {
        let (accuracy, loss) = try evaluate(image, validation, context)
        point.validationAccuracy = accuracy
        if best.map({ (accuracy, -loss) > ($0.accuracy, -$0.loss) }) ?? true {
          best = (accuracy, loss, network.store.parameters.map { $0.value.copy() })
          stale = 0
        } else {
          stale += 1
        }
      }
      curve.append(point)
      if let patience = recipe.patience, stale >= patience {
        context.progress.report(phase: "training \(name)", fraction: 1)
        break
      }
    }
    if let best {
      for (parameter, value) in zip(network.store.parameters, best.values) { parameter.set(value) }
    }
  }

  /// Forward, backward and, at the end of every group of batches, a step. Returns the mean loss.
  private func step(
    _ image: FeatureImage, _ samples: Samples, _ indices: [Int], epoch: Int, batch: Int, batches: Int,
    _ context: RunContext
  ) -> Double {
    let number = UInt64(epoch) * UInt64(batches) + UInt64(batch)
    var random = CounterRandom(seed: context.seed, stream: number &+ 0x4155_4700_0000_0000)
    let orientations = recipe.augmentation.orientations(indices.count, &random)
    // Changes come before the scaling of patches, which would undo a factor.
    var x = cutter.patches(image, indices.map { samples.places[$0] }, orientations: orientations, isScaled: false)
    recipe.augmentation.change(&x, dark: dark, seed: context.seed, stream: number)
    cutter.scale(&x)
    let tape = Tape(.training, seed: context.seed, stream: number)
    let loss = crossEntropy(
      network(Variable(x), tape), labels: indices.map { samples.labels[$0] }, smoothing: recipe.labelSmoothing, tape)
    let value = Double(loss.value.scalar)
    tape.backward(
      from: recipe.accumulation > 1 ? scale(loss, by: 1 / Float(recipe.accumulation), tape) : loss)
    guard (batch + 1) % max(recipe.accumulation, 1) == 0 else { return value }
    let rates = recipe.rates(epoch: epoch, batch: batch, batches: batches)
    optimiser.step(rates: [rates.adapter, rates.other], clipNorm: recipe.clipNorm)
    return value
  }

  /// Share of pixels classified correctly, and the mean cross entropy without smoothing.
  private func evaluate(
    _ image: FeatureImage, _ samples: Samples, _ context: RunContext
  ) throws -> (accuracy: Double, loss: Double) {
    var (right, loss) = (0, 0.0)
    for start in stride(from: 0, to: samples.places.count, by: 128) {
      try context.checkCancellation()
      let range = start..<min(start + 128, samples.places.count)
      let labels = Array(samples.labels[range])
      let tape = Tape(.inference)
      let logits = network(Variable(cutter.patches(image, Array(samples.places[range]))), tape)
      loss += Double(crossEntropy(logits, labels: labels, tape).value.scalar) * Double(range.count)
      let classes = logits.shape[1]
      for (n, label) in labels.enumerated() {
        let row = logits.value.pointer + n * classes
        if (0..<classes).allSatisfy({ row[$0] < row[label] || $0 == label }) { right += 1 }
      }
    }
    return (Double(right) / Double(samples.places.count), loss / Double(samples.places.count))
  }

  /// All indices in an order that depends on seed and epoch.
  static func order(_ count: Int, seed: UInt64, epoch: Int) -> [Int] {
    var random = CounterRandom(seed: seed, stream: UInt64(epoch) &+ 0x4F52_4400_0000_0000)
    return (0..<count).shuffled(using: &random)
  }
}
