import Foundation
import HSICore
import HSINumerics
import HSITransformer

/// Images of one set of bands, for a network that learns without labels.
public struct PretrainingBatch {
  /// `[B, C, side, side]` in [0, 1]; 0 where values are missing.
  public var images: Tensor
  /// Centres of the bands in nm.
  public var wavelengths: [Double]
  /// Metres per pixel, where they are known.
  public var resolution: Double?
}

/// A network that learns from images without labels, by finding what is hidden of them.
public protocol PretrainableNetwork: Network {
  /// Side of the windows that it learns from, unless another is named.
  static func usualSide(_ configuration: Configuration) -> Int
  /// Bands of an image, where it sees no other number; nil for any.
  static func fixedBands(_ configuration: Configuration) -> Int?
  /// Refuses sides that it cannot see, and windows of so many bands of which masks leave too little.
  ///
  /// - Throws: an `HSIError`.
  func check(side: Int, bands: Int) throws
  /// The loss of a batch, what is hidden being drawn.
  func loss(_ batch: PretrainingBatch, _ random: inout CounterRandom, _ tape: Tape) -> Variable
  /// Images with what was hidden put in by the network, and 1 where it was hidden, both `[B, C, side, side]`.
  func reconstruction(_ batch: PretrainingBatch, _ random: inout CounterRandom) -> (images: Tensor, hidden: Tensor)
  /// Bytes of a step beside the weights.
  static func workingBytes(_ configuration: Configuration, batch: Int, side: Int, bands: Int) -> Int
}

extension PretrainableNetwork {
  public static func fixedBands(_ configuration: Configuration) -> Int? { nil }
}

/// A network learning from windows of scenes without labels.
///
/// Every batch is drawn by the seed and its number: a scene as often as it has windows, places near these, the bands
/// (`BandSampler`), and what is hidden. Rule: AdamW (0.9, 0.95), decay of weights with two axes or more, a half cosine after a
/// short warm-up, gradients of norm 1 at most, averaged weights. The score is the PSNR in dB of hidden values of validation windows,
/// −10 log₁₀ of their mean squared error where they are not missing; places, bands and masks are the same every time.
public final class MaskedPretraining<N: PretrainableNetwork>: TrainingTask {
  /// The network.
  public let network: N
  public let plan: TrainingPlan
  public let settings: String
  public let name = "pre-training"

  private let windows: SceneWindows
  private let sampler: BandSampler
  private let batch: Int
  private let seed: UInt64
  private let schedule: LearningRateSchedule
  private let decay: Double
  private let judged: [(batch: PretrainingBatch, stream: UInt64)]

  /// - Parameters:
  ///   - judges: windows that the score is taken on; none for no score.
  init(
    _ network: N, _ options: Pretraining<N>, windows: SceneWindows, judges: SceneWindows, settings: String,
    _ context: RunContext
  ) {
    (self.network, self.windows, self.settings) = (network, windows, settings)
    (batch, seed, decay) = (options.batch, context.seed, options.decay)
    let batches = max(1, (options.windowsPerEpoch ?? windows.count) / options.batch)
    var plan = TrainingPlan(epochs: options.epochs, batches: batches, evaluation: .batches(options.evaluateEvery))
    plan.clipNorm = 1
    plan.averageDecay = 0.998
    self.plan = plan
    schedule = .cosine(
      rate: options.rate, floor: options.rate / 100, warmUp: Double(options.epochs) / 20, end: Double(options.epochs))
    sampler = options.sampler(windows)
    judged = MaskedPretraining.judged(judges, options.sampler(judges), batch: options.batch)
  }

  public var store: ParameterStore { network.store }

  public func makeOptimiser() -> Optimiser {
    let weights = store.parameters.filter { !$0.isBuffer }
    return Optimiser(
      .adamW(beta2: 0.95),
      [
        .init("matrices", weights.filter { $0.shape.count { $0 > 1 } > 1 }, schedule: schedule, decay: decay),
        .init("vectors", weights.filter { $0.shape.count { $0 > 1 } <= 1 }, schedule: schedule, decay: 0),
      ])
  }

  public func loss(of batch: TrainingBatch, _ context: RunContext) throws -> TrainingLoss {
    var random = CounterRandom(seed: seed, stream: UInt64(batch.step) &+ 0x5052_4500_0000_0000)
    let scene = windows.drawScene(&random)
    let bands = sampler.draw(scene: scene, &random)
    let places = (0..<self.batch).map { _ in windows.draw(of: scene, &random) }
    let input = windows.batch(of: scene, places, bands)
    let tape = Tape(.training, seed: seed, stream: UInt64(batch.step))
    return TrainingLoss(network.loss(input, &random, tape), on: tape)
  }

  public func score(_ context: RunContext) throws -> TrainingScore? {
    guard !judged.isEmpty else { return nil }
    var (sum, count) = (0.0, 0)
    for sample in judged {
      try context.checkCancellation()
      var random = CounterRandom(seed: 1, stream: sample.stream)
      let found = network.reconstruction(sample.batch, &random)
      let (images, hidden, truth) = (found.images.pointer, found.hidden.pointer, sample.batch.images.pointer)
      for i in 0..<found.images.count where hidden[i] > 0 && truth[i] != 0 {
        let difference = Double(images[i]) - Double(truth[i])
        sum += difference * difference
        count += 1
      }
    }
    return TrainingScore(-10 * log10(max(sum / Double(max(count, 1)), 1e-12)))
  }

  public func text(_ score: Double) -> String { String(format: "PSNR of hidden values %.2f dB", score) }

  /// Batches of validation windows: every scene has one for each of its parts, the bands drawn once and for all.
  private static func judged(_ judges: SceneWindows, _ sampler: BandSampler, batch: Int)
    -> [(batch: PretrainingBatch, stream: UInt64)]
  {
    var result: [(batch: PretrainingBatch, stream: UInt64)] = []
    let most = 16
    for scene in judges.scenes.indices {
      let count = judges.count(of: scene)
      let batches = min(max(most / judges.scenes.count, 1), (count + batch - 1) / batch)
      for number in 0..<batches {
        let stream = UInt64(scene) << 32 | UInt64(number)
        var random = CounterRandom(seed: 2, stream: stream)
        let bands = number % 2 == 0 ? sampler.ownBands(scene: scene, &random) : sampler.draw(scene: scene, &random)
        let chosen = (0..<min(batch, count)).map { (number + $0 * batches) % count }
        let places = chosen.map { window in
          let place = judges.place(window, of: scene)
          return (line: place.line, sample: place.sample, symmetry: PatchSymmetry.identity)
        }
        result.append((judges.batch(of: scene, places, bands), stream))
      }
    }
    return result
  }
}

extension SceneWindows {
  /// Single windows from all over the scenes with their own bands, for pictures.
  public func examples(_ sampler: BandSampler, most: Int) -> [PretrainingBatch] {
    let number = min(most, count)
    return (0..<number).map { n in
      let scene = n * scenes.count / number
      var random = CounterRandom(seed: 4, stream: UInt64(n))
      let place = place((2 * n + 1) * count(of: scene) / (2 * number), of: scene)
      return batch(
        of: scene, [(line: place.line, sample: place.sample, symmetry: .identity)],
        sampler.ownBands(scene: scene, &random))
    }
  }

  /// Windows of a scene with some bands.
  func batch(
    of scene: Int, _ places: [(line: Int, sample: Int, symmetry: PatchSymmetry)], _ bands: BandSampler.Draw
  ) -> PretrainingBatch {
    let image = scenes[scene]
    let (pixels, own, count) = (side * side, image.shape.bands, bands.wavelengths.count)
    let images = Tensor(uninitialised: [places.count, count, side, side])
    let output = images.output
    Parallel.forEach(places.count) { n in
      withUnsafeTemporaryAllocation(of: Float.self, capacity: pixels * own) { window in
        guard let base = window.baseAddress else { return }
        image.copy(line: places[n].line, sample: places[n].sample, side: side, places[n].symmetry, to: base)
        bands.apply(base, pixels: pixels, bands: own, to: output + n * count * pixels)
      }
    }
    return PretrainingBatch(images: images, wavelengths: bands.wavelengths, resolution: image.resolution)
  }
}
