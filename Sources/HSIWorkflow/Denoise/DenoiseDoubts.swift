import Foundation
import HSICore
import HSIRestoration

/// What speaks against a denoised scene: hardly anything removed, far too much, or the scene itself.
enum DenoiseDoubts {
  /// Removed less than this share of what neighbouring pixels differ by: either the scene is clean, or its noise was not seen.
  static let little = 0.05
  /// Neighbouring pixels that differ by less than this share of the signal speak of a clean scene.
  static let clean = 0.005
  /// Removed more than this share of the signal: more than noise that leaves a scene to be seen.
  static let much = 0.3
  /// Correlation of what was removed between neighbouring pixels from which it is structure; noise of most instruments has none.
  static let structure = 0.3
  /// Pairs of neighbours per band that are looked at.
  private static let pairs = 20_000

  /// Warns of a result that may not be what was wanted.
  static func warn(_ noisy: Cube, _ diagnostics: ResidualDiagnostics, _ context: RunContext) {
    let signal = diagnostics.signalRms
    guard signal > 0 else { return }
    let removed = median(diagnostics.rms)
    let differing = median(neighbourNoise(noisy))
    if removed < little * differing, differing > clean * signal {
      context.warn(
        "W-DENOISE-LITTLE",
        "hardly anything was removed (\(short(removed)), \(short(100 * removed / differing)) % of what neighbouring pixels differ "
          + "by): the scene is clean and finely textured, or its noise is correlated between bands, as resampled products have "
          + "it; \(option: "noise") gives its level, \(option: "model hsdt") needs no estimate")
    }
    if diagnostics.totalRms > much * signal {
      context.warn(
        "W-DENOISE-MUCH",
        "what was removed is \(short(100 * diagnostics.totalRms / signal)) % of the signal: check the level of the noise "
          + "(\(option: "noise")) and fill values")
    }
    if let spatial = diagnostics.meanSpatialCorrelation, spatial > structure, diagnostics.totalRms > clean * signal {
      context.warn(
        "W-DENOISE-STRUCTURE",
        "what was removed is alike in neighbouring pixels (correlation \(short(spatial))): stripes or a resampled image, or the "
          + "scene itself; look at it with \(option: "residual")")
    }
  }

  /// Standard deviation of the noise per band as neighbouring pixels of a line show it: `median |y_n − y_n+1| / (0.6745 √2)`. It holds
  /// whatever noise does between bands, and is too large where the scene is finely textured.
  static func neighbourNoise(_ cube: Cube) -> [Double] {
    let samples = Int32(cube.shape.samples)
    var rows = (0..<max(0, cube.count - 1)).filter { n in
      cube.positions[n] + 1 == cube.positions[n + 1] && cube.positions[n] % samples + 1 < samples
    }
    guard !rows.isEmpty else { return [Double](repeating: 0, count: cube.shape.bands) }
    if rows.count > pairs { rows = (0..<pairs).map { rows[$0 * rows.count / pairs] } }
    return (0..<cube.shape.bands).map { band in
      let differences = rows.map { abs(Double(cube.pixels[$0, band]) - Double(cube.pixels[$0 + 1, band])) }
      return median(differences) / (0.6745 * 2.0.squareRoot())
    }
  }

  private static func median(_ values: [Double]) -> Double {
    let sorted = values.filter(\.isFinite).sorted()
    return sorted.isEmpty ? 0 : sorted[sorted.count / 2]
  }

  private static func short(_ value: Double) -> String { value.formatted(.number.precision(.significantDigits(1...2))) }
}
