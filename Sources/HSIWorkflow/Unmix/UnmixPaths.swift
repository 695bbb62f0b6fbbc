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
  let abundances: String
  let endmembers: String?
  let guidance: String?
  let residual: String?
  let residualSpectra: String?
  let channelQuality: [String]
  let quicklook: String?
  let composite: String?
  let report: String?
  let html: String?
  let provenance: String?
  /// The STAC item.
  let item: String?

  /// - Parameter isBlind: endmembers that were found are always written.
  init(abundances: String, _ products: UnmixProductRequest, _ records: RecordRequest, isBlind: Bool) {
    let names = OutputStem(abundances)
    let all = products.everything
    self.abundances = abundances
    endmembers = products.endmembers ?? (isBlind && !names.isVirtual ? names.file("endmembers") : nil)
    guidance = products.guidance ?? (all && isBlind ? names.raster("guidance") : nil)
    residual = products.residual ?? (all ? names.raster("rmse") : nil)
    residualSpectra = products.residualSpectra
    channelQuality =
      products.channelQuality.map { [$0] }
      ?? (all && isBlind ? [names.file("channels.csv"), names.file("channels.json")] : [])
    quicklook = products.quicklook ?? (all ? names.file("scene.png") : nil)
    composite = products.composite ?? (all ? names.file("composite.png") : nil)
    report = products.reports.json ?? (all ? names.file("report.json") : nil)
    html = products.reports.html ?? (all ? names.file("report.html") : nil)
    provenance = records.provenancePath(of: abundances)
    item = records.item
  }

  /// Declares every file.
  func declare(on plan: inout OutputPlan, _ writing: RasterWriting, georeference: Georeference?) throws {
    for raster in [abundances, guidance, residual, residualSpectra] { try plan.writeRaster(raster, writing) }
    for suffix in [".sli", ".hdr", ".csv"] { plan.write(endmembers.map { $0 + suffix }) }
    for picture in [quicklook, composite] { plan.writePicture(picture, georeference: georeference) }
    for file in [report, html, item] + channelQuality { plan.write(file) }
    plan.write(provenance, replaceable: true)
  }
}
