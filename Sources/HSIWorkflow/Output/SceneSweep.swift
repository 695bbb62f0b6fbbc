import HSICore
import HSIRaster
import HSIReport

/// The frame of a job that reads a scene strip by strip and writes rasters of results on its grid.
///
/// Opening, the plan of files and its check, the map grid, the sink, and the records at the end are the same for all such jobs; what
/// differs is which products there are and how a strip of pixels becomes a strip of results. A job
///
/// 1. makes a sweep, and tells it what else is read and written (`read`, `writeRaster`, `plan`);
/// 2. calls `check` once: nothing is written where something would be replaced, or cannot be;
/// 3. looks at `source` as often as it likes, for statistics;
/// 4. calls `run` with its products, which come out complete or not at all;
/// 5. calls `finish`.
///
/// ```swift
/// var sweep = try SceneSweep(scene, output: output, options: ["method": "sum"], writing: writing, records: records, context)
/// try sweep.check()
/// let sum = RasterProduct(.sum, path: output, content: "sum of the bands", metadata: sweep.described(["sum"], .unknown))
/// var run = try sweep.run([sum], label: "summing", bytesPerPixel: 4) { strip in … }
/// return try sweep.finish(&run, main: sum)
/// ```
struct SceneSweep {
  /// The open file.
  let opened: OpenScene
  /// The pixels and bands that are used.
  private(set) var source: FileSource
  /// Names of the main output and of what goes by its stem.
  let paths: OutputPaths
  /// Everything that is read and written.
  var plan: OutputPlan
  /// How the results come about.
  var provenance: Provenance
  private let writing: RasterWriting
  private let records: RecordRequest
  private let context: RunContext
  private let excludesZeroSpectra: Bool
  private let acceptsMissingValues: Bool
  private var grid: OrthoGrid?

  /// Opens a scene.
  ///
  /// - Parameters:
  ///   - output: the main raster.
  ///   - bands: those that are used where the request names none.
  ///   - excludesZeroSpectra: whether pixels that are 0 in all bands are fill, unless the request says that no value means no data.
  ///   - acceptsMissingValues: whether NaN in valid pixels is welcome.
  ///   - everything: whether products and reports without a name get one from the stem of the output.
  ///   - options: what the provenance says that the run was told.
  /// - Throws: the errors of opening.
  init(
    _ scene: SceneRequest, output: String, bands: BandSelection = .good, excludesZeroSpectra: Bool = true,
    acceptsMissingValues: Bool = false, everything: Bool = false, reports: ReportPlaces = ReportPlaces(),
    options: [String: String], writing: RasterWriting, records: RecordRequest, _ context: RunContext
  ) throws {
    (self.writing, self.records, self.context) = (writing, records, context)
    (self.excludesZeroSpectra, self.acceptsMissingValues) = (excludesZeroSpectra, acceptsMissingValues)
    provenance = Provenance(options: ["scene": scene.path].merging(options) { $1 }, context)
    opened = try scene.open(context)
    source = try opened.source(
      bands: scene.bands ?? bands, excludesZeroSpectra: excludesZeroSpectra, acceptsMissingValues: acceptsMissingValues,
      context)
    paths = OutputPaths(output, everything: everything, reports, records)
    plan = OutputPlan(overwrites: writing.overwrites, context)
    plan.read(opened.files, digested: records.digestsInputs)
    try plan.writeRaster(output, writing)
  }

  /// Leaves bands out that what is compared with the scene does not have.
  ///
  /// - Parameter bands: of the file, 0-based.
  /// - Throws: the errors of opening.
  mutating func use(bands: [Int]) throws {
    guard bands != source.bands else { return }
    source = try opened.source(
      bands: .list(bands), excludesZeroSpectra: excludesZeroSpectra, acceptsMissingValues: acceptsMissingValues, context
    )
  }

  /// Declares further files that are read; those that decide about results are digested whole.
  mutating func read(_ files: [String], digested: Bool = true) { plan.read(files, digested: digested) }

  /// Declares a raster beside the main one; none where there is no name.
  mutating func writeRaster(_ path: String?) throws { try plan.writeRaster(path, writing) }

  /// Checks every file that was declared, and looks up the map grid.
  mutating func check() throws {
    paths.declareRecords(on: &plan)
    plan.record(on: &provenance)
    try plan.check()
    grid = try MapProducts.grid(records, opened, window: source.window, context)
  }

  /// Metadata of results: place, time and sensor of the scene, these bands, no data as the run writes it.
  func described(_ bands: [String], _ quantity: Quantity) -> CubeMetadata {
    var metadata = source.metadata.replacingBands(names: bands, quantity: quantity)
    metadata.nodata = writing.nodata(bands: bands.count)
    return metadata
  }

  /// Opens the files of the products, runs the work that fills them, and completes them; when it throws none is left.
  func write(_ products: [RasterProduct], _ work: (ProductSink) throws -> Void) throws -> RunRecords {
    let sink = ProductSink(
      lines: source.shape.lines, samples: source.shape.samples, writing: writing, inputs: plan.protected, grid: grid,
      context)
    for product in products { try sink.open(product) }
    var run = RunRecords(plan, provenance, paths)
    run.outputs = try sink.run { sink in
      try work(sink)
      return try sink.finish()
    }
    return run
  }

  /// The same for results that strips of pixels become one by one.
  ///
  /// - Parameters:
  ///   - label: name of the phase in the progress display.
  ///   - bytesPerPixel: what `compute` needs per pixel beside the pixels themselves, its results included.
  func run(
    _ products: [RasterProduct], label: String, bytesPerPixel: Int, _ compute: (Strip) throws -> ProductStrip
  ) throws -> RunRecords {
    try write(products) { sink in
      try source.forEachStrip(context, label: label, extraBytesPerPixel: bytesPerPixel) { try sink.write(compute($0)) }
    }
  }

  /// Writes item, reports and provenance.
  ///
  /// - Parameters:
  ///   - main: the raster that the item describes.
  ///   - report: given all outputs and the finished provenance; called where one is wanted.
  func finish(
    _ run: inout RunRecords, main: RasterProduct,
    report: ((_ outputs: [ReportOutput], _ provenance: Provenance) throws -> RunReport)? = nil
  ) throws -> JobResult {
    let shape = CubeShape(lines: source.shape.lines, samples: source.shape.samples, bands: main.metadata.bands)
    let raster = MapProducts.Raster(
      path: main.path, format: writing.format, shape: shape, type: main.type, metadata: main.metadata)
    return try run.finish(raster: raster, grid: grid, context, report: report)
  }

  /// The scene for a report.
  ///
  /// - Parameter validPixels: pixels that are not no data.
  func reported(validPixels: Int) -> ReportScene {
    let window = source.window
    return ReportScene(
      path: opened.path, format: opened.reader.format,
      shape: CubeShape(lines: window.lines, samples: window.samples, bands: opened.reader.shape.bands),
      usedBands: source.bands.count, validPixels: validPixels, metadata: opened.metadata, window: window)
  }
}
