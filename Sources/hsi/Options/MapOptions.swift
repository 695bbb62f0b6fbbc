import ArgumentParser
import Foundation
import HSIKit

/// Where the results of a scene lie on a map, and the STAC item that tells catalogues so.
struct MapOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      Bring results of a swath to a map grid, nearest pixel: glt (the product's lookup table), geoloc (its longitude \
      and latitude), or a file with a lookup table.
      """,
      valueName: "glt|geoloc|file"))
  var ortho: String?

  @Option(help: ArgumentHelp("Describe the result in a STAC item.", valueName: "file.json"))
  var stac: String?

  /// The map grid of `--ortho` for a part of a scene; nil without.
  func grid(_ reader: any CubeReader, window: PixelWindow, _ context: RunContext) throws -> OrthoGrid? {
    guard let ortho else { return nil }
    let grid = try OrthoGrid.named(ortho, of: reader, window: window, context: context)
    guard grid.filled > 0 else {
      throw RasterError.inconsistent(
        path: reader.path, reason: "no cell of the map grid holds a pixel of the part that is processed",
        advice: "check --window and --ortho")
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

  /// Writes the STAC item of a raster, where one was asked for.
  ///
  /// - Parameters:
  ///   - raster: as it was handed to the writer, in the geometry of the scene.
  ///   - others: further files of the run.
  ///   - inputs: what the raster was made from.
  /// - Returns: the item, or nothing.
  func writeItem(
    of raster: Raster, grid: OrthoGrid?, others: [ReportOutput], inputs: [String], overwrite: Bool,
    _ context: RunContext
  ) throws -> [ReportOutput] {
    guard let stac else { return [] }
    var (metadata, shape) = (raster.metadata, raster.shape)
    if let grid { (metadata, shape) = grid.placing(metadata, shape, type: raster.type) }
    let format = raster.format ?? OutputFormat(path: raster.path) ?? .geoTIFF
    let epoch = ProcessInfo.processInfo.environment["SOURCE_DATE_EPOCH"].flatMap(Double.init)
    let now = (epoch.map { Date(timeIntervalSince1970: $0) } ?? Date()).formatted(.iso8601)
    var item = STACItem(
      path: raster.path, mediaType: MapOptions.mediaType(format), shape: shape, type: raster.type,
      metadata: metadata, created: now)
    if item.acquired == nil {
      context.warn(
        "W-STAC-TIME", "\(stac): the time of acquisition is not known; the time of processing stands for it")
    }
    if let georeference = metadata.georeference {
      let footprint = MapFootprint(georeference, lines: shape.lines, samples: shape.samples, context: context)
      item.place = footprint.map { STACItem.Place(rings: $0.rings, box: $0.box) }
      item.code = footprint?.code
      item.wkt = footprint?.wkt
    }
    if item.place == nil {
      context.warn("W-STAC-PLACE", "\(stac): the position on Earth is not known; the item has no geometry")
    }
    item.others = others.map { STACItem.Asset(path: $0.path, title: $0.content) }
    item.derivedFrom = inputs
    item.software = ["hsi": Version.number].merging(Libraries.versions) { $1 }
    item.lineage = Secrets.commandLine(["hsi"] + HSICommand.arguments)
    try OutputFile.write(item.json(at: stac), to: stac, overwrite: overwrite, inputs: inputs)
    return [ReportOutput(path: stac, content: "STAC item")]
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
