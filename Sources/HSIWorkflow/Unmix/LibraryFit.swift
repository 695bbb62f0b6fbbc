import HSICore
import HSIRaster
import HSISpectral
import HSIUnmixing

/// Spectra of a file brought onto the bands of a scene.
///
/// 1. As many bands as the scene's file, and no wavelengths that contradict: bands correspond one to one.
/// 2. As many bands as are used: they correspond one to one.
/// 3. Wavelengths on both sides: the spectra are resampled, and bands of the scene that they do not cover are left out
///    with a warning.
struct LibraryFit {
  /// Bands of the file that are used, 0-based.
  let bands: [Int]
  /// The spectra on these bands.
  let library: SpectralLibrary

  /// - Parameters:
  ///   - axis: all bands of the scene.
  ///   - wanted: bands of the file that the user or the bad-band list leaves.
  ///   - needsAll: whether a spectrum with many gaps is an error; else it is left out with a warning.
  /// - Throws: `RasterError.inconsistent` when bands do not fit, `UnmixingError.invalidSpectra`.
  init(
    _ spectra: SpectralLibrary, path: String, axis: SpectralAxis, bands wanted: [Int], needsAll: Bool = false,
    context: RunContext
  ) throws {
    if spectra.bands == axis.count, LibraryFit.agree(spectra.axis, axis) {
      (bands, library) = try LibraryFit.finite(
        spectra.selecting(bands: wanted), wanted, path, needsAll, context)
      context.logger.info("\(path): its \(spectra.bands) bands are those of the scene")
      return
    }
    if spectra.bands == wanted.count, LibraryFit.agree(spectra.axis, axis.selecting(wanted)) {
      (bands, library) = try LibraryFit.finite(spectra, wanted, path, needsAll, context)
      context.logger.info("\(path): its \(spectra.bands) bands are the bands of the scene that are used")
      return
    }
    guard spectra.axis.wavelengths != nil, axis.wavelengths != nil else {
      throw RasterError.inconsistent(
        path: path,
        reason:
          "it has \(spectra.bands) bands but the scene has \(axis.count), of which \(wanted.count) are used",
        advice: "give wavelengths to both (\(option: "wavelengths") for the scene), or spectra with \(axis.count) bands"
      )
    }
    let resampled = try SpectralResampling.resample(spectra, to: axis.selecting(wanted), named: path).library
    context.logger.info("\(path): resampled from \(spectra.bands) to \(wanted.count) bands")
    (bands, library) = try LibraryFit.finite(resampled, wanted, path, needsAll, context)
  }

  /// The spectra on all of `wanted`, NaN on those that were left out.
  func spread(over wanted: [Int]) -> SpectralLibrary {
    let place = Dictionary(uniqueKeysWithValues: bands.enumerated().map { ($1, $0) })
    var values: [Double] = []
    for i in 0..<library.count {
      for band in wanted { values.append(place[band].map { library.values[i * library.bands + $0] } ?? .nan) }
    }
    var axis = SpectralAxis(count: wanted.count)
    axis.unit = library.axis.unit
    return SpectralLibrary(names: library.names, axis: axis, values: values)
  }

  /// Same wavelengths within 1 nm or a tenth of the band width, or unknown on one side.
  private static func agree(_ a: SpectralAxis, _ b: SpectralAxis) -> Bool {
    guard let first = a.wavelengths, let second = b.wavelengths else { return true }
    return first.indices.allSatisfy { i in
      let width = b.fwhm?[i] ?? a.fwhm?[i] ?? 10
      return !first[i].isFinite || abs(first[i] - second[i]) <= max(1, 0.1 * width)
    }
  }

  /// Leaves out bands on which a spectrum has no value, and spectra that have hardly any.
  private static func finite(
    _ spectra: SpectralLibrary, _ wanted: [Int], _ path: String, _ needsAll: Bool, _ context: RunContext
  ) throws -> ([Int], SpectralLibrary) {
    func covered(_ i: Int) -> Int { spectra[i].reduce(0) { $0 + ($1.isFinite ? 1 : 0) } }
    let most = (0..<spectra.count).map(covered).max() ?? 0
    guard most > 0 else {
      throw RasterError.inconsistent(
        path: path, reason: "the spectra have no values at the wavelengths of the scene",
        advice: "check the units and ranges of both wavelength axes")
    }
    // A spectrum with many gaps would cost the others their bands.
    let kept = (0..<spectra.count).filter { covered($0) * 2 > most }
    if kept.count < spectra.count {
      if needsAll, let gap = (0..<spectra.count).first(where: { !kept.contains($0) }) {
        throw UnmixingError.invalidSpectra(name: "\(spectra.names[gap]) of \(path)")
      }
      context.warn(
        "W-LIB-GAPS", "\(path): \(spectra.count - kept.count) spectra cover too few bands and are left out")
    }
    let library = kept.count < spectra.count ? spectra.selecting(kept) : spectra
    let good = (0..<library.bands).filter { band in
      library.axis.good[band]
        && (0..<library.count).allSatisfy { library.values[$0 * library.bands + band].isFinite }
    }
    guard !good.isEmpty else {
      throw RasterError.inconsistent(
        path: path, reason: "no band of the scene is covered by all spectra",
        advice: "remove spectra with gaps")
    }
    if good.count < wanted.count {
      context.warn(
        "W-LIB-BANDS",
        "\(path): \(wanted.count - good.count) of \(wanted.count) bands are not covered or flagged bad and are left out"
      )
    }
    return (good.map { wanted[$0] }, library.selecting(bands: good))
  }
}
