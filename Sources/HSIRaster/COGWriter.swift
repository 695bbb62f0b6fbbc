import CGDAL
import Foundation
import HSICore

/// Writes a cloud-optimised GeoTIFF: a temporary GeoTIFF first, then GDAL's COG driver.
///
/// The driver copies metadata of the default domain only; `FlatDomains` brings the others along. GDAL 3.6 writes pixel-interleaved COGs only, which makes showing single bands of many slow (`W-COG-BANDS`).
public final class COGWriter: CubeWriter {
  public let path: String
  public var shape: CubeShape { plain.shape }
  public var sampleType: SampleType { plain.sampleType }
  public var blockLines: Int { plain.blockLines }
  private let plain: GeoTIFFWriter
  private let plainPath: String
  private let scratch: UnfinishedFolder
  private let output: OutputFile
  private let creationOptions: [String]

  /// Creates the temporary GeoTIFF in the folder of scratch files.
  ///
  /// - Throws: as `GeoTIFFWriter`.
  public init(
    _ path: String, shape: CubeShape, type: SampleType, metadata: CubeMetadata,
    options: OutputOptions = OutputOptions(), context: RunContext
  ) throws {
    guard !path.hasPrefix("/vsi") else {
      throw CoreError.cannotWrite(path: path, reason: "a COG is written to local files only; choose -f GTiff")
    }
    self.path = path
    GDAL.register()
    try GDAL.collecting { messages in
      let chosen = GDALStrings(options.creationOptions)
      guard chosen.lend({ GDALValidateCreationOptions(GDALGetDriverByName("COG"), $0) }) != 0 else {
        throw GeoTIFFWriter.refusal(messages, options)
      }
    }
    if shape.bands > 16 {
      context.warn("W-COG-BANDS", "\(path): a COG of \(shape.bands) bands shows single bands slowly")
    }
    output = try OutputFile(path, overwrite: options.overwrite, inputs: options.inputs)
    scratch = try UnfinishedFolder(in: ScratchFile.folder(for: path), for: PathName(path).name, output: path)
    plainPath = scratch.path + "/plain.tif"
    var intermediate = OutputOptions()
    intermediate.overwrite = true
    intermediate.interleave = .bip
    let codec = options.isCompatible ? "DEFLATE" : "ZSTD"
    // A tile holds all bands, and GDAL holds some tiles for every thread.
    func tile(_ side: Int) -> Int { .product(side, side, shape.bands, type.size) }
    let side = tile(256) > TileRow.partBytes ? 128 : 256
    creationOptions =
      [
        "BLOCKSIZE=\(side)", "COMPRESS=\(codec)",
        options.isCompatible && type.isFloatingPoint ? "PREDICTOR=NO" : "PREDICTOR=YES", "BIGTIFF=IF_SAFER",
        "NUM_THREADS=\(tile(side) > TileRow.partBytes ? "1" : "\(context.threads)")",
        // What fits a screen needs no smaller copies.
        max(shape.samples, shape.lines) <= 512 ? "OVERVIEWS=NONE" : "OVERVIEWS=AUTO",
      ] + options.creationOptions
    do {
      plain = try GeoTIFFWriter(
        plainPath, shape: shape, type: type, metadata: metadata, options: intermediate, flattensDomains: true,
        context: context)
    } catch {
      output.discard()
      throw COGWriter.named(error, path)
    }
  }

  public func write(_ block: StoredBlock, lines: Range<Int>, samples: Range<Int>) throws {
    do {
      try plain.write(block, lines: lines, samples: samples)
    } catch {
      discard()
      throw COGWriter.named(error, path)
    }
  }

  public func finish() throws -> [String] {
    do {
      _ = try plain.finish()
      try copy()
      scratch.remove()
      let sidecar = try output.commitSidecar(".aux.xml")
      try output.commit()
      return [path] + (sidecar.map { [$0] } ?? [])
    } catch {
      discard()
      throw COGWriter.named(error, path)
    }
  }

  public func discard() {
    plain.discard()
    scratch.remove()
    output.discard()
  }

  /// The intermediate file is no name that the user knows.
  private static func named(_ error: any Error, _ path: String) -> any Error {
    if case CoreError.diskFull? = error as? CoreError { return CoreError.diskFull(path: path) }
    return error
  }

  private func copy() throws {
    var values: [String: String] = [:]
    for option in creationOptions {
      guard let equals = option.firstIndex(of: "=") else { continue }
      values[option[..<equals].uppercased()] = String(option[option.index(after: equals)...])
    }
    let list = GDALStrings(values.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" })
    try GDAL.collecting { messages in
      guard let source = GDALOpenEx(plainPath, UInt32(GDAL_OF_RASTER), nil, nil, nil) else {
        throw GeoTIFFWriter.failure(messages, path)
      }
      defer { GDALClose(source) }
      let driver = GDALGetDriverByName("COG")
      let copy = list.lend { GDALCreateCopy(driver, output.temporaryPath, source, 0, $0, nil, nil) }
      guard let copy else {
        throw GeoTIFFWriter.failure(messages, path)
      }
      GDALClose(copy)
      if messages.hasError { throw GeoTIFFWriter.failure(messages, path) }
      try FlatDomains.restore(in: output.temporaryPath, path: path)
    }
  }
}
