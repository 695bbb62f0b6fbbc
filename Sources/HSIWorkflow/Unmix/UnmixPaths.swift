import HSICore
import HSIRaster

/// Which products to write beside the abundances, and under which names.
public struct UnmixProductRequest: Sendable {
  /// Whether every product that has no name gets one from the stem of the abundances.
  public var everything = false
  /// Base of the endmember files BASE.sli, BASE.hdr, BASE.csv; endmembers that were found are always written.
  public var endmembers: String?
  /// Guidance map of methods that learn one.
  public var guidance: String?
  /// Root-mean-square residual per pixel.
  public var residual: String?
  /// Residual spectra on the bands used.
  public var residualSpectra: String?
  /// Channel quality of methods that learn it (`.csv` or `.json`).
  public var channelQuality: String?
  /// Standard deviations of the abundances; `STEM_sigma.tif` where they are asked for and no name is given.
  public var sigma: String?
  /// Fraction of shade, of mixture models.
  public var shade: String?
  /// Number of the model of every pixel and its spectra, of mixture models.
  public var model: String?
  /// The models by number (`.csv`), of mixture models.
  public var modelTable: String?
  /// Abundances without shade, of mixture models.
  public var normalised: String?
  /// Colour picture of the scene (`.png`).
  public var quicklook: String?
  /// Colour composite of the abundances (`.png`).
  public var composite: String?
  /// Extra bands of the abundance file.
  public var extraBands: [UnmixExtraBand] = []
  /// Reports.
  public var reports = ReportPlaces()

  /// Abundances and found endmembers only.
  public init() {}
}

/// An extra band of the abundance file.
public enum UnmixExtraBand: String, CaseIterable, Sendable {
  /// Root-mean-square residual.
  case rmse
  /// Sum of the abundances.
  case sum
  /// One less their sum.
  case shade

  func value(abundances: UnsafeMutableBufferPointer<Float>, rmse: Float) -> Float {
    switch self {
    case .rmse: rmse
    case .sum: abundances.reduce(0, +)
    case .shade: 1 - abundances.reduce(0, +)
    }
  }
}

/// The names of everything that one run of unmixing writes.
struct UnmixPaths {
  /// The abundances and the records.
  let output: OutputPaths
  let endmembers: String?
  let guidance: String?
  let residual: String?
  let residualSpectra: String?
  let channelQuality: [String]
  let sigma: String?
  let shade: String?
  let model: String?
  let modelTable: String?
  let normalised: String?
  let quicklook: String?
  let composite: String?

  /// - Parameters:
  ///   - isBlind: endmembers that were found are always written.
  ///   - hasModels: whether there are mixture models.
  ///   - hasSigma: whether there are standard deviations.
  init(
    abundances: String, _ products: UnmixProductRequest, _ records: RecordRequest, isBlind: Bool,
    hasModels: Bool = false,
    hasSigma: Bool = false
  ) {
    let output = OutputPaths(abundances, everything: products.everything, products.reports, records)
    self.output = output
    let stem = output.stem
    endmembers = products.endmembers ?? (isBlind && !stem.isVirtual ? stem.file("endmembers") : nil)
    guidance = isBlind ? output.raster(products.guidance, "guidance") : products.guidance
    residual = output.raster(products.residual, "rmse")
    residualSpectra = products.residualSpectra
    channelQuality =
      products.channelQuality.map { [$0] }
      ?? (isBlind ? ["channels.csv", "channels.json"].compactMap { output.file(nil, $0) } : [])
    sigma = hasSigma ? products.sigma ?? stem.raster("sigma") : nil
    shade = hasModels ? output.raster(products.shade, "shade") : nil
    model = hasModels ? output.raster(products.model, "model") : nil
    modelTable = hasModels ? output.file(products.modelTable, "models.csv") : nil
    normalised = hasModels ? output.raster(products.normalised, "normalised") : nil
    quicklook = output.file(products.quicklook, "scene.png")
    composite = output.file(products.composite, "composite.png")
  }

  /// Declares every file.
  func declare(on plan: inout OutputPlan, _ writing: RasterWriting, georeference: Georeference?) throws {
    for raster in [output.main, guidance, residual, residualSpectra, sigma, shade, model, normalised] {
      try plan.writeRaster(raster, writing)
    }
    for suffix in [".sli", ".hdr", ".csv"] { plan.write(endmembers.map { $0 + suffix }) }
    for picture in [quicklook, composite] { plan.writePicture(picture, georeference: georeference) }
    for file in channelQuality + [modelTable].compactMap({ $0 }) { plan.write(file) }
    output.declareRecords(on: &plan)
  }
}
