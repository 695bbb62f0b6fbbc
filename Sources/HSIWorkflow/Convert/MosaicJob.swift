import HSICore
import HSIRaster
import HSIReport

/// Describes tiles of one map grid, or a part of one scene, as one raster without copying.
public struct MosaicJob: Sendable {
  /// The tiles, of which later ones lie above; or one scene. Metadata come from the first one.
  public var tiles: [SceneRequest]
  /// The virtual raster, a name that ends in `.vrt`.
  public var output: String
  /// Tiles of a row, for tiles that were cut from a raster without a position on a map; nil for tiles with one.
  public var columns: Int?
  /// Whether an existing file may be replaced.
  public var overwrites = false

  /// A description of tiles.
  public init(tiles: [SceneRequest], output: String) {
    self.tiles = tiles
    self.output = output
  }

  /// Does the work.
  ///
  /// - Throws: the errors of opening and of `VRTMosaic.write`; `RasterError.truncated` for a tile that is not complete.
  public func run(_ context: RunContext) throws -> JobResult {
    let claim = context.claimThreads()
    defer { claim.release() }
    precondition(!tiles.isEmpty, "a mosaic without tiles")
    try tiles[0].requireAllPixels()
    let opened = try tiles.map { try $0.open(context) }
    let first = opened[0]
    let window = try first.window()
    guard opened.count == 1 || window == first.reader.shape.window else {
      throw CoreError.invalidParameter(
        name: "\(option: "window") or \(option: "bbox")", value: "given", requirement: "left out with several tiles")
    }
    let bands = try first.bands(default: .all)
    var plan = OutputPlan(overwrites: overwrites, context)
    plan.read(opened.flatMap(\.files))
    plan.write(output)
    try plan.check()
    for scene in opened where !scene.request.opening.allowsTruncated {
      try SampleCheck.requireComplete(scene.reader)
    }
    var writing = OutputOptions()
    writing.overwrite = overwrites
    writing.inputs = plan.protected
    let files = try VRTMosaic.write(
      opened.map(\.reader), window: window, bands: bands, metadata: first.metadata.selecting(bands: bands),
      columns: columns, to: output, options: writing)
    return JobResult(outputs: files.map { ReportOutput(path: $0, content: "virtual raster") })
  }
}
