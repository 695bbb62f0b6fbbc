import Foundation
import HSIClassification
import HSICore
import HSIRaster
import HSIReport

/// Groups the pixels of a scene without labels: a map of clusters or superpixels, and their mean spectra.
///
/// ```swift
/// var job = ClusterJob(scene: SceneRequest("scene.tif"), output: "clusters.tif")
/// job.count = 12
/// job.centres = "clusters.sli"
/// let result = try job.run(RunContext())
/// ```
public struct ClusterJob: Sendable {
  /// What is grouped.
  public var scene: SceneRequest
  /// The map: numbers of the groups from 1, the largest cluster first; superpixels by their first pixels.
  public var output: String
  /// Method by id or alias.
  public var method = KMeansClusterer.description.id
  /// Groups that are wanted; nil for 8 clusters, or superpixels of about 100 pixels.
  public var count: Int?
  /// Parameters of the method.
  public var values: [String: Double] = [:]
  /// Library of the mean spectra (`.sli` or `.csv`); nil for none.
  public var centres: String?
  /// Picture of the map (`.png`).
  public var quicklook: String?
  /// How rasters are written.
  public var writing = RasterWriting()
  /// Provenance, STAC item, map grid.
  public var records = RecordRequest()

  /// Groups of a scene.
  public init(scene: SceneRequest, output: String) { (self.scene, self.output) = (scene, output) }

  /// Groups of which a table is shown.
  private static let shown = 30

  /// Does the work; the text of the result is a table of the groups.
  ///
  /// - Throws: the errors of opening, of the method and of writing; `CoreError.memory`, `.cancelled`.
  public func run(_ context: RunContext) throws -> JobResult {
    let claim = context.claimThreads()
    defer { claim.release() }
    let type = try Clusterers.all.entry(method)
    let parameters = try MethodParameters(values, for: type.description)
    var sweep = try SceneSweep(
      scene, output: output, options: ["method": type.description.id].merging(values.mapValues { "\($0)" }) { $1 },
      writing: writing, records: records, context)
    let shape = sweep.source.shape
    let isSuperpixels = type.description.id == SLIC.description.id
    let wanted = count ?? (isSuperpixels ? max(1, shape.pixels / 100) : 8)
    for file in centres.map(SpectraOutput.files) ?? [] { sweep.plan.write(file) }
    sweep.plan.writePicture(quicklook, georeference: sweep.source.metadata.georeference)
    try sweep.check()
    let found = try type.cluster(sweep.source, count: wanted, parameters, context)
    if !found.converged {
      context.warn(
        "W-NOT-CONVERGED",
        "\(type.description.id) did not converge within \(Int(clamping: parameters["iterations"] ?? 0)) rounds; "
          + "\(option: "set") iterations allows more")
    }
    var metadata = sweep.described(["cluster"], .class)
    metadata.nodata = [0]
    // Superpixels are no classes: they have numbers, and no names.
    if !isSuperpixels {
      metadata.classes =
        [ClassEntry(name: "no data", colour: [0, 0, 0])]
        + found.counts.indices.map { ClassEntry(name: "cluster \($0 + 1)", colour: ClassRaster.palette($0)) }
    }
    var product = RasterProduct(
      .cluster, path: output, content: isSuperpixels ? "superpixels" : "clusters", metadata: metadata)
    product.type = found.counts.count < 256 ? .uint8 : found.counts.count < 65536 ? .uint16 : .int32
    product.interleave = nil
    var preview = PreviewMaps(shape: shape, layers: 1, longestSide: 4096)
    var run = try sweep.run([product], label: "writing", bytesPerPixel: 12) { strip in
      let labels = found.labels(of: strip, samples: shape.samples)
      let values = PixelMatrix(rows: strip.count, columns: 1)
      for n in 0..<strip.count { values[n, 0] = Float(labels[n] + 1) }
      preview.add(window: strip.window, positions: strip.positions) { n, _ in Float(labels[n]) }
      var results = ProductStrip(window: strip.window, positions: strip.positions)
      results[.cluster] = values
      return results
    }
    if let centres {
      let library = SpectralLibrary(
        names: found.counts.indices.map { isSuperpixels ? "superpixel \($0 + 1)" : "cluster \($0 + 1)" },
        axis: sweep.source.metadata.axis, values: found.means.values)
      let files = try SpectraOutput.write(
        library, to: centres, overwrite: writing.overwrites, inputs: sweep.plan.protected)
      run.outputs += files.map { ReportOutput(path: $0, content: "mean spectra") }
    }
    if let quicklook {
      try run.write(
        ClassPicture.image(preview) { CategoricalPalette.colour($0) }, to: quicklook,
        georeference: sweep.source.metadata.georeference, step: preview.step,
        content: "picture of the map")
    }
    var result = try sweep.finish(&run, main: product)
    let pixels = found.counts.reduce(0, +)
    if !isSuperpixels { result.text = table(found.counts, pixels) }
    let kind = isSuperpixels ? "superpixels" : "clusters"
    result.summary = "\(type.description.id): \(found.counts.count) \(kind) of \(pixels) pixels"
    if isSuperpixels { result.summary? += ", \(pixels / max(found.counts.count, 1)) each in the mean" }
    return result
  }

  private func table(_ counts: [Int], _ pixels: Int) -> String {
    var rows = [["cluster", "pixels", "share"]]
    for (k, count) in counts.prefix(ClusterJob.shown).enumerated() {
      rows.append(["\(k + 1)", "\(count)", String(format: "%.1f %%", 100 * Double(count) / Double(max(pixels, 1)))])
    }
    if counts.count > ClusterJob.shown { rows.append(["\(counts.count - ClusterJob.shown) more", "", ""]) }
    return TextTable.text(rows, left: [])
  }
}
