import HSICore

/// The names of everything that one run of denoising writes.
struct DenoisePaths {
  let restored: String
  let residual: String?
  /// Pictures before and after.
  let pictures: (before: String, after: String)?
  let report: String?
  let html: String?
  let provenance: String?
  /// The STAC item.
  let item: String?

  init(restored: String, _ products: DenoiseProductRequest, _ records: RecordRequest) {
    let names = OutputStem(restored)
    let all = products.everything
    self.restored = restored
    residual = products.residual ?? (all ? names.raster("residual") : nil)
    let base = products.quicklook.map { $0.lowercased().hasSuffix(".png") ? String($0.dropLast(4)) : $0 }
    pictures = (base ?? (all ? names.stem : nil)).map { ($0 + "_before.png", $0 + "_after.png") }
    report = products.reports.json ?? (all ? names.file("report.json") : nil)
    html = products.reports.html ?? (all ? names.file("report.html") : nil)
    provenance = records.provenancePath(of: restored)
    item = records.item
  }

  /// Declares every file.
  func declare(on plan: inout OutputPlan, _ writing: RasterWriting, georeference: Georeference?) throws {
    for raster in [restored, residual] { try plan.writeRaster(raster, writing) }
    for picture in [pictures?.before, pictures?.after] { plan.writePicture(picture, georeference: georeference) }
    for file in [report, html, item] { plan.write(file) }
    plan.write(provenance, replaceable: true)
  }
}
