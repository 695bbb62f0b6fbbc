import Foundation
import HSICore
import HSINetworks
import HSITransformer

/// Noisy and clean scenes on which a training run is judged.
public struct DenoisingValidation: Sendable {
  /// Pairs of `[1, D, H, W, 1]`.
  let pairs: [(noisy: Tensor, clean: Tensor)]

  /// Patches of scenes kept out of the training, `count` of them spread evenly, with fixed noise.
  public init(_ patches: TrainingPatches, noise: NoiseCycle, count: Int = 8) {
    let size = patches.recipe.size
    pairs = (0..<min(count, patches.count)).map { i in
      let index = i * patches.count / min(count, patches.count)
      return DenoisingTask.sample(
        patches, [index], epoch: nil, size: size, noise: { _ in noise.model(sample: i) })
    }
  }

  /// Mean over pairs of the MPSNR in dB.
  func score(_ network: HSDT) -> Double { score { network(Variable($0), Tape(.inference)).value } }

  /// The same of the noisy patches.
  var scoreOfInput: Double { score { $0 } }

  private func score(_ restore: (Tensor) -> Tensor) -> Double {
    let scores = pairs.map { pair -> Double in
      let restored = restore(pair.noisy)
      let bands = restored.shape[1]
      let plane = restored.count / bands
      var sum = 0.0
      for band in 0..<bands {
        var error = 0.0
        for i in (band * plane)..<((band + 1) * plane) {
          let difference = Double(restored.pointer[i] - pair.clean.pointer[i])
          error += difference * difference
        }
        sum += -10 * log10(max(error / Double(plane), 1e-12))
      }
      return sum / Double(bands)
    }
    return scores.reduce(0, +) / Double(max(scores.count, 1))
  }
}

/// HSDT learning to remove simulated noise from clean patches.
///
/// Order, augmentation, noise and branch draws are functions of the seed. Rule: Adam on all weights that may be trained. The score
/// is the MPSNR of validation patches, by the moving average of the weights where the recipe has one.
public final class DenoisingTask: TrainingTask {
  /// The network in training.
  public let network: HSDT
  public let plan: TrainingPlan
  public let settings: String
  public let name = "training"

  private let patches: TrainingPatches
  private let validation: DenoisingValidation
  private let recipe: DenoisingRecipe
  private var order: (epoch: Int, indices: [Int]) = (-1, [])

  /// - Parameters:
  ///   - settings: a description of network, data and recipe; a saved state with another one is refused.
  /// - Throws: `RestorationError.tooFewPatches`.
  public init(
    _ network: HSDT, patches: TrainingPatches, validation: DenoisingValidation, recipe: DenoisingRecipe,
    settings: String
  ) throws {
    guard patches.count >= recipe.batch else {
      throw RestorationError.tooFewPatches(found: patches.count, needed: recipe.batch)
    }
    self.network = network
    self.patches = patches
    self.validation = validation
    self.recipe = recipe
    self.settings = settings
    var plan = TrainingPlan(
      epochs: recipe.epochs,
      batches: max(1, min(recipe.patchesPerEpoch ?? patches.count, patches.count) / recipe.batch),
      evaluation: .batches(recipe.evaluateEvery))
    plan.clipNorm = recipe.clipNorm
    plan.averageDecay = recipe.averageDecay
    self.plan = plan
  }

  public var store: ParameterStore { network.store }

  public func makeOptimiser() -> Optimiser {
    Optimiser(.adam(), [.init("weights", store.parameters.filter { !$0.isBuffer }, schedule: recipe.schedule)])
  }

  public func loss(of batch: TrainingBatch, _ context: RunContext) throws -> TrainingLoss {
    if order.epoch != batch.epoch { order = (batch.epoch, patches.order(epoch: batch.epoch)) }
    let stage = recipe.stage(at: batch.epoch)
    let first = batch.index * recipe.batch
    let base = batch.step * recipe.batch
    let (noisy, clean) = DenoisingTask.sample(
      patches, Array(order.indices[first..<(first + recipe.batch)]), epoch: batch.epoch, size: patches.recipe.size,
      noise: { stage.noise.model(sample: base + $0) })
    let isFrozen = Double(batch.step) >= (1 - recipe.frozenShare) * Double(batch.steps)
    let tape = Tape(isFrozen ? .evaluation : .training, seed: recipe.seed, stream: UInt64(batch.step))
    // Evaluation draws no branches; a quarter of the steps keeps the self query in practice.
    let query: GuidedSpectralAttention.Query = isFrozen && tape.draw() < 0.25 ? .selfQuery : .automatic
    let restored = network(Variable(noisy), query: query, tape)
    switch recipe.loss {
    case .squared: return TrainingLoss(tape.meanSquaredError(restored, clean), on: tape)
    case .decibel:
      return TrainingLoss(
        tape.planeDecibelLoss(restored, clean, planes: clean.shape[0] * clean.shape[1]), on: tape)
    }
  }

  public func score(_ context: RunContext) throws -> TrainingScore? { TrainingScore(validation.score(network)) }

  public func text(_ score: Double) -> String { String(format: "PSNR %.2f dB", score) }

  public var scoreOfInput: Double? { validation.scoreOfInput }
  /// 0 dB: an error as large as the range of the data.
  public var leastScore: Double { 0 }

  /// Bytes of training a network of a configuration beside the patches: what a step keeps for the way back, by volumes of the head's
  /// width at full resolution, and weights with gradients, moments and average. Held to the truth by a test.
  public static func workingBytes(_ network: HSDT, batch: Int, size: Int) -> Int {
    let configuration = network.configuration
    let parameters = network.store.parameters.reduce(0) { $0 + $1.value.count }
    let volumes = trainingVolumes(configuration) * configuration.channels + 8
    return .sum(.product(4, batch, configuration.bands, size, size, volumes), 6 * 4 * parameters)
  }

  /// Volumes of the head's width at full resolution that are alive at the end of a forward pass.
  private static func trainingVolumes(_ configuration: HSDTConfiguration) -> Int {
    30 + 8 * configuration.layers
  }

  /// Patches as network input: noisy and clean `[B, D, size, size, 1]`.
  static func sample(
    _ patches: TrainingPatches, _ indices: [Int], epoch: Int?, size: Int, noise: (Int) -> NoiseModel
  ) -> (noisy: Tensor, clean: Tensor) {
    let bands = patches.recipe.bands
    let clean = Tensor(uninitialised: [indices.count, bands, size, size, 1])
    for (i, index) in indices.enumerated() {
      patches.copy(index, epoch: epoch, to: clean.output + i * patches.valuesPerPatch)
    }
    let noisy = clean.copy()
    for (i, index) in indices.enumerated() {
      let realisation = NoiseRealisation(
        noise(i), bands: bands, samples: size, seed: patches.noiseSeed(index, epoch: epoch ?? Int(Int32.max)))
      realisation.add(toPlanes: noisy.output + i * patches.valuesPerPatch, lines: size)
    }
    return (noisy, clean)
  }
}
