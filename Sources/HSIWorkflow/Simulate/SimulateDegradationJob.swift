import Foundation
import HSICore
import HSIRaster
import HSIReport
import HSIRestoration

/// Makes a scene worse in a known way: noise, blur, a coarser grid, missing values, haze. Metadata are kept, and follow the grid where
/// it changes; what was drawn is in the provenance.
///
/// Degradations that change every pixel on its own place go through scenes of any size; for the others the scene is held in memory.
/// Values that are taken away are NaN in the result. Where the grid becomes coarser, lines and samples that do not fill a pixel of it
/// are left out at the right and bottom beforehand; `truth` is the scene on the part that is left.
public struct SimulateDegradationJob: Sendable {
  /// The scene.
  public var scene: SceneRequest
  /// The degraded scene, float32.
  public var output: String
  /// What is done to it, with the seed of the context.
  public var degradation: any Degradation
  /// The data values that stand for 0 and 1; nil for the smallest and largest of the scene. Only for degradations that use it.
  public var range: DataRange?
  /// The scene on the part that the result covers, float32; nil for none.
  public var truth: String?
  /// A raster that is 1 where values were taken away, a band per band, 255 where the scene has no data; nil for none.
  public var taken: String?
  /// How the rasters are written.
  public var writing = RasterWriting()
  /// Provenance.
  public var records = RecordRequest()

  /// A degradation of a scene.
  public init(scene: SceneRequest, output: String, degradation: any Degradation) {
    self.scene = scene
    self.output = output
    self.degradation = degradation
  }

  /// Does the work.
  ///
  /// - Throws: the errors of opening, of the degradation and of writing; `RestorationError.tooFewPixels`;
  ///   `CoreError.invalidParameter` for a range or a raster of what was taken that the degradation has no use for.
  public func run(_ context: RunContext) throws -> JobResult {
    let claim = context.claimThreads()
    defer { claim.release() }
    let name = degradation.description.id
    if let range, !degradation.usesRange {
      throw CoreError.invalidParameter(
        name: "\(option: "range")", value: "\(range.low),\(range.high)",
        requirement: "left out: \(name) does not depend on it")
    }
    if let taken, !(degradation is any TakingDegradation) {
      throw CoreError.invalidParameter(
        name: "\(option: "missing out")", value: taken, requirement: "left out: \(name) takes no values away")
    }
    let provenance = Provenance(context)
    let opened = try scene.open(context)
    let (source, leftOut) = try matching(opened, context)
    var plan = OutputPlan(overwrites: writing.overwrites, context)
    plan.read(opened.files)
    for raster in [output, truth, taken] { try plan.writeRaster(raster, writing) }
    let record = records.provenancePath(of: output)
    plan.write(record, replaceable: true)
    try plan.check()
    var run = RunRecords(plan, provenance, at: record)
    plan.record(on: &run.provenance)
    let coarse = source.metadata.rescaled(by: 1 / Double(degradation.reduction))
    let sink = results(of: source, reduction: degradation.reduction, plan, context)
    let clean = results(of: source, reduction: 1, plan, context)
    try sink.open(product("degraded", at: output, "degraded scene", coarse, opened))
    if let taken { try sink.open(mask(at: taken, of: source.metadata)) }
    run.outputs = try sink.run { sink in
      if let truth { try clean.open(product("truth", at: truth, "scene before", source.metadata, opened)) }
      return try clean.run { clean in
        let good = source.metadata.axis.good
        let range = try degradation.usesRange ? self.range ?? extent(of: source, good, context) : .unit
        let target = DegradationTarget(source.shape, range: range, active: good, seed: context.seed)
        if let caveat = degradation.caveat(target) {
          context.warn("W-NOISE-SMALL", "\(opened.path): \(caveat)")
        }
        let facts =
          if let method = degradation as? any StripDegradation {
            try degrade(source, method.draw(target), target, sink, clean, context)
          } else {
            try degrade(source, target, sink, clean, context)
          }
        run.provenance.options.merge(facts) { $1 }
        run.provenance.options["left_out"] = leftOut
        return try sink.finish() + clean.finish()
      }
    }
    return try run.finish(context)
  }

  /// The part of the scene that fills the pixels of the result, and what is left out where that is not all.
  private func matching(_ opened: OpenScene, _ context: RunContext) throws -> (FileSource, leftOut: String?) {
    var window = try opened.window()
    let (lines, samples, factor) = (window.lines, window.samples, degradation.reduction)
    (window.lines, window.samples) = (lines / factor * factor, samples / factor * factor)
    guard window.lines > 0, window.samples > 0 else {
      throw CoreError.invalidParameter(
        name: "the reduction of \(degradation.description.id)", value: "\(factor)",
        requirement: "at most the lines and samples of the scene (\(lines) × \(samples))")
    }
    var leftOut: String?
    if window.lines < lines || window.samples < samples {
      let text = "\(lines - window.lines) lines and \(samples - window.samples) samples"
      context.logger.notice("\(opened.path): \(text) do not fill a pixel of the coarser grid and are left out")
      leftOut = text
    }
    var request = opened.request
    request.area = .pixels(window)
    return (try OpenScene(request, opened.reader, context).source(bands: .all, context), leftOut)
  }

  // MARK: - Work

  /// Strip by strip.
  private func degrade(
    _ source: FileSource, _ drawn: some DrawnDegradation, _ target: DegradationTarget, _ sink: ProductSink,
    _ clean: ProductSink, _ context: RunContext
  ) throws -> [String: String] {
    let holes = taken == nil ? nil : (degradation as? any TakingDegradation)?.leavingHoles.draw(target)
    var count = 0
    try source.forEachStrip(context, label: "degrading") { strip in
      try write("truth", strip.pixels, strip, to: clean)
      var degraded = ProductStrip(window: strip.window, positions: strip.positions)
      if let holes {
        let marks = PixelMatrix(rows: strip.count, columns: strip.bands)
        holes.apply(to: marks, positions: strip.positions, window: strip.window)
        for i in 0..<(strip.count * strip.bands) { marks.pointer[i] = marks.pointer[i].isNaN ? 1 : 0 }
        degraded["taken"] = marks
      }
      drawn.apply(to: strip.pixels, positions: strip.positions, window: strip.window)
      degraded["degraded"] = strip.pixels
      count += strip.count
      try sink.write(degraded)
    }
    guard count > 0 else { throw RestorationError.tooFewPixels(purpose: "degrading a scene") }
    return drawn.facts
  }

  /// In memory.
  private func degrade(
    _ source: FileSource, _ target: DegradationTarget, _ sink: ProductSink, _ clean: ProductSink, _ context: RunContext
  ) throws -> [String: String] {
    let cube = try source.load(context)
    guard cube.count > 0 else { throw RestorationError.tooFewPixels(purpose: "degrading a scene") }
    if truth != nil {
      try cube.forEachStrip(context, label: "writing") { try write("truth", $0.pixels, $0, to: clean) }
    }
    let result = try degradation.degradeActiveBands(cube, target, context)
    try result.scene.forEachStrip(context, label: "writing") { try write("degraded", $0.pixels, $0, to: sink) }
    return result.facts
  }

  private func write(_ name: ProductName, _ pixels: PixelMatrix, _ strip: Strip, to sink: ProductSink) throws {
    var product = ProductStrip(window: strip.window, positions: strip.positions)
    product[name] = pixels
    try sink.write(product)
  }

  private func extent(of source: FileSource, _ good: [Bool], _ context: RunContext) throws -> DataRange {
    let bands = good.indices.filter { good[$0] }
    var extent = DataRange.Accumulator()
    try source.forEachStrip(context, label: "range of values") { extent.add($0.pixels, bands: bands) }
    let range = try extent.range()
    context.logger.info("range of values \(range.low) to \(range.high) (source: the scene)")
    return range
  }

  // MARK: - Products

  private func results(
    of source: FileSource, reduction: Int, _ plan: OutputPlan, _ context: RunContext
  ) -> ProductSink {
    ProductSink(
      lines: source.shape.lines / reduction, samples: source.shape.samples / reduction, writing: writing,
      inputs: plan.protected, context)
  }

  private func product(
    _ name: ProductName, at path: String, _ content: String, _ metadata: CubeMetadata, _ opened: OpenScene
  ) -> RasterProduct {
    var metadata = metadata
    metadata.nodata = writing.nodata(bands: metadata.bands)
    var product = RasterProduct(name, path: path, content: content, metadata: metadata)
    product.interleave = opened.reader.interleave
    return product
  }

  private func mask(at path: String, of scene: CubeMetadata) -> RasterProduct {
    let names = (1...scene.bands).map { "taken from band \($0)" }
    var metadata = scene.replacingBands(names: names, quantity: .unknown)
    metadata.nodata = [Double?](repeating: 255, count: scene.bands)
    metadata.summary = "1: the value was taken away; 0: it was kept; 255: the scene has no data"
    var product = RasterProduct("taken", path: path, content: "mask of missing values", metadata: metadata)
    product.type = .uint8
    return product
  }
}
