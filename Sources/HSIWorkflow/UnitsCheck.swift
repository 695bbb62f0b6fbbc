import Foundation
import HSICore

/// Whether a scene is in the units of the spectra or of the model that meets it, by the brightness of its pixels: the mean of their values
/// over the bands.
///
/// The 90th percentile of the pixels is compared, so that neither shade nor a dark part decides.
enum UnitsCheck {
  /// How far beyond what is known a scene may lie.
  static let limit = 5.0

  /// How many times brighter a scene is than what it should agree with: a power of ten where it is near one. Nil where the two agree, or
  /// where brightness cannot tell.
  ///
  /// - Parameters:
  ///   - level: brightness of the scene.
  ///   - low: least brightness of what is known; zero or below for none.
  ///   - high: greatest brightness of what is known.
  static func ratio(of level: Double, low: Double, high: Double) -> Double? {
    guard high > 0, level > 0 else { return nil }
    let isAbove = level > limit * high
    guard isAbove || limit * level < low else { return nil }
    let ratio = isAbove ? level / high : level / low
    let power = pow(10, log10(ratio).rounded())
    let suggestion = abs(log10(ratio / power)) < 0.3 ? power : ratio
    return Double(String(format: "%.3g", suggestion)) ?? suggestion
  }

  /// The 90th percentile of the brightness of the pixels of up to 32 lines, evenly spread; nil without pixels, or where it is not above
  /// zero.
  ///
  /// - Throws: the errors of reading, `CoreError.cancelled`.
  static func level(of source: any StripSource, _ context: RunContext) throws -> Double? {
    let shape = source.shape
    let step = max(1, (shape.lines + 31) / 32)
    let strip = Strip()
    var means: [Double] = []
    for line in stride(from: min(step / 2, shape.lines - 1), to: shape.lines, by: step) {
      try context.checkCancellation()
      try source.read(lines: line..<line + 1, into: strip)
      for n in 0..<strip.count {
        means.append(strip.pixels.row(n).reduce(0) { $0 + Double($1) } / Double(max(shape.bands, 1)))
      }
    }
    guard !means.isEmpty else { return nil }
    means.sort()
    let value = means[min(means.count - 1, means.count * 9 / 10)]
    return value > 0 ? value : nil
  }
}
