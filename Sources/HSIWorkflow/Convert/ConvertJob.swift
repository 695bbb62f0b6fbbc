import HSICore
import HSIRaster
import HSIReport

/// Writes any readable cube as GeoTIFF, COG, ENVI, NumPy or MATLAB; samples and metadata are kept.
public struct ConvertJob: Sendable {
  /// The cube; its bands default to all.
  public var scene: SceneRequest
  /// The file to write.
  public var output: String
  /// Type of the samples (rounded and clipped); nil for that of the cube.
  public var type: SampleType?
  /// How the raster is written.
  public var writing = RasterWriting()
  /// STAC item and map grid; a converted file has no provenance beside it.
  public var records = RecordRequest()

  /// A copy of a cube.
  public init(scene: SceneRequest, output: String) {
    self.scene = scene
    self.output = output
  }

  /// Does the work.
  ///
  /// - Throws: the errors of opening and writing.
  public func run(_ context: RunContext) throws -> JobResult {
    let claim = context.claimThreads()
    defer { claim.release() }
    try scene.requireAllPixels()
    let opened = try scene.open(context)
    let reader = opened.reader
    let window = try opened.window()
    let bands = try opened.bands(default: .all)
    let type = type ?? reader.sampleType
    var metadata = reader.metadata.selecting(bands: bands).cropping(to: window)
    if type != reader.sampleType {
      metadata = CubeRetype.metadata(metadata, from: reader.sampleType, to: type)
      if let value = writing.nodata { metadata.nodata = [Double?](repeating: value, count: bands.count) }
    }
    var plan = OutputPlan(overwrites: writing.overwrites, context)
    plan.read(opened.files)
    try plan.writeRaster(output, writing)
    plan.write(records.item)
    let grid = try MapProducts.grid(records, opened, window: window, context)
    try plan.check()
    let shape = CubeShape(lines: window.lines, samples: window.samples, bands: bands.count)
    let writer = try RasterFormats.create(
      output, shape: shape, type: type, metadata: metadata,
      options: writing.options(interleave: reader.interleave, inputs: plan.protected, grid: grid), context: context)
    let files: [String]
    if type == reader.sampleType {
      files = try CubeCopy.run(from: reader, window: window, bands: bands, to: writer, context)
    } else {
      files = try retype(reader, window, bands, to: writer, nodata: metadata.nodata, context)
    }
    var result = JobResult(
      outputs: files.map { ReportOutput(path: $0, content: $0 == output ? "cube" : "sidecar") })
    if let path = records.item {
      let raster = MapProducts.Raster(
        path: output, format: writing.format, shape: shape, type: type, metadata: metadata)
      let item = try MapProducts.item(
        at: path, of: raster, grid: grid, others: result.outputs.filter { $0.path != output },
        inputs: reader.files, context)
      try plan.store(item, at: path)
      result.outputs.append(ReportOutput(path: path, content: "STAC item"))
    }
    let kept = type == reader.sampleType ? "" : " (was \(reader.sampleType.rawValue))"
    result.summary = "\(shape) as \(type.rawValue)\(kept)"
    return result
  }

  private func retype(
    _ reader: any CubeReader, _ window: PixelWindow, _ bands: [Int], to writer: any CubeWriter, nodata: [Double?],
    _ context: RunContext
  ) throws -> [String] {
    let outcome = try CubeRetype.run(
      from: reader, window: window, bands: bands, to: writer, nodata: nodata, context)
    if outcome.clipped > 0 {
      context.warn(
        "W-CLIPPED", "\(outcome.clipped) numbers exceed the range of \(writer.sampleType.rawValue) and were clipped")
    }
    if outcome.shifted > 0 {
      context.warn(
        "W-NODATA-VALUE",
        "\(outcome.shifted) numbers would have meant no data and were moved to the next one (\(option: "out nodata") chooses another)"
      )
    }
    return outcome.files
  }
}
