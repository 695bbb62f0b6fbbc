/// Which noise a training sample gets: models in turn from sample to sample.
public struct NoiseCycle: Hashable, Sendable {
  /// The models, in order.
  public let models: [NoiseModel]

  /// One model for all samples.
  public init(_ model: NoiseModel) { models = [model] }

  private init(models: [NoiseModel]) { self.models = models }

  /// Gaussian σ 10, 30, 50, 70 in turn (second stage of HSDT's training).
  public static let blind = NoiseCycle(models: [10, 30, 50, 70].map { .gaussian($0) })

  /// Non-iid noise with nothing, impulses, stripes, dead columns in turn (third stage). The mixture is never trained on.
  public static let complex = NoiseCycle(
    models: [.standard(.noniid), .standard(.impulse), .standard(.stripe), .standard(.deadline)])

  /// Everything: Gaussian noise of every strength from that of a good sensor (σ 1) on, bands of different strength, impulses,
  /// stripes, dead columns, and all of them together.
  public static let general: NoiseCycle = {
    let (any, weak) = (NoiseModel.uniform(1, 75), NoiseModel.uniform(1, 20))
    let bands = NoiseModel.perBand([2, 5, 10, 20, 30, 40, 50, 70])
    return NoiseCycle(models: [
      any, .standard(.noniid), .standard(.mixture), weak, .standard(.impulse), any, .standard(.stripe), bands,
      .standard(.mixture), any, .standard(.deadline), weak,
    ])
  }()

  /// One of each kind for judging a network in training, the mixture included.
  public static let judging = NoiseCycle(
    models: [
      .gaussian(30), .standard(.mixture), .gaussian(50), .standard(.noniid), .gaussian(70),
      .standard(.stripe),
      .gaussian(10), .standard(.impulse),
    ])

  /// The model of the sample at a place in the order of training.
  public func model(sample: Int) -> NoiseModel {
    models[((sample % models.count) + models.count) % models.count]
  }
}
