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

  /// The model of the sample at a place in the order of training.
  public func model(sample: Int) -> NoiseModel {
    models[((sample % models.count) + models.count) % models.count]
  }
}
