/// The main output of a job and the records beside it, from which products take their names.
struct OutputPaths {
  /// The main output.
  let main: String
  /// The main output as the beginning of other names.
  let stem: OutputStem
  /// The reports.
  let reports: ReportPlaces
  /// The STAC item.
  let item: String?
  let provenance: String?
  private let everything: Bool

  /// - Parameter everything: whether every product and report that has no name gets one from the stem.
  init(_ main: String, everything: Bool, _ reports: ReportPlaces, _ records: RecordRequest) {
    self.main = main
    self.everything = everything
    let stem = OutputStem(main)
    self.stem = stem
    self.reports = ReportPlaces(
      json: reports.json ?? (everything ? stem.file("report.json") : nil),
      html: reports.html ?? (everything ? stem.file("report.html") : nil))
    item = records.item
    provenance = records.provenancePath(of: main)
  }

  /// The name of a raster that goes by `STEM_name.tif` unless another one was given; nil where it is not wanted.
  func raster(_ given: String?, _ name: String) -> String? { given ?? (everything ? stem.raster(name) : nil) }

  /// The same of a file of another kind, `STEM_name`.
  func file(_ given: String?, _ name: String) -> String? { given ?? (everything ? stem.file(name) : nil) }

  /// Declares the records.
  func declareRecords(on plan: inout OutputPlan) {
    for file in [reports.json, reports.html, item] { plan.write(file) }
    plan.write(provenance, replaceable: true)
  }
}
