import HSICore
import HSINumerics

/// How well every channel of a scene follows from the others, from second moments alone.
///
/// With channels scaled to unit root mean square and `C` their correlation plus 1e-8·I, the residual of the best linear
/// prediction of channel l from all others is `r_l = (C⁻¹)_ll^(−1/2)` of its root mean square. Where the signal of a scene has
/// few dimensions, that is its noise: `σ_l = r_l · rms_l`. A fit that includes the channel itself is not safe: a channel of pure
/// noise then explains itself perfectly. Cost L³.
struct ChannelPrediction {
  /// Root mean square of every channel.
  let rms: [Double]
  /// `r_l`: what prediction leaves, as a share of the root mean square.
  let residual: [Double]

  /// Standard deviation of the noise of every channel.
  var noise: [Double] { zip(rms, residual).map(*) }

  /// - Parameters:
  ///   - correlation: `Σ y yᵀ / N` of all channels.
  ///   - channels: those to judge; none of them zero everywhere.
  /// - Throws: `NumericsError.singular`.
  init(_ correlation: Matrix<Double>, channels: [Int]) throws {
    let rms = channels.map { max(correlation[$0, $0], 0).squareRoot() }
    let scaled = Matrix<Double>(rows: channels.count, columns: channels.count) { i, j in
      correlation[channels[i], channels[j]] / (rms[i] * rms[j]) + (i == j ? 1e-8 : 0)
    }
    let inverse = try scaled.inversePositiveDefinite()
    self.rms = rms
    residual = channels.indices.map { 1 / max(inverse[$0, $0], 1e-300).squareRoot() }
  }
}
