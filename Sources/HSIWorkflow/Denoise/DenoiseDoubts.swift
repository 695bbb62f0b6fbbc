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

  /// Warns of a result that may not be what was wanted.
  static func warn(_ noisy: Cube, _ diagnostics: ResidualDiagnostics, _ context: RunContext) {
    let signal = diagnostics.signalRms
    guard signal > 0 else { return }
    let removed = median(diagnostics.rms)
    let differing = median(NoiseLevels.spatial(noisy)?.standardDeviations ?? [])
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

  private static func median(_ values: [Double]) -> Double {
    let sorted = values.filter(\.isFinite).sorted()
    return sorted.isEmpty ? 0 : sorted[sorted.count / 2]
  }

  private static func short(_ value: Double) -> String { value.formatted(.number.precision(.significantDigits(1...2))) }
}
