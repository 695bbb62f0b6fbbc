import HSICore

/// Abundances of classes by mixtures of single spectra: a method for libraries whose spectra belong to classes.
public protocol ClassMixtureEstimator: UnmixingMethod {
  /// Prepares for a library on the bands of the scene.
  ///
  /// - Parameters:
  ///   - library: no NaN.
  ///   - shade: spectrum of shade on the same bands, or nil for photometric shade (zero).
  /// - Throws: `CoreError.invalidParameter`, `UnmixingError.bandMismatch`, `.invalidSpectra`.
  func prepare(_ library: ClassLibrary, shade: [Double]?) throws -> MixtureModelSolver
}

/// Multiple endmember spectral mixture analysis (MESMA).
///
/// For every pixel, of all models `y ≈ s + Σ_c a_c (m_c − s)` with at most one spectrum `m_c` of every class and shade s, the one with the
/// least root-mean-square residual that keeps the limits; by least squares without constraints on `a`, shade being `1 − Σ a`.
///
/// - Levels count endmembers with shade, as the literature does: a model of level 2 is one spectrum and shade, one of level 3 two spectra
///   of two classes and shade. `max_level` is the highest.
/// - The best model of a level is taken in place of that of the level below where its RMSE is lower by at least `fusion`; of what remains the
///   lowest RMSE counts.
/// - RMSE, `fusion` and `residual` are in reflectance: `unit` is what a scene holds for a reflectance of 1.
///
/// Levels are solved from below, and what a level has to improve on limits the search of the highest (`hsi_mesma.h`,
/// docs/mesma.md). About 5 flops per pixel and model.
public struct MESMA: ClassMixtureEstimator {
  public static let description = MethodDescription(
    id: "mesma", name: "Multiple endmember spectral mixture analysis (MESMA)", task: .sparse,
    citation:
      "D. A. Roberts et al., Mapping chaparral in the Santa Monica Mountains using multiple endmember spectral mixture models, "
      + "Remote Sensing of Environment 65, 1998; levels: D. A. Roberts et al., IEEE TGRS 41(6), 2003",
    cost: "2 N L m + 5 N times the models",
    advice:
      "A library with several spectra per class: which spectrum stands for a class may differ from pixel to pixel.",
    parameters: [
      ParameterDescription("max_level", 3, in: 2...7, "most endmembers in a model, shade included"),
      ParameterDescription("min_fraction", -0.05, in: -1e9...1, "lowest fraction of a spectrum"),
      ParameterDescription("max_fraction", 1.05, in: 0...1e9, "highest fraction of a spectrum"),
      ParameterDescription("min_shade", 0, in: -1e9...1, "lowest fraction of shade"),
      ParameterDescription("max_shade", 0.8, in: 0...1e9, "highest fraction of shade"),
      ParameterDescription("max_rmse", 0.025, in: 0...1e9, "highest RMSE of a model, in reflectance"),
      ParameterDescription(
        "fusion", 0.007, in: 0...1e9, "what a level must take off the RMSE of the one below, in reflectance"),
      ParameterDescription(
        "residual", nil, in: 0...1e9,
        "residual from which a band is not explained, in reflectance; default: no such limit"),
      ParameterDescription("residual_bands", 7, in: 1...1e6, "bands in a row not explained that no model may have"),
      ParameterDescription(
        "unit", nil, in: 1e-9...1e9,
        "value that stands for a reflectance of 1; default 1, 100 or 10000 by the brightest spectrum"),
    ])

  private let parameters: MethodParameters

  public init(_ parameters: MethodParameters) throws {
    self.parameters = parameters
    for (low, high) in [("min_fraction", "max_fraction"), ("min_shade", "max_shade")]
    where parameters.value(low) > parameters.value(high) {
      throw CoreError.invalidParameter(
        name: "mesma \(low)", value: "\(parameters.value(low))", requirement: "at most \(high)")
    }
  }

  public func prepare(_ library: ClassLibrary, shade: [Double]?) throws -> MixtureModelSolver {
    let spectra = library.spectra
    if let shade {
      guard shade.count == spectra.bands else {
        throw UnmixingError.bandMismatch(
          spectra: shade.count, scene: spectra.bands, advice: "give a spectrum of shade with the bands of the library")
      }
      guard shade.allSatisfy(\.isFinite) else { throw UnmixingError.invalidSpectra(name: "shade") }
    }
    let unit = parameters["unit"] ?? MESMA.unit(of: spectra)
    var limits = MixtureModelSolver.Limits()
    limits.fractions = parameters.value("min_fraction")...parameters.value("max_fraction")
    limits.shade = parameters.value("min_shade")...parameters.value("max_shade")
    limits.rmse = parameters.value("max_rmse") * unit
    limits.fusion = parameters.value("fusion") * unit
    limits.residual = parameters["residual"].map { $0 * unit }
    limits.residualBands = Int(clamping: parameters.value("residual_bands"))
    return MixtureModelSolver(
      library, shade: shade, levels: 2...max(2, Int(clamping: parameters.value("max_level"))), unit: unit, limits)
  }

  /// What stands for a reflectance of 1: the power of 100 (1, 100, 10000 …) of which the brightest value of the spectra is between 0.015
  /// and 1.5 times.
  public static func unit(of spectra: SpectralLibrary) -> Double {
    let brightest = spectra.values.max() ?? 1
    guard brightest > 1e-30, brightest < 1e30 else { return 1 }
    var unit = 1.0
    while brightest > 1.5 * unit { unit *= 100 }
    while brightest <= 0.015 * unit { unit /= 100 }
    return unit
  }
}
