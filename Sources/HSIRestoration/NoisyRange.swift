import HSICore
import HSINumerics

/// The range of the values that a noisy scene would have without its noise.
///
/// Smallest and largest value of a noisy scene lie as far outside as its noise reaches, four or five standard deviations. A network
/// that learnt on scenes in [0, 1] would see a flat picture between them. Here the extremes are those of medians of
/// 3 × 3 pixels, averaged over three neighbouring bands, drawn in by 2.5 of their own standard deviations, and never
/// beyond the extremes of the values. Outliers of up to four in nine pixels do not matter; nor do spots smaller than that.
enum NoisyRange {
  /// Standard deviation of the median of nine normal values.
  private static let medianOfNine = 0.4075

  /// - Parameters:
  ///   - scene: pixels that are all finite.
  ///   - extremes: smallest and largest value.
  ///   - noise: standard deviation of every band, or nil for an estimate from the details of the image.
  /// - Returns: the range, and the root mean square of the noise.
  static func estimate(_ scene: Cube, extremes: DataRange, noise: NoiseLevels?) -> (
    range: DataRange, noise: Double
  ) {
    let bands = scene.shape.bands
    guard let levels = noise?.standardDeviations ?? NoiseLevels.spatialLevels(scene) else {
      return (extremes, 0)
    }
    let power = levels.reduce(0) { $0 + $1 * $1 }
    let strength = (power / Double(bands)).squareRoot()
    let (lines, samples) = (scene.shape.lines / 3, scene.shape.samples / 3)
    guard lines > 0, samples > 0, strength > 0 else { return (extremes, strength) }
    // Far outliers of a band are drawn in by its own standard deviation, which is that of the average of up to three medians.
    let deviations = (0..<bands).map { band -> Double in
      let near = max(0, band - 1)...min(bands - 1, band + 1)
      return medianOfNine * near.reduce(0) { $0 + levels[$1] * levels[$1] }.squareRoot() / Double(near.count)
    }
    let grid = scene.rowOfPlace()
    let width = scene.shape.samples
    var lows = [Double](repeating: .infinity, count: lines)
    var highs = [Double](repeating: -.infinity, count: lines)
    lows.withUnsafeMutableBufferPointer { lows in
      highs.withUnsafeMutableBufferPointer { highs in
        let (lows, highs) = (lows.baseAddress!, highs.baseAddress!)
        Parallel.forEach(lines) { line in
          var medians = [Double](repeating: 0, count: bands)
          var nine = [Float](repeating: 0, count: 9)
          for sample in 0..<samples {
            let rows = (0..<9).map { Int(grid[(3 * line + $0 / 3) * width + 3 * sample + $0 % 3]) }
            guard rows.allSatisfy({ $0 >= 0 }) else { continue }
            for band in 0..<bands {
              for i in 0..<9 { nine[i] = scene.pixels.pointer[rows[i] * bands + band] }
              medians[band] = Double(median(&nine))
            }
            for band in 0..<bands {
              let near = max(0, band - 1)...min(bands - 1, band + 1)
              let value = near.reduce(0) { $0 + medians[$1] } / Double(near.count)
              lows[line] = min(lows[line], value + 2.5 * deviations[band])
              highs[line] = max(highs[line], value - 2.5 * deviations[band])
            }
          }
        }
      }
    }
    let low = max(extremes.low, lows.min() ?? extremes.low)
    let high = min(extremes.high, highs.max() ?? extremes.high)
    guard let range = try? DataRange(low: low, high: high) else { return (extremes, strength) }
    return (range, strength)
  }
}
