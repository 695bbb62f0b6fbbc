import Foundation
import HSICore
import HSIRaster

/// Whether spectra and scene are in the same units, by their brightness.
///
/// Where pixels are mixtures, the mean over the bands of a pixel lies between the smallest and the largest of those of the spectra, or
/// below them in shade. The 90th percentile of the pixels' means is compared, so that neither shade nor a dark part decides. A spectrum of
/// shade, zero or nearly so, leaves no lower bound, but the upper one.
enum SpectraScale {
  /// How far beyond the spectra a scene may lie.
  static let limit = 5.0

  /// The spectra, multiplied by a factor where one is given.
  ///
  /// - Parameters:
  ///   - factor: what the spectra are multiplied by; nil for as they are, which is refused where the units seem to differ.
  ///   - path: of the spectra.
  /// - Throws: `RasterError.inconsistent`, `CoreError.invalidParameter`, the errors of reading.
  static func apply(
    _ factor: Double?, to spectra: SpectralLibrary, path: String, _ source: FileSource, _ context: RunContext
  ) throws -> SpectralLibrary {
    if let factor {
      guard factor.isFinite, factor > 0 else {
        throw CoreError.invalidParameter(
          name: "\(option: "spectra scale")", value: "\(factor)", requirement: "a number above 0")
      }
      var scaled = spectra
      for i in scaled.values.indices { scaled.values[i] *= factor }
      return scaled
    }
    let means = (0..<spectra.count).map { i in spectra[i].reduce(0, +) / Double(max(spectra.bands, 1)) }
    guard let least = means.min(), let most = means.max(), most > 0, let level = try level(of: source, context) else {
      return spectra
    }
    let isAbove = level > limit * most
    guard isAbove || limit * level < least else { return spectra }
    let ratio = isAbove ? level / most : level / least
    let power = pow(10, log10(ratio).rounded())
    let isPower = abs(log10(ratio / power)) < 0.3
    let suggestion = isPower ? power : ratio
    let number = PlainNumber.rounded(Double(String(format: "%.3g", suggestion)) ?? suggestion)
    throw RasterError.inconsistent(
      path: path,
      reason: "the values of the scene are about \(number) times those of its spectra: the units seem to differ",
      advice: "bring the spectra to the units of the scene with \(option: "spectra scale") \(number), or say with "
        + "\(option: "spectra scale") 1 that they are right")
  }

  /// The 90th percentile of the mean over the bands of the pixels of up to 32 lines, evenly spread; nil without pixels.
  private static func level(of source: FileSource, _ context: RunContext) throws -> Double? {
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
