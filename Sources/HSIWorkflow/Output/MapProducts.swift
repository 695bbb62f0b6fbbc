import Foundation
import HSICore
import HSIRaster
import HSIReport

/// Where the results of a scene lie on a map, and the STAC item that tells catalogues so.
enum MapProducts {
  /// The map grid that was asked for, for a part of a scene; nil without.
  static func grid(
    _ records: RecordRequest, _ scene: OpenScene, window: PixelWindow, _ context: RunContext
  ) throws -> OrthoGrid? {
    guard let ortho = records.ortho else { return nil }
    let reader = scene.reader
    let grid = try OrthoGrid.named(ortho, of: reader, window: window, context: context)
    guard grid.filled > 0 else {
      throw RasterError.inconsistent(
        path: reader.path, reason: "no cell of the map grid holds a pixel of the part that is processed",
        advice: "check \(option: "window") and \(option: "ortho")")
    }
    context.logger.info(
      "\(reader.path): \(grid.lines) × \(grid.samples) cells on the map, \(grid.filled) with a pixel")
    return grid
  }

  /// A raster that was written, as its STAC item describes it.
  struct Raster {
    var path: String
    /// Format asked for, nil for that of the extension.
    var format: OutputFormat?
    var shape: CubeShape
    var type: SampleType
    var metadata: CubeMetadata
  }

  /// The STAC item of a raster as JSON.
  ///
  /// - Parameters:
  ///   - path: where the item will lie.
  ///   - raster: as it was handed to the writer, in the geometry of the scene.
  ///   - others: further files of the run.
  ///   - inputs: what the raster was made from.
  static func item(
    at path: String, of raster: Raster, grid: OrthoGrid?, others: [ReportOutput], inputs: [String],
    _ context: RunContext
  ) throws -> Data {
    var (metadata, shape) = (raster.metadata, raster.shape)
    if let grid { (metadata, shape) = grid.placing(metadata, shape, type: raster.type) }
    let format = raster.format ?? OutputFormat(path: raster.path) ?? .geoTIFF
    let epoch = ProcessInfo.processInfo.environment["SOURCE_DATE_EPOCH"].flatMap(Double.init)
    let now = (epoch.map { Date(timeIntervalSince1970: $0) } ?? Date()).formatted(.iso8601)
    var item = STACItem(
      path: raster.path, mediaType: mediaType(format), shape: shape, type: raster.type, metadata: metadata,
      created: now)
    if item.acquired == nil {
      context.warn(
        "W-STAC-TIME", "\(path): the time of acquisition is not known; the time of processing stands for it")
    }
    if let georeference = metadata.georeference {
      let footprint = MapFootprint(georeference, lines: shape.lines, samples: shape.samples, context: context)
      item.place = footprint.map { STACItem.Place(rings: $0.rings, box: $0.box) }
      item.code = footprint?.code
      item.wkt = footprint?.wkt
    }
    if item.place == nil {
      context.warn("W-STAC-PLACE", "\(path): the position on Earth is not known; the item has no geometry")
    }
    item.others = others.map { STACItem.Asset(path: $0.path, title: $0.content) }
    item.derivedFrom = inputs
    item.software = ["hsi": Toolkit.version].merging(Toolkit.libraries) { $1 }
    item.lineage = Secrets.commandLine(["hsi"] + context.invocation.arguments.dropFirst())
    return try item.json(at: path)
  }

  private static func mediaType(_ format: OutputFormat) -> String {
    switch format {
    case .geoTIFF: "image/tiff; application=geotiff"
    case .cog: "image/tiff; application=geotiff; profile=cloud-optimized"
    case .matlab: "application/x-matlab-data"
    case .envi, .npy: "application/octet-stream"
    }
  }
}
