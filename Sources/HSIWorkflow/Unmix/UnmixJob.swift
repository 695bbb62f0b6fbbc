import Foundation
import HSICore
import HSIRaster
import HSIReport
import HSIUnmixing

/// Unmixes a scene: abundance maps, endmembers, residuals, guidance, channel quality, pictures and reports, as files.
///
/// Works strip by strip within the memory budget where the method allows it. When it throws, nothing is left.
///
/// ```swift
/// var job = UnmixJob(
///   scene: SceneRequest("scene.hdr"), output: "abundances.tif", method: UnmixMethodRequest(.known("spectra.sli")))
/// job.products.everything = true
/// let result = try job.run(RunContext())
/// ```
public struct UnmixJob: Sendable {
  /// What is unmixed.
  public var scene: SceneRequest
  /// The abundance file, one band per endmember.
  public var output: String
  /// With what.
  public var method: UnmixMethodRequest
  /// Further products.
  public var products = UnmixProductRequest()
  /// How rasters are written.
  public var writing = RasterWriting()
  /// Provenance, STAC item, map grid.
  public var records = RecordRequest()

  /// Abundances of a scene, with defaults for all else.
  public init(scene: SceneRequest, output: String, method: UnmixMethodRequest) {
    self.scene = scene
    self.output = output
    self.method = method
  }

  /// Does the work.
  ///
  /// - Throws: the errors of opening, of the method and of writing; `CoreError.cancelled`.
  public func run(_ context: RunContext) throws -> JobResult {
    let claim = context.claimThreads()
    defer { claim.release() }
    var provenance = Provenance(
      options: ["method": method.method].merging(method.values.mapValues { "\($0)" }) { $1 }
        .merging(
          ["classes": method.classes, "shade": method.shade, "uncertainty": method.uncertainty?.text].compactMapValues {
            $0
          }
        ) { $1 },
      context)
    let opened = try scene.open(context)
    let solver = try UnmixSolver(method, opened, context)
    var plan = OutputPlan(overwrites: writing.overwrites, context)
    plan.read(opened.reader.files + solver.files + opened.selectionFiles, digested: records.digestsInputs)
    plan.record(on: &provenance)
    try refuseProducts(hasModels: solver.hasModels)
    let paths = UnmixPaths(
      abundances: output, products, records, isBlind: solver.findsEndmembers, hasModels: solver.hasModels,
      hasSigma: method.uncertainty != nil)
    try paths.declare(on: &plan, writing, georeference: opened.metadata.georeference)
    try plan.check()
    let grid = try MapProducts.grid(records, opened, window: solver.window, context)

    let solution = try solver.factorise()
    if products.guidance != nil, !solution.learnsGuidance {
      context.warn(
        "W-NO-GUIDANCE",
        "\(method.method) learnt no guidance map here; none was written (\(option: "method") rrlbs-v always learns one)"
      )
    }
    let sink = ProductSink(
      lines: solver.source.shape.lines, samples: solver.source.shape.samples, writing: writing,
      inputs: plan.protected, grid: grid, context)
    let maps = try UnmixProducts(
      sink, paths: paths, shape: solver.source.shape, metadata: solver.source.metadata,
      names: solution.endmembers.names, extras: products.extraBands, writesGuidance: solution.learnsGuidance,
      hasModels: solution.models != nil, writing: writing)
    var run = RunRecords(plan, provenance, paths.output)
    run.outputs = try sink.run { sink in
      try solution.deliver { try maps.add($0) }
      guard maps.validPixels > 0 else {
        throw UnmixingError.tooFewPixels(valid: 0, needed: 1, purpose: "unmixing")
      }
      if let table = solution.models?.table {
        if table.unmodelled > 0 {
          context.warn(
            "W-UNMODELLED",
            "\(table.unmodelled) of \(maps.validPixels) pixels have no model that keeps the limits: the library may lack a "
              + "material, or \(option: "set") max_rmse= and max_shade= are too tight")
        }
      } else if maps.negativePixels > 0 {
        context.warn(
          "W-NEGATIVE",
          "\(maps.negativePixels) of \(maps.validPixels) pixels have negative abundances: the endmembers may not enclose "
            + "the data")
      }
      return try sink.finish()
    }
    if solver.findsEndmembers {
      EndmemberDoubts.warnOfOutliers(
        solution.endmembers.names, maps.statistics.statistics, pixels: maps.validPixels, context)
    }
    let facts = UnmixFacts(solver: solver, solution: solution, maps: maps)
    try writeSpectra(facts, paths, &run)
    try writeChannels(facts, paths, &run, context)
    if let path = paths.modelTable, let table = solution.models?.table {
      try run.write(Data(table.csv.utf8), to: path, content: "table of models")
    }
    let pictures = UnmixPictures(facts: facts, context: context)
    let shown = paths.quicklook != nil || paths.output.reports.html != nil ? try pictures.scene() : nil
    try writePictures(pictures, shown, paths, &run)
    let raster = MapProducts.Raster(
      path: output, format: writing.format, shape: maps.abundanceShape, type: .float32,
      metadata: maps.abundanceMetadata)
    var result = try run.finish(raster: raster, grid: grid, context) { outputs, provenance in
      RunReport(facts.report(outputs: outputs, provenance: provenance)) { try pictures.figures(shown) }
    }
    result.summary = facts.summary
    return result
  }

  /// Refuses products of mixture models where there are none, and names for deviations that were not asked for.
  private func refuseProducts(hasModels: Bool) throws {
    let ofModels = [
      ("shade out", products.shade), ("model out", products.model), ("model table", products.modelTable),
      ("normalised", products.normalised),
    ]
    if !hasModels, let (name, path) = ofModels.first(where: { $0.1 != nil }) {
      throw CoreError.invalidParameter(
        name: "\(option: name)", value: path ?? "", requirement: "used with \(option: "method") mesma")
    }
    if let path = products.sigma, method.uncertainty == nil {
      throw CoreError.invalidParameter(
        name: "\(option: "sigma out")", value: path, requirement: "used with \(option: "uncertainty")")
    }
  }

  private func writeSpectra(_ facts: UnmixFacts, _ paths: UnmixPaths, _ run: inout RunRecords) throws {
    guard let base = paths.endmembers else { return }
    let files = try SpectralLibraryFile.write(
      facts.fileEndmembers, to: base, overwrite: writing.overwrites, inputs: run.plan.protected)
    run.outputs += files.map { ReportOutput(path: $0, content: "endmembers") }
  }

  private func writeChannels(
    _ facts: UnmixFacts, _ paths: UnmixPaths, _ run: inout RunRecords, _ context: RunContext
  ) throws {
    guard !paths.channelQuality.isEmpty else { return }
    guard facts.solution.channelQuality != nil else {
      context.warn("W-NO-QUALITY", "\(method.method) learns no channel quality; none was written")
      return
    }
    for path in paths.channelQuality {
      let isJSON = path.lowercased().hasSuffix(".json")
      let data = isJSON ? try ChannelQuality.json(facts.channels) : ChannelQuality.csv(facts.channels)
      try run.write(data, to: path, content: "channel quality")
    }
  }

  private func writePictures(
    _ pictures: UnmixPictures, _ shown: UnmixPictures.ScenePicture?, _ paths: UnmixPaths, _ run: inout RunRecords
  ) throws {
    let source = pictures.facts.solver.source
    let georeference = source.metadata.georeference
    if let path = paths.quicklook, let shown {
      let step = (source.shape.samples + shown.image.width - 1) / shown.image.width
      try run.write(shown.image, to: path, georeference: georeference, step: step, content: "quicklook")
    }
    if let path = paths.composite {
      try run.write(
        pictures.composite(), to: path, georeference: georeference, step: pictures.facts.maps.previews.step,
        content: "abundance composite")
    }
  }
}
