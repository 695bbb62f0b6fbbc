import Foundation
import HSICore
import HSIRaster
import HSIReport

/// What a job leaves beside its results: the STAC item, the JSON report, the HTML page and the provenance, written last and in
/// this order, so that each can name the files before it.
struct RunRecords {
  /// Everything that is read and written.
  let plan: OutputPlan
  /// How the results come about.
  var provenance: Provenance
  /// Name of the provenance file; nil for none.
  let provenancePath: String?
  /// Name of the STAC item; nil for none.
  var item: String?
  /// Where reports go.
  var reports = ReportPlaces()
  /// Files written so far, with what they hold.
  var outputs: [ReportOutput] = []

  init(_ plan: OutputPlan, _ provenance: Provenance, at path: String?) {
    self.plan = plan
    self.provenance = provenance
    provenancePath = path
  }

  /// Records under the names that belong to a main output.
  init(_ plan: OutputPlan, _ provenance: Provenance, _ paths: OutputPaths) {
    self.init(plan, provenance, at: paths.provenance)
    (item, reports) = (paths.item, paths.reports)
  }

  /// Writes a picture with its georeference.
  mutating func write(
    _ image: RGBImage, to path: String, georeference: Georeference?, step: Int, content: String
  ) throws {
    outputs += try PNG.write(
      image, to: path, georeference: georeference, step: step, overwrite: plan.overwrites, inputs: plan.protected
    ).map { ReportOutput(path: $0, content: content) }
  }

  /// Writes a whole file.
  mutating func write(_ data: Data, to path: String, content: String) throws {
    try plan.store(data, at: path)
    outputs.append(ReportOutput(path: path, content: content))
  }

  /// Writes item, reports and provenance.
  ///
  /// - Parameters:
  ///   - raster: the main raster; nil where there is none to describe.
  ///   - report: the JSON report and the page, given all outputs and the finished provenance; called where one is wanted.
  /// - Returns: all outputs, and the report as text where it was asked for at `-`.
  mutating func finish(
    raster: MapProducts.Raster? = nil, grid: OrthoGrid? = nil, _ context: RunContext,
    report: ((_ outputs: [ReportOutput], _ provenance: Provenance) throws -> RunReport)? = nil
  ) throws -> JobResult {
    for (path, content) in [
      (reports.json, "report"), (reports.html, "report page"), (provenancePath, "provenance"),
    ] {
      if let path, path != "-" { outputs.append(ReportOutput(path: path, content: content)) }
    }
    if let item, let raster {
      let data = try MapProducts.item(
        at: item, of: raster, grid: grid, others: outputs.filter { $0.path != raster.path },
        inputs: plan.inputs.map(\.path), context)
      try write(data, to: item, content: "STAC item")
    }
    provenance.finish(context)
    var result = JobResult()
    if let report, reports.isWanted {
      let report = try report(outputs, provenance)
      if let path = reports.json {
        let data = try report.json()
        if path == "-" {
          result.text = String(decoding: data, as: UTF8.self)
        } else {
          try plan.store(data, at: path)
        }
      }
      if let path = reports.html { try plan.store(report.page(), at: path) }
    }
    if let provenancePath { try plan.store(provenance.json(), at: provenancePath) }
    result.outputs = outputs
    return result
  }
}

/// A report in both of its forms; each is made when it is wanted.
struct RunReport {
  /// JSON, ending in a newline.
  let json: () throws -> Data
  /// The self-contained HTML page.
  let page: () throws -> Data

  /// A report of any task; its pictures are made for the page only.
  init<Body>(_ report: Report<Body>, figures: @escaping () throws -> Body.Figures) {
    json = report.json
    page = { HTMLReport.page(report, figures: try figures()) }
  }
}
