import HSITransformer

/// How values of a scene come to LESS ViT: each band clipped at two standard deviations around its mean,
///
///     y = clip((x − (m − 2 s)) / (4 s), 0, 1)
///
/// A band without variation becomes ½. Source: the published data sets of arXiv 2605.18541.
public struct LESSNormalisation: Codable, Equatable, Sendable {
  /// Mean of each band.
  public var means: [Double]
  /// Standard deviation of each band.
  public var deviations: [Double]

  /// As many deviations as means.
  public init(means: [Double], deviations: [Double]) {
    precondition(means.count == deviations.count, "\(means.count) means, \(deviations.count) deviations")
    (self.means, self.deviations) = (means, deviations)
  }

  /// The value of a band; NaN stays NaN.
  public func callAsFunction(_ value: Float, band: Int) -> Float {
    let (mean, deviation) = (means[band], deviations[band])
    guard deviation > 0 else { return value.isNaN ? value : 0.5 }
    let scaled = (Double(value) - (mean - 2 * deviation)) / (4 * deviation)
    return scaled.isNaN ? .nan : Float(min(max(scaled, 0), 1))
  }

  /// Images `[…, C, H, W]` of as many bands.
  public func callAsFunction(_ images: Tensor) -> Tensor {
    let rank = images.shape.count
    precondition(rank >= 3 && images.shape[rank - 3] == means.count, "\(images.shape) with \(means.count) means")
    let plane = images.shape[rank - 2] * images.shape[rank - 1]
    return Tensor(
      images.shape, images.values.enumerated().map { self($1, band: $0 / plane % means.count) })
  }
}
