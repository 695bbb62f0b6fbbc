import Foundation
import HSICore
import HSINetworks
import HSITransformer

/// What a training run has been through; stored with its state.
public struct DenoisingRecord: Codable, Sendable, Equatable {
  /// One point of the training curve.
  public struct Point: Codable, Sendable, Equatable {
    /// Steps done.
    public var step: Int
    /// Loss, mean over the steps since the last point.
    public var loss: Double
    /// Validation MPSNR in dB, where it was measured.
    public var psnr: Double?
    /// Learning rate.
    public var rate: Double
  }

  /// Steps done.
  public var step = 0
  /// The curve.
  public var curve: [Point] = []
  /// Best validation MPSNR so far, and its step.
  public var best: Double?
  public var bestStep = 0
  /// Seconds of training so far.
  public var seconds = 0.0
  /// What the run was started with; a run is continued only with the same.
  public var settings: String
}

/// Noisy and clean scenes on which a training run is judged.
public struct DenoisingValidation: Sendable {
  /// Pairs of `[1, D, H, W, 1]`.
  let pairs: [(noisy: Tensor, clean: Tensor)]

  /// Patches of scenes kept out of the training, `count` of them spread evenly, with fixed noise.
  public init(_ patches: TrainingPatches, noise: NoiseCycle, count: Int = 8) {
    let size = patches.recipe.size
    pairs = (0..<min(count, patches.count)).map { i in
      let index = i * patches.count / min(count, patches.count)
      return DenoisingTrainer.sample(
        patches, [index], epoch: nil, size: size, noise: { _ in noise.model(sample: i) })
    }
  }

  /// Mean over pairs of the MPSNR in dB.
  func score(_ network: HSDT) -> Double {
    let scores = pairs.map { pair -> Double in
      let restored = network(Variable(pair.noisy), Tape(.inference)).value
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

/// Trains HSDT on clean patches with simulated noise.
///
/// Step, order, augmentation, noise and branch draws are functions of the seed, and the state that is saved is complete: a
/// run that was stopped and resumed ends with the same bytes as one that was not. Optimiser: Adam.
/// The weights kept are those of the best validation MPSNR.
public final class DenoisingTrainer {
  /// The network in training.
  public let network: HSDT
  /// What has happened so far.
  public private(set) var record: DenoisingRecord

  private let patches: TrainingPatches
  private let validation: DenoisingValidation
  private let recipe: DenoisingRecipe
  private let optimiser: Optimiser
  private let average: ExponentialMovingAverage?
  private let stepsPerEpoch: Int
  private var order: (epoch: Int, indices: [Int]) = (-1, [])
  private var recentLosses: [Double] = []

  /// - Parameters:
  ///   - settings: a description of network, data and recipe; a saved state with another one is refused.
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
    optimiser = Optimiser(.adam(), network.store.parameters.filter { !$0.isBuffer })
    average = recipe.averageDecay.map { ExponentialMovingAverage(network.store, decay: $0) }
    stepsPerEpoch = max(1, min(recipe.patchesPerEpoch ?? patches.count, patches.count) / recipe.batch)
    record = DenoisingRecord(settings: settings)
  }

  /// Bytes of training a network of a configuration beside the patches: what a step keeps for the way back, by volumes of the head's
  /// width at full resolution, and weights with gradients, moments and average. Held to the truth by a test.
  public static func workingBytes(_ network: HSDT, batch: Int, size: Int) -> Int {
    let configuration = network.configuration
    let values = batch * configuration.bands * size * size
    let parameters = network.store.parameters.reduce(0) { $0 + $1.value.count }
    return 4 * values * (trainingVolumes(configuration) * configuration.channels + 8) + 6 * 4 * parameters
  }

  /// Volumes of the head's width at full resolution that are alive at the end of a forward pass.
  private static func trainingVolumes(_ configuration: HSDTConfiguration) -> Int {
    30 + 8 * configuration.layers
  }

  /// Steps of the whole run.
  public var steps: Int { stepsPerEpoch * recipe.epochs }

  private var state: TrainingState {
    TrainingState(store: network.store, optimiser: optimiser, average: average)
  }

  /// Continues from a saved state.
  ///
  /// - Throws: `TransformerError` for a damaged or foreign file, `RestorationError.otherTraining` for other settings.
  public func resume(from path: String) throws {
    let saved = try state.restore(DenoisingRecord.self, from: path)
    guard saved.settings == record.settings else {
      throw RestorationError.otherTraining(path: path, saved: saved.settings, wanted: record.settings)
    }
    record = saved
  }

  /// Trains to the end, or until `stopAfter` seconds have passed or the context is cancelled.
  ///
  /// - Parameters:
  ///   - statePath: where the state is saved at every evaluation, and when the run stops early.
  ///   - evaluateEvery: steps between evaluations.
  ///   - onBest: called with the evaluated weights in place whenever they are the best so far.
  /// - Returns: true when the run has reached its end.
  @discardableResult
  public func run(
    statePath: String?, evaluateEvery: Int, stopAfter: Double = .infinity, _ context: RunContext,
    onBest: (DenoisingTrainer) throws -> Void
  ) throws -> Bool {
    let start = Date()
    let secondsBefore = record.seconds
    while record.step < steps {
      let elapsed = Date().timeIntervalSince(start)
      record.seconds = secondsBefore + elapsed
      if context.cancellation.isCancelled || elapsed > stopAfter {
        if let statePath { try state.save(record, to: statePath) }
        try context.checkCancellation()
        return false
      }
      let rate = step()
      let isLast = record.step == steps
      if record.step % evaluateEvery == 0 || isLast {
        try evaluate(rate: rate, onBest)
        if let statePath { try state.save(record, to: statePath) }
      }
      let psnr = record.curve.last?.psnr.map { String(format: ", PSNR %.2f dB", $0) } ?? ""
      let loss = recentLosses.suffix(20).reduce(0, +) / Double(max(1, min(20, recentLosses.count)))
      context.progress.report(
        phase: "training", fraction: Double(record.step) / Double(steps),
        detail: String(format: "step %d of %d, loss %.5f", record.step, steps, loss) + psnr)
    }
    return true
  }

  /// One step; returns its learning rate.
  private func step() -> Double {
    let epoch = record.step / stepsPerEpoch
    let place = record.step % stepsPerEpoch
    if order.epoch != epoch { order = (epoch, patches.order(epoch: epoch)) }
    let (stage, start) = recipe.stage(at: epoch)
    let time = Double(epoch - start) + Double(place) / Double(stepsPerEpoch)
    let rate = stage.rate.rate(at: time)
    let first = place * recipe.batch
    let base = record.step * recipe.batch
    let (noisy, clean) = DenoisingTrainer.sample(
      patches, Array(order.indices[first..<(first + recipe.batch)]), epoch: epoch, size: patches.recipe.size,
      noise: { stage.noise.model(sample: base + $0) })
    let isFrozen = Double(record.step) >= (1 - recipe.frozenShare) * Double(steps)
    let tape = Tape(isFrozen ? .evaluation : .training, seed: recipe.seed, stream: UInt64(record.step))
    // Evaluation draws no branches; a quarter of the steps keeps the self query in practice.
    let query: GuidedSpectralAttention.Query = isFrozen && tape.draw() < 0.25 ? .selfQuery : .automatic
    let restored = network(Variable(noisy), query: query, tape)
    let loss =
      switch recipe.loss {
      case .squared: meanSquaredError(restored, clean, tape)
      case .decibel: planeDecibelLoss(restored, clean, planes: clean.shape[0] * clean.shape[1], tape)
      }
    tape.backward(from: loss)
    if let clipNorm = recipe.clipNorm { optimiser.clipGradients(toNorm: clipNorm) }
    optimiser.step(rate: rate)
    average?.update()
    record.step += 1
    recentLosses.append(Double(loss.value.scalar))
    return rate
  }

  private func evaluate(rate: Double, _ onBest: (DenoisingTrainer) throws -> Void) throws {
    average?.swap()
    defer { average?.swap() }
    let psnr = validation.score(network)
    let loss = recentLosses.reduce(0, +) / Double(max(1, recentLosses.count))
    recentLosses.removeAll(keepingCapacity: true)
    record.curve.append(.init(step: record.step, loss: loss, psnr: psnr, rate: rate))
    guard psnr > record.best ?? -.infinity else { return }
    record.best = psnr
    record.bestStep = record.step
    try onBest(self)
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
