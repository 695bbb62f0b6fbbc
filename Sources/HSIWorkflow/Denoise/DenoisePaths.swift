import HSICore

/// The names of everything that one run of denoising writes.
struct DenoisePaths {
  /// The restored cube and the records.
  let output: OutputPaths
  let residual: String?
  /// Pictures before and after.
  let pictures: (before: String, after: String)?

  init(restored: String, _ products: DenoiseProductRequest, _ records: RecordRequest) {
    let output = OutputPaths(restored, everything: products.everything, products.reports, records)
    self.output = output
    residual = output.raster(products.residual, "residual")
    let base = products.quicklook.map { $0.lowercased().hasSuffix(".png") ? String($0.dropLast(4)) : $0 }
    pictures = (base ?? (products.everything ? output.stem.stem : nil)).map { ($0 + "_before.png", $0 + "_after.png") }
  }

  /// Declares every file.
  func declare(on plan: inout OutputPlan, _ writing: RasterWriting, georeference: Georeference?) throws {
    for raster in [output.main, residual] { try plan.writeRaster(raster, writing) }
    for picture in [pictures?.before, pictures?.after] { plan.writePicture(picture, georeference: georeference) }
    output.declareRecords(on: &plan)
  }
}
