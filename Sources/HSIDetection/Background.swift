import CKernels
import Foundation
import HSICore
import HSINumerics

/// Mean and covariance of a background, regularised so that they can be inverted whatever the number of pixels.
///
/// With S the covariance of the pixels, D the diagonal of their variances and R = D^−½ S D^−½,
///
///     C = D^½ ((1 − α) R + α I) D^½
///
/// shrinks towards independent bands, so that α does not depend on the units of any band. Without a given α it is the one that makes
/// pixels left out one by one most likely under a normal distribution, by the approximation that all of them lie at the mean distance
/// (Theiler, "The incredible shrinking covariance estimator", Proc. SPIE 8391, 2012): with n pixels, β = (1 − α) / (n − 1),
/// Gα = n β R + α I and r = tr(Gα⁻¹ R),
///
///     α = argmin ln |Gα| + ln(1 − β r) + r / (1 − β r).
///
/// Only eigenvalues of R enter. Bands without variance do not count. Cost N L² for the statistics, 9 L³ for the eigenvectors.
public struct Background: Sendable {
  /// Pixels that the background was learnt from.
  public let count: Int
  /// Mean spectrum; zero for a background about the origin.
  public let mean: [Double]
  /// Standard deviation per band, 0 where there is none.
  public let deviations: [Double]
  /// α.
  public let shrinkage: Double
  /// Eigenvalues of (1 − α) R + α I, descending.
  public let eigenvalues: [Double]
  /// Eigenvectors of R as columns.
  public let eigenvectors: Matrix<Double>

  /// The background of all valid pixels of a source.
  ///
  /// - Parameters:
  ///   - isCentred: whether the mean is taken off; else second moments about the origin stand for the covariance.
  ///   - excluded: share of the pixels, those farthest from the mean, that a second look leaves out: targets and clouds. From 0 to 0.5.
  ///   - shrinkage: α; nil for the most likely one.
  /// - Throws: `DetectionError.tooFewPixels`, `.noVariation`; the errors of reading.
  public init(
    of source: any StripSource, isCentred: Bool = true, excluding excluded: Double = 0, shrinkage: Double? = nil,
    _ context: RunContext
  ) throws {
    let claim = context.claimThreads()
    defer { claim.release() }
    var statistics = try SceneStatistics(source, context, label: "background", precision: .double)
    try self.init(statistics, isCentred: isCentred, shrinkage: shrinkage)
    guard excluded > 0, statistics.count > 2 else { return }
    // The distances of all pixels decide which are left out.
    let plan = whitening(isCentred: true)
    let limit = try Background.limit(plan, source, share: excluded, context)
    let accumulator = StatisticsAccumulator(bands: source.shape.bands, precision: .double)
    let (kept, distances) = (PixelMatrix(rows: 0, columns: source.shape.bands), PixelMatrix(rows: 0, columns: 2))
    let bytes = 4 * source.shape.bands + 8
    try source.forEachStrip(context, label: "background", extraBytesPerPixel: bytes) { strip in
      distances.reshape(rows: strip.count, columns: 2)
      plan.score(strip.pixels, norms: distances, values: nil)
      kept.reshape(rows: strip.count, columns: strip.bands)
      var count = 0
      for n in 0..<strip.count where distances[n, 1] <= limit {
        (kept.pointer + count * strip.bands).update(from: strip.pixels.pointer + n * strip.bands, count: strip.bands)
        count += 1
      }
      kept.reshape(rows: count, columns: strip.bands)
      accumulator.add(kept)
    }
    statistics = accumulator.finish()
    try self.init(statistics, isCentred: isCentred, shrinkage: shrinkage)
  }

  /// The background of statistics in double precision.
  ///
  /// - Throws: `DetectionError.tooFewPixels`, `.noVariation`.
  public init(_ statistics: SceneStatistics, isCentred: Bool = true, shrinkage: Double? = nil) throws {
    guard statistics.count >= 2 else {
      throw DetectionError.tooFewPixels(valid: statistics.count, needed: 2, purpose: "a background")
    }
    let moments = isCentred ? statistics.covariance : statistics.correlation
    let bands = statistics.mean.count
    let level = (0..<bands).map { abs(moments[$0, $0]) }.max() ?? 0
    // Rounding of constant bands is no variance.
    let deviations = (0..<bands).map { b -> Double in
      let floor = 1e-13 * max(statistics.mean[b] * statistics.mean[b], 1e-6 * level)
      return moments[b, b] > floor ? moments[b, b].squareRoot() : 0
    }
    guard deviations.contains(where: { $0 > 0 }), level.isFinite else { throw DetectionError.noVariation }
    let correlation = Matrix<Double>(rows: bands, columns: bands) { i, j in
      guard deviations[i] > 0, deviations[j] > 0 else { return 0 }
      return moments[i, j] / (deviations[i] * deviations[j])
    }
    let eigen = try correlation.symmetricEigen()
    let used = deviations.reduce(0) { $0 + ($1 > 0 ? 1 : 0) }
    let values = eigen.values.map { max($0, 0) }
    let alpha = shrinkage ?? Background.likeliest(Array(values.prefix(used)), count: statistics.count)
    count = statistics.count
    mean = isCentred ? statistics.mean : [Double](repeating: 0, count: bands)
    self.deviations = deviations
    self.shrinkage = alpha
    eigenvalues = values.map { max((1 - alpha) * $0 + alpha, Background.least) }
    eigenvectors = eigen.vectors
  }

  /// Smallest eigenvalue that is inverted: fp32 pixels hold no more.
  private static let least = 1e-10

  /// α by the likelihood of pixels left out, from the eigenvalues of R.
  static func likeliest(_ values: [Double], count: Int) -> Double {
    let n = Double(max(count, 3))
    var best = (value: Double.infinity, alpha: 1.0)
    for step in stride(from: -10.0, through: -0.0001, by: 0.125) {
      let alpha = pow(10, step)
      let beta = (1 - alpha) / (n - 1)
      var (logarithm, distance) = (0.0, 0.0)
      for value in values {
        let regular = n * beta * value + alpha
        logarithm += log(max(regular, 1e-300))
        distance += value / regular
      }
      let rest = 1 - beta * distance
      guard rest > 0 else { continue }
      let loss = logarithm + log(rest) + distance / rest
      if loss < best.value { best = (loss, alpha) }
    }
    return best.alpha
  }

  /// The distance that a share of the pixels lies beyond.
  private static func limit(
    _ plan: ScorePlan, _ source: any StripSource, share: Double, _ context: RunContext
  ) throws -> Float {
    let histogram = ScoreHistogram()
    let distances = PixelMatrix(rows: 0, columns: 2)
    try source.forEachStrip(context, label: "background", extraBytesPerPixel: 8) { strip in
      distances.reshape(rows: strip.count, columns: 2)
      plan.score(strip.pixels, norms: distances, values: nil)
      for n in 0..<strip.count { histogram.add(distances[n, 1]) }
    }
    return Float(histogram.quantile(1 - share))
  }

  /// Coordinates in which the background is white: `z = (x − μ) W`, W = D^−½ V Λ^−½, L × L, components in the order of eigenvalues.
  public var whiteningMatrix: Matrix<Double> {
    Matrix(rows: mean.count, columns: mean.count) { b, c in
      deviations[b] > 0 ? eigenvectors[b, c] / (deviations[b] * eigenvalues[c].squareRoot()) : 0
    }
  }

  /// White coordinates of a spectrum.
  ///
  /// - Parameter isCentred: whether the mean is taken off first.
  public func whitened(_ spectrum: some Collection<Double>, isCentred: Bool = true) -> [Double] {
    let values = zip(spectrum, mean).map { isCentred ? $0 - $1 : $0 }
    return (0..<mean.count).map { c in
      var sum = 0.0
      for b in 0..<mean.count where deviations[b] > 0 { sum += values[b] / deviations[b] * eigenvectors[b, c] }
      return sum / eigenvalues[c].squareRoot()
    }
  }

  /// Filters as weights of bands: `C⁻¹ s` of a spectrum, centred where `isCentred`.
  public func inverse(_ spectrum: some Collection<Double>, isCentred: Bool = true) -> [Double] {
    let white = whitened(spectrum, isCentred: isCentred)
    return (0..<mean.count).map { b in
      guard deviations[b] > 0 else { return 0 }
      var sum = 0.0
      for c in 0..<mean.count { sum += eigenvectors[b, c] * white[c] / eigenvalues[c].squareRoot() }
      return sum / deviations[b]
    }
  }

  /// The plan whose second norm is the Mahalanobis distance `(x − μ)ᵀ C⁻¹ (x − μ)`, with further columns as values.
  ///
  /// - Parameter columns: weights of bands, one list per value.
  public func whitening(isCentred: Bool = true, values columns: [[Double]] = []) -> ScorePlan {
    let bands = mean.count
    let white = whiteningMatrix
    let all = Matrix<Double>(rows: bands, columns: bands + columns.count) { b, c in
      c < bands ? white[b, c] : columns[c - bands][b]
    }
    return ScorePlan(all, shift: isCentred ? mean : nil, groups: [bands])
  }
}
