import Foundation
import HSICore
import HSINumerics

/// Standard deviation of the noise of every band, in the units of the scene.
public struct NoiseLevels: Sendable, Codable {
  /// One value per band, ≥ 0.
  public var standardDeviations: [Double]

  /// Known levels.
  public init(standardDeviations: [Double]) { self.standardDeviations = standardDeviations }

  /// Throws `RestorationError.unusableNoise` unless there is one usable level per band.
  func check(bands: Int) throws {
    guard standardDeviations.count == bands else {
      throw RestorationError.unusableNoise(
        detail: "there are \(standardDeviations.count) for \(bands) bands")
    }
    if let band = standardDeviations.firstIndex(where: { !($0.isFinite && $0 >= 0) }) {
      throw RestorationError.unusableNoise(detail: "band \(band + 1) has \(standardDeviations[band])")
    }
  }

  /// Estimates the levels of a scene: per band the smaller of two estimates, both of which err upwards.
  ///
  /// - Regression on all other bands (`NoiseEstimate`): errs where neighbouring bands are as noisy as the band itself,
  ///   or do not explain it. Needs more pixels than bands.
  /// - Spatial: `median |d| / 0.6745` of the diagonal Haar details `d = (a − b − c + e) / 2` of 2 × 2 valid pixels
  ///   (Donoho and Johnstone, 1994): errs upwards in texture, hardly in outliers. Needs 16 such blocks.
  ///
  /// Where neither applies the level is 0. Cost N L² + L³.
  public static func estimate(_ scene: Cube, _ context: RunContext) throws -> NoiseLevels {
    let claim = context.claimThreads()
    defer { claim.release() }
    let finite = scene.finitePixels()
    let bands = scene.shape.bands
    let spatial = spatialLevels(finite)
    var regression: [Double]?
    if bands > 1, finite.count > 2 * bands {
      context.progress.report(phase: "noise estimate", fraction: 0)
      regression = try regressionLevels(SceneStatistics(finite, context, precision: .double))
      context.progress.report(phase: "noise estimate", fraction: 1)
    }
    let levels = (0..<bands).map { b in
      switch (spatial?[b], regression?[b]) {
      case (let a?, let b?): a > 0 ? min(a, b) : b  // details of coarsely quantised bands have median 0
      case (let a, let b): a ?? b ?? 0
      }
    }
    return NoiseLevels(standardDeviations: levels)
  }

  /// The spatial estimate alone (see `estimate`): it holds whatever noise does between bands, and is too large where the scene is finely
  /// textured. Nil where the scene has fewer than 16 whole 2 × 2 blocks of valid pixels.
  public static func spatial(_ scene: Cube) -> NoiseLevels? {
    spatialLevels(scene.finitePixels()).map { NoiseLevels(standardDeviations: $0) }
  }

  /// Levels by regression with intercept, bands brought to unit variance so that the units of the scene do
  /// not meet the regularisation; `N / (N − L)` corrects for the fitted coefficients.
  static func regressionLevels(_ statistics: SceneStatistics) throws -> [Double] {
    let bands = statistics.mean.count
    let deviations = (0..<bands).map { max(0, statistics.covariance[$0, $0]).squareRoot() }
    let inverse = zip(deviations, statistics.mean).map { $0 > 1e-7 * abs($1) ? 1 / $0 : 0 }
    let correlation = Matrix<Double>(rows: bands, columns: bands) {
      $0 == $1 ? 1 : statistics.covariance[$0, $1] * inverse[$0] * inverse[$1]
    }
    let estimate = try NoiseEstimate(correlation: correlation, count: statistics.count)
    let correction = Double(statistics.count) / Double(max(1, statistics.count - bands))
    return (0..<bands).map { b in
      inverse[b] > 0 ? (estimate.variances[b] * correction).squareRoot() * deviations[b] : 0
    }
  }

  /// Levels from diagonal Haar details, nil where the scene has fewer than 16 whole 2 × 2 blocks.
  static func spatialLevels(_ scene: Cube) -> [Double]? {
    let (samples, bands) = (scene.shape.samples, scene.shape.bands)
    guard scene.shape.lines > 1, samples > 1 else { return nil }
    let grid = scene.rowOfPlace()
    var blocks: [(Int, Int, Int, Int)] = []
    // Overlapping blocks halve the scatter of the median; large scenes need no such care.
    let step = scene.count > 1 << 16 ? 2 : 1
    for line in stride(from: 0, to: scene.shape.lines - 1, by: step) {
      for sample in stride(from: 0, to: samples - 1, by: step) {
        let place = line * samples + sample
        let four = (grid[place], grid[place + 1], grid[place + samples], grid[place + samples + 1])
        if four.0 >= 0, four.1 >= 0, four.2 >= 0, four.3 >= 0 {
          blocks.append((Int(four.0), Int(four.1), Int(four.2), Int(four.3)))
        }
      }
    }
    guard blocks.count >= 16 else { return nil }
    var levels = [Double](repeating: 0, count: bands)
    levels.withUnsafeMutableBufferPointer { levels in
      let (levels, pixels) = (levels.baseAddress!, scene.pixels.pointer)
      let blocks = blocks
      Parallel.forEach(bands) { band in
        let values = pixels + band
        var details = blocks.map { a, b, c, d in
          abs(values[a * bands] - values[b * bands] - values[c * bands] + values[d * bands]) / 2
        }
        levels[band] = Double(median(&details)) / 0.6744897501960817
      }
    }
    return levels
  }
}

/// The median by partial sorting (the mean of the two middle values of an even number); the order of `values`
/// changes.
func median(_ values: inout [Float]) -> Float {
  guard !values.isEmpty else { return 0 }
  let middle = values.count / 2
  let upper = select(&values, middle)
  guard values.count % 2 == 0 else { return upper }
  let lower = values[..<middle].max() ?? upper
  return (lower + upper) / 2
}

/// The value of rank `k` (0-based) by quickselect, which leaves smaller values before it and larger ones
/// behind.
func select(_ values: inout [Float], _ k: Int) -> Float {
  values.withUnsafeMutableBufferPointer { v in
    var (low, high) = (0, v.count - 1)
    while low < high {
      // Median of three against sorted input.
      let middle = (low + high) / 2
      if v[middle] < v[low] { v.swapAt(middle, low) }
      if v[high] < v[low] { v.swapAt(high, low) }
      if v[high] < v[middle] { v.swapAt(high, middle) }
      let pivot = v[middle]
      var (i, j) = (low, high)
      while i <= j {
        while v[i] < pivot { i += 1 }
        while v[j] > pivot { j -= 1 }
        if i <= j {
          v.swapAt(i, j)
          i += 1
          j -= 1
        }
      }
      if k <= j { high = j } else if k >= i { low = i } else { return v[k] }
    }
    return v[k]
  }
}
