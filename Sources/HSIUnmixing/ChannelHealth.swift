import HSICore
import HSINumerics

/// Which channels of a scene hold signal, judged by how well the others predict them (`ChannelPrediction`).
///
/// Two figures decide. The quality `d_l = min(1, median(r)/r_l)` compares a channel with the others of its scene; the residual r_l
/// is the share of its root mean square that no other channel explains. A channel counts as corrupted where its quality is at or
/// below a threshold *and* its residual is `leastResidual` or more: the ends of a detector are many times noisier than its middle,
/// and hold signal all the same (real scenes: residual up to 0.06), while channels of noise, stripes, saturation or zeros have
/// 0.13 to 1. A channel that holds one value everywhere has quality 0, residual 1, and predicts no other: the others often make up
/// a constant, so that nothing would seem wrong with a stuck channel. `docs/channel-detection.md` has precision and recall.
public struct ChannelHealth: Sendable {
  /// `d_l`, 0 bad … 1 as good as the median or better.
  public let quality: [Double]
  /// `r_l`, 0 explained by the others … 1 not at all.
  public let residual: [Double]

  /// Residual below which a channel is never taken for corrupted.
  public static let leastResidual = 0.1
  /// Variance as a share of the mean square up to which a channel is constant: rounding of integers is above, that of sums below.
  private static let constant = 1e-9

  /// Judges channels by second moments `Σ y yᵀ / N` and the mean spectrum. Cost L³.
  ///
  /// - Throws: `UnmixingError.noVariation` where every channel holds one value, `NumericsError.singular`.
  public init(correlation: Matrix<Double>, mean: [Double]) throws {
    let bands = correlation.rows
    let rms = (0..<bands).map { max(correlation[$0, $0], 0).squareRoot() }
    let largest = rms.max() ?? 0
    guard largest > 0 else { throw UnmixingError.noVariation(detail: "all values are zero") }
    let live = (0..<bands).filter { l in
      let square = correlation[l, l]
      return rms[l] > 1e-12 * largest && square - mean[l] * mean[l] > ChannelHealth.constant * square
    }
    guard !live.isEmpty else { throw UnmixingError.noVariation(detail: "all pixels have the same spectrum") }
    let found = try ChannelPrediction(correlation, channels: live).residual
    let median = NeighbourGraph.median(sorted: found.sorted())
    var (quality, residual) = ([Double](repeating: 0, count: bands), [Double](repeating: 1, count: bands))
    for (i, l) in live.enumerated() { (quality[l], residual[l]) = (min(1, median / found[i]), min(1, found[i])) }
    self.quality = quality
    self.residual = residual
  }

  /// Judges the channels of pixels N × L. Cost N·L² + L³.
  public init(_ pixels: PixelMatrix) throws {
    try self.init(correlation: RobustStart.correlation(pixels), mean: RobustStart.mean(pixels))
  }

  /// Channels that are not corrupted; when fewer than a quarter are, those of at least the median quality.
  ///
  /// - Parameter threshold: quality at or below which a channel that is badly predicted counts as corrupted.
  public func healthy(threshold: Double = 0.4) -> [Bool] {
    atLeast(
      quality.count / 4,
      of: quality.indices.map { quality[$0] > threshold || residual[$0] < ChannelHealth.leastResidual })
  }

  /// The best channels, for what must not be led astray and can do without some: those of quality above `threshold`, however well
  /// they are predicted; when fewer than `max(2K, L/4)` are, those of at least the median quality.
  ///
  /// - Parameter count: number of endmembers K that they are to tell apart.
  public func best(count: Int, threshold: Double = 0.4) -> [Bool] {
    atLeast(max(2 * count, quality.count / 4), of: quality.map { $0 > threshold })
  }

  private func atLeast(_ least: Int, of kept: [Bool]) -> [Bool] {
    guard kept.count(where: { $0 }) < least else { return kept }
    let median = NeighbourGraph.median(sorted: quality.sorted())
    return quality.map { $0 >= median && $0 > 0 }
  }
}
