import HSICore
import HSINumerics

/// How much brightness varies over a scene beyond what mixing explains: relief, shadow and illumination.
///
/// Pixels that are mixtures `y = M a` with `1ᵀa = 1` lie in a plane: some functional u has `uᵀy = 1` for all of them. Under
/// brightness b_n it is `uᵀy_n = b_n`. So the least coefficient of variation that any linear functional has,
///
///     v² = min_u  E[(uᵀy)²] / E[uᵀy]² − 1 = 1/(mᵀC⁻¹m) − 1,     m = E[y], C = E[y yᵀ],
///
/// is that of the brightness, whatever the endmembers are. It is taken in the K leading dimensions of the noise-whitened
/// pixels, with expectations weighted by the energy of a pixel (a dark pixel says little of brightness), and less what noise adds,
/// `‖u‖²/(uᵀm)²`. Linear mixtures with sum-to-one give 0.00 to 0.01; a simulated brightness with a standard deviation of 25 %
/// gives 0.21 (the weights favour bright pixels), Samson 0.21, Urban 0.27. Cost N·L·K + L³. The derivation is ours;
/// `docs/blind-unmixing.md` has the figures.
public enum BrightnessSpread {
  /// From this on pixels of unit length are unmixed: with a simulated spread of 0.02 both conventions err alike, at 0.05 raw pixels
  /// err twice as much.
  public static let limit = 0.03

  /// The spread v of a scene with values ≥ 0; 0 where it has too few channels or pixels to tell.
  ///
  /// - Parameters:
  ///   - count: number of endmembers K.
  ///   - threshold: channels whose quality is at or below this do not count, as in `RobustStart`.
  /// - Throws: `UnmixingError.noVariation`, `NumericsError`.
  public static func measure(_ pixels: PixelMatrix, count: Int, threshold: Double = 0.4) throws -> Double {
    let correlation = RobustStart.correlation(pixels)
    let health = try ChannelHealth(correlation: correlation, mean: RobustStart.mean(pixels))
    let kept = health.best(count: count, threshold: threshold)
    let good = kept.indices.filter { kept[$0] && correlation[$0, $0] > 0 }
    guard good.count > count, pixels.rows > 2 * count else { return 0 }
    let noise = try ChannelPrediction(correlation, channels: good).noise
    let whitened = Matrix<Double>(rows: good.count, columns: good.count) { i, j in
      correlation[good[i], good[j]] / (noise[i] * noise[j])
    }
    var basis = try whitened.symmetricEigen().vectors.selecting(columns: Array(0..<count))
    for i in good.indices { for k in 0..<count { basis[i, k] /= noise[i] } }
    return try spread(VertexStart.project(pixels, basis, good), dimension: count)
  }

  /// v of scores N × K whose noise has unit variance.
  private static func spread(_ scores: [Double], dimension k: Int) throws -> Double {
    var mean = [Double](repeating: 0, count: k)
    var moments = Matrix<Double>(rows: k, columns: k)
    var total = 0.0
    for n in 0..<(scores.count / k) {
      let row = n * k
      var energy = 0.0
      for i in 0..<k { energy += scores[row + i] * scores[row + i] }
      total += energy
      for i in 0..<k {
        let weighted = energy * scores[row + i]
        mean[i] += weighted
        for j in 0...i { moments[i, j] += weighted * scores[row + j] }
      }
    }
    guard total > 0 else { return 0 }
    mean = mean.map { $0 / total }
    for i in 0..<k {
      for j in 0...i {
        moments[i, j] /= total
        moments[j, i] = moments[i, j]
      }
    }
    let trace = (0..<k).reduce(0) { $0 + moments[$1, $1] }
    for i in 0..<k { moments[i, i] += 1e-12 * trace }
    let u = try moments.solvedPositiveDefinite(Matrix(rows: k, columns: 1, values: mean)).values
    let response = zip(u, mean).reduce(0) { $0 + $1.0 * $1.1 }
    guard response > 0 else { return 0 }
    let noise = u.reduce(0) { $0 + $1 * $1 } / (response * response)
    return max(0, 1 / response - 1 - noise).squareRoot()
  }
}
