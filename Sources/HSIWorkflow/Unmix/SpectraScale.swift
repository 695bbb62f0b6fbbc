import HSICore
import HSIRaster

/// Whether spectra and scene are in the same units, by their brightness.
///
/// Where pixels are mixtures, the mean over the bands of a pixel lies between the smallest and the largest of those of the spectra, or
/// below them in shade. A spectrum of shade, zero or nearly so, leaves no lower bound, but the upper one.
enum SpectraScale {
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
    guard let least = means.min(), let most = means.max(), let level = try UnitsCheck.level(of: source, context),
      let ratio = UnitsCheck.ratio(of: level, low: least, high: most)
    else { return spectra }
    let number = PlainNumber.rounded(ratio)
    throw RasterError.inconsistent(
      path: path,
      reason: "the values of the scene are about \(number) times those of its spectra: the units seem to differ",
      advice: "bring the spectra to the units of the scene with \(option: "spectra scale") \(number), or say with "
        + "\(option: "spectra scale") 1 that they are right")
  }
}
