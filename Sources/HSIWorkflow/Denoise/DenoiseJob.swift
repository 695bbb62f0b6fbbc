import Foundation
import HSICore
import HSIRaster
import HSIReport
import HSIRestoration

/// Removes noise from a scene: restored cube, what was removed, pictures and reports, as files with the scene's metadata.
///
/// The scene is held in memory. When the job throws, nothing is left.
///
/// ```swift
/// var job = DenoiseJob(scene: SceneRequest("scene.hdr"), output: "clean.tif")
/// job.products.reports.html = "clean.html"
/// let result = try job.run(RunContext())
/// ```
public struct DenoiseJob: Sendable {
  /// What is restored.
  public var scene: SceneRequest
  /// The restored cube.
  public var output: String
  /// How; by default the method follows from the noise.
  public var method = DenoiseMethodRequest()
  /// What is known about the noise; nil to estimate it.
  public var noise: NoiseRequest?
  /// Whether bands that are not processed are left out, rather than copied.
  public var dropsBad = false
  /// Whether samples keep the type of the scene (rounded and clipped), rather than become single precision.
  public var keepsType = false
  /// Further products.
  public var products = DenoiseProductRequest()
  /// How rasters are written.
  public var writing = RasterWriting()
  /// Provenance, STAC item, map grid.
  public var records = RecordRequest()

  /// A restored cube, with defaults for all else.
  public init(scene: SceneRequest, output: String) {
    self.scene = scene
    self.output = output
  }

  /// Does the work.
  ///
  /// - Throws: the errors of opening, of the method and of writing; `CoreError.memory`, `.cancelled`.
  public func run(_ context: RunContext) throws -> JobResult {
    let claim = context.claimThreads()
    defer { claim.release() }
    var provenance = Provenance(options: method.values.mapValues { "\($0)" }, context)
    let named = try DenoiserChoice.named(method)
    let opened = try scene.open(context)
    let bands = Array(Set(try opened.bands(default: .good))).sorted()
    let source = try opened.source(bands: .list(bands), excludesZeroSpectra: true, context)
    let given = try noise.map { try GivenNoise.levels($0, bands: bands, total: opened.reader.shape.bands) }
    var plan = OutputPlan(overwrites: writing.overwrites, context)
    plan.read(
      opened.files + [noise?.file].compactMap { $0 }, digested: records.digestsInputs)
    plan.read(named?.files ?? [], digested: true)
    plan.record(on: &provenance)
    let grid = try MapProducts.grid(records, opened, window: source.window, context)
    let paths = DenoisePaths(restored: output, products, records)
    try paths.declare(on: &plan, writing, georeference: source.metadata.georeference)
    try plan.check()
    if let named { try named.denoiser.requireMemory(for: source.shape, context) }

    var clock = Stopwatch()
    let noisy = try source.load(context)
    guard noisy.count > 0 else { throw RestorationError.tooFewPixels(purpose: "denoising") }
    let reading = clock.lap()
    let levels = try given ?? NoiseLevels.estimate(noisy, context)
    let choice = try named ?? .automatic(for: noisy, noise: levels, context)
    provenance.options["method"] = choice.denoiser.description.id
    if named == nil { try choice.denoiser.requireMemory(for: source.shape, context) }
    let restored = try choice.denoiser.restore(noisy, noise: levels, context)
    let denoising = clock.lap()

    var facts = DenoiseFacts(
      opened: opened, source: source, choice: choice, scene: noisy, result: restored, before: levels,
      noiseSource: given == nil ? "estimated" : "given")
    try facts.judge(context)
    if let diagnostics = facts.diagnostics { DenoiseDoubts.warn(noisy, diagnostics, context) }
    let judging = clock.lap()
    var run = RunRecords(plan, provenance, paths.output)
    let raster = try writeCube(facts, grid, &run, context)
    try writeResidual(facts, paths, grid, &run, context)
    let writing = clock.lap()
    facts.timings = .init(readingS: reading, denoisingS: denoising, judgingS: judging, writingS: writing)
    try writePictures(facts, paths, &run, context)
    var result = try run.finish(raster: raster, grid: grid, context) { [facts] outputs, provenance in
      RunReport(facts.report(outputs: outputs, provenance: provenance)) {
        try DenoisePictures(facts, longestSide: ReportPicture.longestSide, context).figures(facts)
      }
    }
    result.summary = facts.summary + (named == nil ? " (chosen from the noise)" : "")
    return result
  }

  // MARK: - Rasters

  private func writeCube(
    _ facts: DenoiseFacts, _ grid: OrthoGrid?, _ run: inout RunRecords, _ context: RunContext
  ) throws -> MapProducts.Raster {
    let reader = facts.opened.reader
    let bands = dropsBad ? facts.bands : Array(0..<reader.shape.bands)
    let places = Dictionary(uniqueKeysWithValues: bands.enumerated().map { ($1, $0) })
    let window = facts.source.window
    let type = keepsType ? reader.sampleType : .float32
    var metadata = reader.metadata.selecting(bands: bands).cropping(to: window)
    if type == .float32, reader.sampleType != .float32 {
      // The number that marks missing pixels as single precision holds it.
      metadata.nodata = metadata.nodata.map { $0.map { Double(Float($0)) } }
    }
    let shape = CubeShape(lines: window.lines, samples: window.samples, bands: bands.count)
    let writer = try RasterFormats.create(
      output, shape: shape, type: type, metadata: metadata,
      options: writing.options(interleave: reader.interleave, inputs: run.plan.protected, grid: grid), context: context)
    let outcome = try CubeUpdate.run(
      from: reader, window: window, bands: bands, values: facts.result.scene,
      places: facts.bands.compactMap { places[$0] }, to: writer, context)
    let values = facts.scene.count * facts.bands.count
    if outcome.clipped > 0 {
      context.warn(
        "W-CLIPPED",
        "\(outcome.clipped) of \(values) restored values exceed the range of \(type.rawValue) and were clipped "
          + "(\(option: "sample type") float32 keeps them)")
    }
    if outcome.shifted > 0 {
      context.warn(
        "W-NODATA-VALUE",
        "\(outcome.shifted) of \(values) restored values would have meant no data and were moved to the next number"
      )
    }
    let copied = bands.count - facts.bands.count
    if copied > 0 {
      let text =
        "\(copied) of \(bands.count) bands were not processed and are copied unchanged (\(option: "drop bad") leaves them out)"
      context.logger.notice("\(context.spelled(text))")
    }
    run.outputs += outcome.files.map { ReportOutput(path: $0, content: "restored cube") }
    return MapProducts.Raster(
      path: output, format: writing.format, shape: shape, type: type, metadata: metadata)
  }

  private func writeResidual(
    _ facts: DenoiseFacts, _ paths: DenoisePaths, _ grid: OrthoGrid?, _ run: inout RunRecords, _ context: RunContext
  ) throws {
    guard let path = paths.residual else { return }
    var metadata = facts.scene.metadata
    metadata.quantity = .unknown
    metadata.extra = [HeaderField("HSI_PRODUCT", "residual")]
    let shape = facts.scene.shape
    metadata.nodata = writing.nodata(bands: shape.bands)
    let sink = ProductSink(
      lines: shape.lines, samples: shape.samples, writing: writing, inputs: run.plan.protected, grid: grid, context)
    try sink.open(RasterProduct("removed", path: path, content: "what was removed", metadata: metadata))
    run.outputs += try sink.run { sink in
      let restored = facts.result.scene.pixels
      var row = 0
      try facts.scene.forEachStrip(context, label: "writing what was removed") { strip in
        let base = restored.pointer + row * shape.bands
        for i in 0..<(strip.count * shape.bands) { strip.pixels.pointer[i] -= base[i] }
        row += strip.count
        var removed = ProductStrip(window: strip.window, positions: strip.positions)
        removed["removed"] = strip.pixels
        try sink.write(removed)
      }
      return try sink.finish()
    }
  }

  private func writePictures(
    _ facts: DenoiseFacts, _ paths: DenoisePaths, _ run: inout RunRecords, _ context: RunContext
  ) throws {
    guard let files = paths.pictures else { return }
    let pictures = try DenoisePictures(facts, longestSide: 8192, context)
    for (path, image, content) in [
      (files.before, pictures.before, "picture before"), (files.after, pictures.after, "picture after"),
    ] {
      try run.write(
        image, to: path, georeference: facts.scene.metadata.georeference, step: pictures.step, content: content)
    }
  }
}
