import Foundation
import HSICore
import HSINumerics

/// How far what was taken away as haze is something that long wavelengths do not know of.
///
/// Haze lies mostly on short wavelengths, surfaces show in all of them. Over the pixels, s is the mean of the shortest tenth of the
/// bands, d the mean of what was taken away from these, and both lose what `components` principal components of the longer half of
/// the bands explain by a linear function. The correlation of what is left is near 1 where d was haze in s, near 0 or negative
/// where d follows the surfaces (bright soil without a shadow, a roof as wide as the window). By `hsi simulate degrade --kind haze
/// --seed 3` and `hsi restore --task dehaze` on the five scenes of docs/accuracy-restore.md, on which nothing of it was chosen: below
/// 0.2 on four of the five scenes without haze, and on two of ten with haze of strength 0.5 and 1.
struct HazeEvidence {
  /// In [-1, 1]; 0 where nothing is left of d or s.
  let correlation: Double

  /// Below it the haze that was found is doubtful.
  static let doubtful = 0.2
  /// Most components of the longer half of the bands.
  static let components = 12

  /// - Parameters:
  ///   - statistics: of `before`, over all bands, in double precision.
  ///   - exponents: λ₀ / λ of every band.
  /// - Throws: `NumericsError`.
  init(before: Cube, after: PixelMatrix, statistics: SceneStatistics, exponents: [Double]) throws {
    let bands = exponents.count
    let order = exponents.indices.sorted { (exponents[$1], $0) < (exponents[$0], $1) }
    let (short, long) = (Array(order.prefix(max(bands / 10, 1))), Array(order.suffix(bands / 2)))
    let removed = HazeEvidence.products(before.pixels, after, short, mean: statistics.mean)
    let covariance = statistics.covariance
    func withShort(_ band: Int) -> Double {
      short.reduce(0) { $0 + covariance[$1, band] } / Double(short.count)
    }
    // Covariances of d, s and the two of them, from which those of the components' shares are taken.
    var (dd, ss) = (removed.square, short.reduce(0) { $0 + withShort($1) } / Double(short.count))
    var ds = short.reduce(0) { $0 + removed.withBands[$1] } / Double(short.count)
    let (allD, allS) = (dd, ss)
    if !long.isEmpty {
      let eigen = try Matrix<Double>(rows: long.count, columns: long.count) { covariance[long[$0], long[$1]] }
        .symmetricEigen()
      let largest = eigen.values.first ?? 0
      for k in 0..<min(HazeEvidence.components, long.count) where eigen.values[k] > 1e-9 * largest {
        var (d, s) = (0.0, 0.0)
        for (i, band) in long.enumerated() {
          d += eigen.vectors[i, k] * removed.withBands[band]
          s += eigen.vectors[i, k] * withShort(band)
        }
        dd -= d * d / eigen.values[k]
        ss -= s * s / eigen.values[k]
        ds -= d * s / eigen.values[k]
      }
    }
    let left = dd > 1e-9 * allD && ss > 1e-9 * allS
    correlation = left ? min(max(ds / (dd * ss).squareRoot(), -1), 1) : 0
  }

  /// Variance of d and its covariance with every band. Sums within blocks of pixels, then over blocks in their order.
  private static func products(_ before: PixelMatrix, _ after: PixelMatrix, _ short: [Int], mean: [Double]) -> (
    square: Double, withBands: [Double]
  ) {
    let (count, bands) = (before.rows, before.columns)
    let (source, result) = (before.pointer, after.pointer)
    let block = 4096
    let blocks = (count + block - 1) / block
    // Of every block: Σ d, Σ d², Σ d (x_b − mean_b).
    var sums = [Double](repeating: 0, count: blocks * (bands + 2))
    sums.withUnsafeMutableBufferPointer { sums in
      let sums = sums
      Parallel.forEachChunk(of: count, chunk: block) { index, rows in
        let into = index * (bands + 2)
        for row in rows {
          var d = 0.0
          for b in short { d += Double(source[row * bands + b]) - Double(result[row * bands + b]) }
          d /= Double(short.count)
          sums[into] += d
          sums[into + 1] += d * d
          for b in 0..<bands { sums[into + 2 + b] += d * (Double(source[row * bands + b]) - mean[b]) }
        }
      }
    }
    let totals = (0..<(bands + 2)).map { place in
      (0..<blocks).reduce(0) { $0 + sums[$1 * (bands + 2) + place] } / Double(count)
    }
    return (max(totals[1] - totals[0] * totals[0], 0), Array(totals.dropFirst(2)))
  }
}
