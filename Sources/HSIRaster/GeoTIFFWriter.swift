import CGDAL
import Foundation
import HSICore

/// Writes a GeoTIFF through GDAL: tiled, compressed, with wavelengths in the three places where programs look.
///
/// Defaults: 256 × 256 tiles (64 × 64 and smaller where a tile holds many bands, none larger than the image), `BIGTIFF=IF_SAFER`, ZSTD level 1 (DEFLATE where compatible), predictor 2 or 3 (none for compatible floats), pixel
/// interleaved for spectral cubes, band interleaved otherwise; creation options of the caller come last.
public final class GeoTIFFWriter: CubeWriter {
  public let path: String
  public let shape: CubeShape
  public let sampleType: SampleType
  public let blockLines: Int
  private let output: OutputFile?
  private let name: String
  private var dataset: GDALDatasetH?
  private var place: WritingPlace
  /// Lines of a row of tiles that is not complete.
  private let pending: TileRow

  /// Creates the file under a temporary name (`/vsi…` names: directly).
  ///
  /// - Throws: `CoreError.outputExists`, `.cannotWrite`, `.diskFull`, `RasterError.inputOutput`.
  public convenience init(
    _ path: String, shape: CubeShape, type: SampleType, metadata: CubeMetadata,
    options: OutputOptions = OutputOptions(), context: RunContext
  ) throws {
    try self.init(
      path, shape: shape, type: type, metadata: metadata, options: options, flattensDomains: false, context: context)
  }

  /// - Parameter flattensDomains: whether items of metadata domains get names that `FlatDomains` restores.
  init(
    _ path: String, shape: CubeShape, type: SampleType, metadata: CubeMetadata, options: OutputOptions,
    flattensDomains: Bool, context: RunContext
  ) throws {
    self.path = path
    self.shape = shape
    sampleType = type
    GDAL.register()
    let isVirtual = path.hasPrefix("/vsi")
    if isVirtual, !options.overwrite, !path.hasPrefix("/vsistdout"), VSI.isFile(path) {
      throw CoreError.outputExists(path: path)
    }
    let file = isVirtual ? nil : try OutputFile(path, overwrite: options.overwrite, inputs: options.inputs)
    output = file
    let target = file?.temporaryPath ?? path
    name = target
    let settings = GeoTIFFWriter.creationOptions(
      shape: shape, type: type, metadata: metadata, options: options, path: path, context)
    let isPixelInterleaved = settings.contains { $0.uppercased() == "INTERLEAVE=PIXEL" }
    let list = GDALStrings(settings)
    place = WritingPlace(shape)
    GDAL.reserveCache(2 * TileRow.partBytes)
    do {
      dataset = try GDAL.collecting { messages in
        guard list.lend({ GDALValidateCreationOptions(GDALGetDriverByName("GTiff"), $0) }) != 0 else {
          throw GeoTIFFWriter.refusal(messages, options)
        }
        let dataset = list.lend {
          GDALCreate(
            GDALGetDriverByName("GTiff"), target, Int32(shape.samples), Int32(shape.lines),
            Int32(shape.bands),
            GDALDataType(type), $0)
        }
        guard let dataset else { throw GeoTIFFWriter.failure(messages, path) }
        if messages.hasError {
          GDALClose(dataset)
          throw GeoTIFFWriter.failure(messages, path)
        }
        GeoTIFFMetadata.write(metadata, to: dataset, type: type, flattensDomains: flattensDomains)
        return dataset
      }
    } catch {
      file?.discard()
      throw error
    }
    var (width, height) = (Int32(0), Int32(0))
    GDALGetBlockSize(GDALGetRasterBand(dataset, 1), &width, &height)
    blockLines = max(1, min(Int(height), shape.lines))
    pending = TileRow(
      path: path, shape: shape, type: type, rows: blockLines, blockSamples: Int(width),
      isPixelInterleaved: isPixelInterleaved, room: context.memory.bytes / 8)
  }

  deinit { if let dataset { GDAL.collecting { _ in GDALClose(dataset) } } }

  public func write(_ block: StoredBlock, lines: Range<Int>, samples: Range<Int>) throws {
    place.advance(lines, samples)
    precondition(block.type == sampleType, "samples as created")
    guard let base = block.bytes.baseAddress else { return }
    var line = lines.lowerBound
    while line < lines.upperBound {
      let top = line / blockLines * blockLines
      let bottom = min(shape.lines, top + blockLines)
      let end = min(lines.upperBound, bottom)
      let first = line - lines.lowerBound
      if line == top, end == bottom, !block.isByteSwapped, samples.count == shape.samples {
        try TileRow.parts(
          of: base + first * block.lineStride,
          strides: (block.pixelStride, block.lineStride, block.bandStride), lines: end - line, pending
        ) { try writeTiles($0, lines: top..<bottom) }
      } else {
        try pending.put(block, first: first, lines: end - line, at: line - top, samples: samples)
        if end == bottom, samples.upperBound == shape.samples {
          try pending.deliver(lines: bottom - top) { try writeTiles($0, lines: top..<bottom) }
        }
      }
      line = end
    }
  }

  /// Writes whole tiles and sends them on their way: the order of tiles in the file, and with it every byte, does not depend on
  /// how many lines come at a time, nor on the budget.
  private func writeTiles(_ part: TileRow.Part, lines: Range<Int>) throws {
    let (left, width, height) = (Int32(part.samples.lowerBound), Int32(part.samples.count), Int32(lines.count))
    var bands = part.bands.map { Int32($0 + 1) }
    try GDAL.collecting { messages in
      let status = GDALDatasetRasterIOEx(
        dataset, GF_Write, left, Int32(lines.lowerBound), width, height, part.bytes, width, height,
        GDALDataType(sampleType), Int32(bands.count), &bands, GSpacing(part.strides.pixel), GSpacing(part.strides.line),
        GSpacing(part.strides.band), nil)
      if status == CE_None { for band in bands { GDALFlushRasterCache(GDALGetRasterBand(dataset, band)) } }
      guard status == CE_None, !messages.hasError else {
        discard()
        throw GeoTIFFWriter.failure(messages, path)
      }
    }
  }

  public func finish() throws -> [String] {
    guard place.isComplete else {
      discard()
      throw RasterError.inputOutput(
        path: path, action: "writing", reason: "\(place.lines) of \(shape.lines) lines were written")
    }
    try GDAL.collecting { messages in
      // GDAL writes what is left when it closes, and only says so in messages.
      if let dataset {
        GDALFlushCache(dataset)
        GDALClose(dataset)
      }
      dataset = nil
      if messages.hasError {
        discard()
        throw GeoTIFFWriter.failure(messages, path)
      }
    }
    guard let output else { return path.hasPrefix("/vsistdout") ? [] : [path] }
    do {
      let sidecar = try output.commitSidecar(".aux.xml")
      try output.commit()
      return [path] + (sidecar.map { [$0] } ?? [])
    } catch {
      discard()
      throw error
    }
  }

  public func discard() {
    if let dataset { GDAL.collecting { _ in GDALClose(dataset) } }
    dataset = nil
    if let output {
      output.discard()
    } else if !path.hasPrefix("/vsistdout") {
      VSI.delete(path)
    }
  }

  static func failure(_ messages: GDAL.Messages, _ path: String) -> any Error {
    if messages.isDiskFull { return CoreError.diskFull(path: path) }
    return CoreError.cannotWrite(path: path, reason: messages.reason ?? "GDAL gave no reason")
  }

  /// The error for creation options that the driver does not know.
  static func refusal(_ messages: GDAL.Messages, _ options: OutputOptions) -> CoreError {
    let known = "creation options that GDAL's driver knows"
    return .invalidParameter(
      name: "\(option: "creation option")", value: options.creationOptions.joined(separator: " "),
      requirement: messages.reason.map { "\(known) (\($0))" } ?? known)
  }

  static func creationOptions(
    shape: CubeShape, type: SampleType, metadata: CubeMetadata, options: OutputOptions, path: String,
    _ context: RunContext
  ) -> [String] {
    let isStream = path.hasPrefix("/vsistdout")
    // A stream takes the blocks of all bands together, line by line.
    let isPixel = isStream || options.interleave.map { $0 == .bip } ?? (metadata.axis.wavelengths != nil)
    var values = [
      "TILED": "YES", "BIGTIFF": "IF_SAFER",
      "COMPRESS": options.isCompatible ? "DEFLATE" : "ZSTD", "PREDICTOR": type.isFloatingPoint ? "3" : "2",
      "INTERLEAVE": isPixel && shape.bands > 1 ? "PIXEL" : "BAND", "NUM_THREADS": "\(context.threads)",
    ]
    // Tiles of all bands grow large: 64 × 64 × 224 float32 is 3.5 MiB, as much as one tile should be; of thousands of bands they
    // are smaller yet. Tiles beyond the image would be packed for nothing.
    var side = 256
    if values["INTERLEAVE"] == "PIXEL", shape.bands > 16 {
      side = 64
      while side > 16, Int.product(side, side, shape.bands, type.size) > TileRow.partBytes { side /= 2 }
    }
    values["BLOCKXSIZE"] = "\(min(side, (min(side, shape.samples) + 15) / 16 * 16))"
    values["BLOCKYSIZE"] = "\(min(side, (min(side, shape.lines) + 15) / 16 * 16))"
    if !options.isCompatible { values["ZSTD_LEVEL"] = "1" }
    // Readers without further codecs undo the differences of integers but not of floats.
    if options.isCompatible, type.isFloatingPoint { values["PREDICTOR"] = nil }
    if type == .int64 || type == .uint64 { values["PREDICTOR"] = "2" }
    if type == .int8 { values["PIXELTYPE"] = "SIGNEDBYTE" }
    if isStream { values["STREAMABLE_OUTPUT"] = "YES" }
    for option in options.creationOptions {
      guard let equals = option.firstIndex(of: "=") else { continue }
      values[option[..<equals].uppercased()] = String(option[option.index(after: equals)...])
    }
    let codec = values["COMPRESS"]?.uppercased() ?? "NONE"
    if !["LZW", "DEFLATE", "ZSTD", "ADOBE_DEFLATE"].contains(codec) {
      let chosen = options.creationOptions.contains { $0.uppercased().hasPrefix("PREDICTOR=") }
      if !chosen { values["PREDICTOR"] = nil }
    }
    if codec != "ZSTD" { values["ZSTD_LEVEL"] = nil }
    if isStream || values["TILED"]?.uppercased() == "NO" {
      for key in ["BLOCKXSIZE", isStream ? "BLOCKYSIZE" : "BLOCKXSIZE"] { values[key] = nil }
      if isStream { (values["TILED"], values["COMPRESS"]) = ("NO", "NONE") }
    }
    return values.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
  }
}

/// The metadata of a cube on a GDAL dataset that is being written.
enum GeoTIFFMetadata {
  /// What a spectral band without a name is called: `B012 482.13 nm`.
  static func description(of band: Int, at wavelength: Double) -> String {
    String(format: "B%03d %.2f nm", band + 1, wavelength)
  }

  static func write(
    _ metadata: CubeMetadata, to dataset: GDALDatasetH, type: SampleType, flattensDomains: Bool = false
  ) {
    func set(_ object: GDALMajorObjectH, _ key: String, _ value: String, _ domain: String? = nil) {
      if flattensDomains, let domain {
        GDALSetMetadataItem(object, FlatDomains.name(key, domain), value, nil)
      } else {
        GDALSetMetadataItem(object, key, value, domain)
      }
    }
    GDALGeoreference.write(metadata.georeference, to: dataset)
    set(dataset, "TIFFTAG_SOFTWARE", "hsi \(ToolkitVersion.number)")
    set(dataset, "AREA_OR_POINT", "Area")
    if metadata.quantity != .unknown { set(dataset, "HSI_PRODUCT", metadata.quantity.rawValue) }
    if let summary = metadata.summary { set(dataset, "TIFFTAG_IMAGEDESCRIPTION", summary) }
    if let acquired = metadata.acquired { set(dataset, "ACQUISITIONDATETIME", acquired, "IMAGERY") }
    if let sensor = metadata.sensor { set(dataset, "sensor_type", sensor, "ENVI") }
    writeENVI(metadata) { set(dataset, $0, $1, "ENVI") }
    // One nodata value per file is all that TIFF has.
    if let nodata = metadata.nodata.compactMap({ $0 }).first, let band = GDALGetRasterBand(dataset, 1) {
      switch type {
      case .int64: if let value = Int64(exactly: nodata) { GDALSetRasterNoDataValueAsInt64(band, value) }
      case .uint64: if let value = UInt64(exactly: nodata) { GDALSetRasterNoDataValueAsUInt64(band, value) }
      default: GDALSetRasterNoDataValue(band, nodata)
      }
    }
    for b in 0..<metadata.bands {
      guard let band = GDALGetRasterBand(dataset, Int32(b + 1)) else { continue }
      if metadata.scale[b] != 1 || metadata.offset[b] != 0 {
        GDALSetRasterScale(band, metadata.scale[b])
        GDALSetRasterOffset(band, metadata.offset[b])
      }
      if metadata.axis.good.contains(false) { set(band, "bbl", metadata.axis.good[b] ? "1" : "0") }
      let name = metadata.bandNames.indices.contains(b) ? metadata.bandNames[b] : ""
      guard let centre = metadata.axis.wavelengths?[b] else {
        if !name.isEmpty { GDALSetDescription(band, name) }
        continue
      }
      GDALSetDescription(band, name.isEmpty ? description(of: b, at: centre) : name)
      set(band, "CENTRAL_WAVELENGTH_UM", micrometres(centre), "IMAGERY")
      set(band, "wavelength", PlainNumber.exact(centre))
      set(band, "wavelength_units", "Nanometers")
      if let fwhm = metadata.axis.fwhm?[b] {
        set(band, "FWHM_UM", micrometres(fwhm), "IMAGERY")
        set(band, "fwhm", PlainNumber.exact(fwhm))
      }
    }
    writeClasses(metadata, to: dataset)
  }

  /// Nanometres as micrometres with 6 decimals, or 9 where 6 would lose something.
  private static func micrometres(_ nanometres: Double) -> String {
    let short = String(format: "%.6f", nanometres / 1e3)
    return abs((Double(short) ?? 0) * 1e3 - nanometres) < 1e-7
      ? short : String(format: "%.9f", nanometres / 1e3)
  }

  /// The spectral axis and the carried-along header entries in the `ENVI` domain, as GDAL shows them of ENVI files.
  private static func writeENVI(_ metadata: CubeMetadata, _ set: (String, String) -> Void) {
    func list(_ values: [String]) -> String { "{" + values.joined(separator: ", ") + "}" }
    if let wavelengths = metadata.axis.wavelengths {
      set("wavelength", list(wavelengths.map(PlainNumber.exact)))
      set("wavelength_units", "Nanometers")
      if let fwhm = metadata.axis.fwhm { set("fwhm", list(fwhm.map(PlainNumber.exact))) }
    }
    if metadata.axis.good.contains(false) { set("bbl", list(metadata.axis.good.map { $0 ? "1" : "0" })) }
    if let factor = ENVIMetadata.factor(metadata) { set("reflectance_scale_factor", PlainNumber.exact(factor)) }
    if let rgb = metadata.defaultRGB { set("default_bands", list(rgb.map { "\($0 + 1)" })) }
    for field in metadata.extra where ENVIMetadata.isCarried(field, scale: metadata.scale) {
      set(field.key.replacing(" ", with: "_"), field.value)
    }
  }

  private static func writeClasses(_ metadata: CubeMetadata, to dataset: GDALDatasetH) {
    guard let classes = metadata.classes, metadata.bands == 1, let band = GDALGetRasterBand(dataset, 1) else {
      return
    }
    let type = GDALGetRasterDataType(band)
    if type == GDT_Byte || type == GDT_UInt16, let table = GDALCreateColorTable(GPI_RGB) {
      for (value, entry) in classes.enumerated() where entry.colour.count == 3 {
        var colour = GDALColorEntry(
          c1: Int16(entry.colour[0]), c2: Int16(entry.colour[1]), c3: Int16(entry.colour[2]), c4: 255)
        GDALSetColorEntry(table, Int32(value), &colour)
      }
      GDALSetRasterColorTable(band, table)
      GDALDestroyColorTable(table)
    }
    _ = GDALStrings(classes.map(\.name)).lend { GDALSetRasterCategoryNames(band, $0) }
  }
}
