import Foundation
import HSICore
import HSIRaster
import HSIReport
import HSIRestoration

/// Adds noise of a known model to a scene; metadata are kept, and what was drawn is in the provenance.
public struct SimulateNoiseJob: Sendable {
  /// The scene.
  public var scene: SceneRequest
  /// The noisy scene, float32.
  public var output: String
  /// The noise.
  public var model: NoiseModel
  /// The data values that stand for 0 and 1; nil for the smallest and largest of the scene.
  public var range: DataRange?
  /// Whether the result is limited to the range.
  public var clips = false
  /// How the raster is written.
  public var writing = RasterWriting()
  /// Provenance.
  public var records = RecordRequest()

  /// Noise for a scene.
  public init(scene: SceneRequest, output: String, model: NoiseModel) {
    self.scene = scene
    self.output = output
    self.model = model
  }

  /// Does the work, strip by strip.
  ///
  /// - Throws: the errors of opening and writing, `RestorationError.tooFewPixels`.
  public func run(_ context: RunContext) throws -> JobResult {
    let claim = context.claimThreads()
    defer { claim.release() }
    let provenance = Provenance(context)
    let opened = try scene.open(context)
    let source = try opened.source(bands: .all, context)
    var plan = OutputPlan(overwrites: writing.overwrites, context)
    plan.read(opened.files)
    try plan.writeRaster(output, writing)
    let record = records.provenancePath(of: output)
    plan.write(record, replaceable: true)
    try plan.check()
    var run = RunRecords(plan, provenance, at: record)
    plan.record(on: &run.provenance)
    var metadata = source.metadata
    metadata.nodata = writing.nodata(bands: metadata.bands)
    var product = RasterProduct("noisy", path: output, content: "noisy scene", metadata: metadata)
    product.interleave = opened.reader.interleave
    let sink = ProductSink(
      lines: source.shape.lines, samples: source.shape.samples, writing: writing, inputs: plan.protected, context)
    try sink.open(product)
    let active = source.metadata.axis.good
    let good = active.indices.filter { active[$0] }
    run.outputs = try sink.run { sink in
      let range = try self.range ?? extent(of: source, bands: good, context)
      let noise = NoiseRealisation(
        model, bands: source.shape.bands, samples: source.shape.samples, seed: context.seed, active: active)
      warnIfSmall(noise, bands: good.count, context)
      var count = 0
      try source.forEachStrip(context, label: "adding noise") { strip in
        noise.add(to: strip, range: range, clips: clips)
        count += strip.count
        var noisy = ProductStrip(window: strip.window, positions: strip.positions)
        noisy["noisy"] = strip.pixels
        try sink.write(noisy)
      }
      guard count > 0 else { throw RestorationError.tooFewPixels(purpose: "adding noise") }
      run.provenance.options.merge(NoiseModel.Drawn(noise, range: range, clips: clips).facts) { $1 }
      return try sink.finish()
    }
    return try run.finish(context)
  }

  private func extent(of source: FileSource, bands: [Int], _ context: RunContext) throws -> DataRange {
    var extent = DataRange.Accumulator()
    try source.forEachStrip(context, label: "range of values") { extent.add($0.pixels, bands: bands) }
    let range = try extent.range()
    context.logger.info("range of values \(range.low) to \(range.high) (source: the scene)")
    return range
  }

  /// Stripes and the like need three bands and some width.
  private func warnIfSmall(_ noise: NoiseRealisation, bands: Int, _ context: RunContext) {
    let kind = model.kind
    guard ![.gaussian, .blind, .noniid].contains(kind) else { return }
    if bands < 3 {
      context.warn(
        "W-NOISE-SMALL", "\(scene.path): of \(bands) good bands none is hit by \(kind.rawValue) noise")
    } else if noise.samples < 20, kind != .impulse {
      context.warn(
        "W-NOISE-SMALL",
        "\(scene.path): \(noise.samples) samples are few for \(kind.rawValue) noise, meant for 20 or more")
    }
  }
}
