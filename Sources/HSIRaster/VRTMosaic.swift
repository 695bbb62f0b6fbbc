import CGDAL
import Foundation
import HSICore

/// A virtual raster (GDAL's VRT): one scene, or tiles of one map grid put together, described without copying a sample.
///
/// The file holds the names of the sources, relative where they lie beside it or below, and the metadata of a cube: it is a way
/// to give wavelengths to a scene without touching it.
public enum VRTMosaic {
  /// Writes the description.
  ///
  /// - Parameters:
  ///   - readers: open cubes of the same bands and type; of several, later ones lie above earlier ones.
  ///   - window: part of the only cube; all of it with several.
  ///   - bands: bands of the cubes in the order of the result.
  ///   - metadata: that of the result, one entry per band; of its georeference nothing is used.
  ///   - columns: tiles of a row, for tiles without a position on a map, which are placed from the upper left; nil for tiles that have one.
  /// - Returns: the files written.
  /// - Throws: `RasterError.unsupported` for cubes that GDAL does not read by itself, `.inconsistent` for tiles that do not fit
  ///   together, `CoreError.outputExists`, `.cannotWrite`.
  public static func write(
    _ readers: [any CubeReader], window: PixelWindow, bands: [Int], metadata: CubeMetadata,
    columns: Int? = nil, to path: String, options: OutputOptions
  ) throws -> [String] {
    precondition(!readers.isEmpty && metadata.bands == bands.count)
    let names = try readers.map { reader in
      guard let name = reader.datasetName else {
        throw RasterError.unsupported(
          path: reader.path, feature: "\(reader.format) in a virtual raster",
          advice: "convert it to GeoTIFF or ENVI first")
      }
      // Only an absolute name can be told to lie beside the description.
      return VSI.isFile(name) ? URL(fileURLWithPath: name).standardizedFileURL.path : name
    }
    let rows = try columns.flatMap { columns in
      readers.count > 1 && !hasPositions(readers) ? try TileRows(readers, names: names, columns: columns) : nil
    }
    try check(readers, isPlaced: rows == nil)
    let output = try OutputFile(path, overwrite: options.overwrite, inputs: options.inputs)
    do {
      let text = try GDAL.collecting { messages in
        // The view of a scene holds on to it until it is closed itself.
        var source: GDALDatasetH?
        defer { if let source { GDALClose(source) } }
        let dataset: GDALDatasetH?
        if let rows {
          dataset = GDALGetDriverByName("VRT").flatMap {
            GDALCreate(
              $0, "", Int32(rows.samples), Int32(rows.lines), Int32(bands.count), GDALDataType(readers[0].sampleType),
              nil)
          }
        } else if readers.count == 1 {
          source = GDALOpenEx(names[0], UInt32(GDAL_OF_RASTER), nil, nil, nil)
          dataset = source.flatMap { view(of: $0, window: window, bands: bands) }
        } else {
          dataset = built(names, bands: bands)
        }
        guard let dataset else { throw GeoTIFFWriter.failure(messages, path) }
        var described = metadata
        described.georeference = nil
        GeoTIFFMetadata.write(described, to: dataset, type: readers[0].sampleType)
        for (b, nodata) in metadata.nodata.enumerated() {
          guard let nodata, let band = GDALGetRasterBand(dataset, Int32(b + 1)) else { continue }
          GDALSetRasterNoDataValue(band, nodata)
        }
        let text = description(of: dataset, at: path)
        GDALClose(dataset)
        guard let text, !messages.hasError else { throw GeoTIFFWriter.failure(messages, path) }
        return rows?.filled(text, at: path, bands: bands) ?? text
      }
      try output.write(Data(text.utf8))
    } catch {
      output.discard()
      throw error
    }
    try output.commit()
    return [path]
  }

  /// The text of a description that is not written by GDAL: names of sources count from the folder of `path`.
  private static func description(of dataset: GDALDatasetH, at path: String) -> String? {
    GDALSetDescription(dataset, URL(fileURLWithPath: path).standardizedFileURL.path)
    // Without a name GDAL does not write the file when it closes it.
    defer { GDALSetDescription(dataset, "") }
    return GDALStrings.array(GDALGetMetadata(dataset, "xml:VRT")).first
  }

  /// Tiles must have the same bands, and pixels of the same size on the same grid.
  private static func check(_ readers: [any CubeReader], isPlaced: Bool) throws {
    let first = readers[0]
    guard readers.count > 1 else { return }
    func differs(_ reader: any CubeReader, _ reason: String) -> RasterError {
      .inconsistent(
        path: reader.path, reason: "\(reason) \(first.path)", advice: "put tiles of one product together")
    }
    func transform(_ reader: any CubeReader) throws -> [Double] {
      guard isPlaced else { return [0, 1, 0, 0, 0, 1] }
      guard case .affine(let transform)? = reader.metadata.georeference?.mapping else {
        throw RasterError.inconsistent(
          path: reader.path, reason: "tiles need an affine georeference",
          advice: "leave it out, or place tiles that were cut from one raster by \(option: "columns")")
      }
      return transform
    }
    let grid = try transform(first)
    for reader in readers.dropFirst() {
      guard reader.shape.bands == first.shape.bands, reader.sampleType == first.sampleType else {
        throw differs(reader, "it has \(reader.shape.bands) bands of \(reader.sampleType), not as")
      }
      let (own, other) = (reader.metadata.axis.wavelengths, first.metadata.axis.wavelengths)
      if let own, let other, zip(own, other).contains(where: { abs($0 - $1) > 0.01 }) {
        throw differs(reader, "it has other wavelengths than")
      }
      guard reader.metadata.scale == first.metadata.scale, reader.metadata.offset == first.metadata.offset else {
        throw differs(reader, "it has other scales or offsets than")
      }
      let t = try transform(reader)
      for i in [1, 2, 4, 5] where abs(t[i] - grid[i]) > 1e-6 * max(abs(grid[1]), abs(grid[5])) {
        throw differs(reader, "it has pixels of another size or direction than")
      }
      if isPlaced, let a = reader.metadata.georeference?.crs, let b = first.metadata.georeference?.crs, a != b,
        !isSame(a, b)
      {
        throw differs(reader, "it is in another reference system than")
      }
    }
  }

  /// Whether all tiles have a position on a map.
  private static func hasPositions(_ readers: [any CubeReader]) -> Bool {
    readers.allSatisfy { reader in
      guard case .affine? = reader.metadata.georeference?.mapping else { return false }
      return true
    }
  }

  private static func isSame(_ a: String, _ b: String) -> Bool {
    let (left, right) = (OSRNewSpatialReference(a), OSRNewSpatialReference(b))
    defer {
      OSRDestroySpatialReference(left)
      OSRDestroySpatialReference(right)
    }
    return OSRIsSame(left, right) != 0
  }

  private static func view(of source: GDALDatasetH, window: PixelWindow, bands: [Int]) -> GDALDatasetH? {
    let arguments =
      ["-of", "VRT", "-srcwin"] + [window.sample, window.line, window.samples, window.lines].map { "\($0)" }
      + bands.flatMap { ["-b", "\($0 + 1)"] }
    let options = GDALStrings(arguments).lend { GDALTranslateOptionsNew($0, nil) }
    defer { GDALTranslateOptionsFree(options) }
    return GDALTranslate("", source, options, nil)
  }

  private static func built(_ names: [String], bands: [Int]) -> GDALDatasetH? {
    let options = GDALStrings(["-strict", "-resolution", "highest"] + bands.flatMap { ["-b", "\($0 + 1)"] })
      .lend { GDALBuildVRTOptionsNew($0, nil) }
    defer { GDALBuildVRTOptionsFree(options) }
    return GDALStrings(names).lendConstant { GDALBuildVRT("", Int32(names.count), nil, $0, options, nil) }
  }
}
