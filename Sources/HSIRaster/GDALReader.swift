import CGDAL
import Foundation
import HSICore

/// Everything that GDAL opens: GeoTIFF, COG, VRT, Zarr, JPEG 2000, NITF, HDF4 …
public enum GDALFormat: CubeFormat {
  public static let name = "GDAL"

  public static func matches(_ location: RasterLocation) -> Bool { true }

  public static func open(
    _ location: RasterLocation, options: OpenOptions, context: RunContext
  ) throws -> any CubeReader {
    func open(_ name: String) throws -> GDALReader {
      try GDALReader(
        name, path: location.given, openOptions: options.gdalOptions, variable: options.variable, context: context)
    }
    do {
      let reader = try open(location.file)
      return try options.variable == nil ? TIFFPages.open(reader, location, context: context) ?? reader : reader
    } catch let error as RasterError where error.identifier == "E-UNREADABLE" {
      // Raw samples whose label lies beside them: PDS.
      guard let label = detachedLabel(of: location.file) else { throw error }
      context.logger.info("\(location.given): opened by its label \(label)")
      return try open(label)
    }
  }

  /// The label of a file of raw samples: the same name with `.lbl` or `.xml`.
  private static func detachedLabel(of file: String) -> String? {
    let stem = PathName(file).stem
    guard stem != file else { return nil }
    return ["lbl", "LBL", "xml"].map { stem + "." + $0 }.first { label in
      label != file && VSI.isFile(label)
        && VSI.prefix(label, count: 4096).map { first in
          let text = String(decoding: first, as: UTF8.self)
          return text.contains("PDS_VERSION_ID") || text.contains("Product_Observational")
        } ?? false
    }
  }
}

/// A cube read through GDAL.
public final class GDALReader: ConcurrentCubeReader {
  public let path: String
  public let format: String
  public let shape: CubeShape
  public var metadata: CubeMetadata
  public let sampleType: SampleType
  public let interleave: Interleave
  public let blockLines: Int
  public internal(set) var files: [String]
  private let dataset: GDALDatasetH
  public let datasetName: String?
  public let furtherNodata: [Double]
  public var hasMask: Bool { !masks.isEmpty }
  /// Names of further datasets in the file.
  let subdatasets: [String]
  /// A mask of all bands, or the alpha band, or those that bands have of their own: what any of them leaves out is no data.
  private let masks: [GDALRasterBandH]
  private let dataType: GDALDataType
  /// The file's own blocks, where they can be read past GDAL.
  private let blocks: TIFFBlocks?
  public var allowsConcurrentReads: Bool { blocks != nil }
  public var blockSamples: Int? {
    blocks.flatMap { $0.layout.isTiled || $0.layout.codec != .none ? $0.layout.blockSamples : nil }
  }
  /// More handles of the same dataset, for other threads; nil where one thread has to do.
  private let handles: GDALHandles?

  /// Refuses a GeoTIFF whose blocks do not all lie within the file; other formats pass.
  ///
  /// - Throws: `RasterError.truncated`.
  func requireAllBlocks() throws {
    guard format == "GTiff", let size = datasetName.flatMap({ VSI.status($0)?.size }) else { return }
    let isPixelInterleaved =
      GDALGetMetadataItem(dataset, "INTERLEAVE", "IMAGE_STRUCTURE").map { String(cString: $0) } == "PIXEL"
    var end = 0
    for number in 1...Int32(isPixelInterleaved ? 1 : max(1, shape.bands)) {
      guard let band = GDALGetRasterBand(dataset, number) else { continue }
      var (width, height): (Int32, Int32) = (1, 1)
      GDALGetBlockSize(band, &width, &height)
      let columns = (shape.samples + Int(width) - 1) / Int(width)
      let rows = (shape.lines + Int(height) - 1) / Int(height)
      for row in 0..<rows {
        for column in 0..<columns {
          func item(_ kind: String) -> Int? {
            GDALGetMetadataItem(band, "BLOCK_\(kind)_\(column)_\(row)", "TIFF").flatMap { Int(String(cString: $0)) }
          }
          // A block without a place is one of a sparse file, which counts as no data.
          if let offset = item("OFFSET"), let length = item("SIZE") { end = max(end, Int.sum(offset, length)) }
        }
      }
    }
    guard end <= size else { throw RasterError.truncated(path: path, expected: end, found: size) }
  }

  /// Opens a dataset.
  ///
  /// - Parameters:
  ///   - name: what GDAL is to open (a file, `/vsi…` or a dataset name).
  ///   - path: what the user wrote; `name` by default.
  ///   - openOptions: `NAME=VALUE` for the driver.
  ///   - variable: sub-dataset, where the file has several: its number from 1, name or last part of the name.
  /// - Throws: `RasterError.unreadable`, `.ambiguous` for several sub-datasets, `.unsupported` for complex samples.
  public init(
    _ name: String, path: String? = nil, openOptions: [String] = [], variable: String? = nil,
    context: RunContext
  ) throws {
    let given = path ?? name
    self.path = given
    let opened = try GDALReader.open(name, given: given, openOptions: openOptions, variable: variable)
    var isKept = false
    defer { if !isKept { GDALClose(opened) } }
    dataset = opened
    // Of a sub-dataset its own name, of a file the name that was asked for.
    datasetName = GDALGetDescription(opened).map { String(cString: $0) } ?? name
    // An alpha band is no band of the spectrum but says where there is data.
    let count = Int(GDALGetRasterCount(opened))
    let last = GDALGetRasterBand(opened, Int32(count))
    let hasAlpha = count > 1 && GDALGetRasterColorInterpretation(last) == GCI_AlphaBand
    let bands = hasAlpha ? count - 1 : count
    let flags = count > 0 ? GDALGetMaskFlags(GDALGetRasterBand(opened, 1)) : 0
    let hasOwn = flags & GMF_PER_DATASET != 0 && flags & GMF_ALL_VALID == 0
    // No flag at all: a band has a mask of its own.
    let own = (0..<bands).compactMap { GDALGetRasterBand(opened, Int32($0 + 1)) }.filter { GDALGetMaskFlags($0) == 0 }
    masks =
      hasAlpha
      ? [last].compactMap { $0 }
      : hasOwn
        ? [GDALGetMaskBand(GDALGetRasterBand(opened, 1))].compactMap { $0 } : own.compactMap { GDALGetMaskBand($0) }
    subdatasets = GDALStrings.pairs(GDALGetMetadata(opened, "SUBDATASETS")).filter { $0.key.hasSuffix("_NAME") }.map(
      \.value)
    shape = CubeShape(
      lines: Int(GDALGetRasterYSize(opened)), samples: Int(GDALGetRasterXSize(opened)), bands: bands)
    (dataType, sampleType) = try GDALReader.sampleType(opened, bands: bands, path: given)
    format =
      GDALGetDatasetDriver(opened).flatMap { GDALGetDriverShortName($0) }.map { String(cString: $0) }
      ?? "GDAL"
    let arrangement = GDALGetMetadataItem(opened, "INTERLEAVE", "IMAGE_STRUCTURE").map { String(cString: $0) }
    interleave = arrangement == "PIXEL" && bands > 1 ? .bip : arrangement == "LINE" ? .bil : .bsq
    var (width, height) = (Int32(0), Int32(0))
    GDALGetBlockSize(GDALGetRasterBand(opened, 1), &width, &height)
    blockLines = max(1, min(Int(height), shape.lines))
    let across = (shape.samples + Int(max(1, width)) - 1) / Int(max(1, width)) * Int(max(1, width))
    // Two rows of blocks, but not more than a quarter of the budget: smaller caches read blocks twice.
    GDAL.reserveCache(
      min(Int.product(2, across, Int(max(1, height)), bands, sampleType.size), context.memory.bytes / 4))
    let file = datasetName ?? name
    blocks =
      format == "GTiff"
      ? TIFFBlocks(file, shape: shape, rasters: count, sampleSize: sampleType.size, context: context) : nil
    handles =
      format == "GTiff" && blocks == nil && !file.hasPrefix("/vsi") && !file.hasPrefix("GTIFF_")
      ? GDALHandles(file, options: openOptions, block: (Int(max(1, width)), Int(max(1, height)))) : nil
    furtherNodata = ["ISIS3", "ISIS2"].contains(format) ? GDALReader.specialPixels(sampleType) : []
    metadata = GDAL.collecting { _ in GDALMetadata.read(opened, bands: bands, path: given, context: context) }
    if hasAlpha { context.logger.info("\(given): the last band is opacity; pixels where it is 0 hold no data") }
    if !masks.isEmpty, !hasAlpha {
      context.logger.info("\(given): its mask\(masks.count > 1 ? "s say" : " says") which pixels hold data")
    }
    let list = GDALGetFileList(opened)
    files = GDALStrings.array(list)
    CSLDestroy(list)
    isKept = true
  }

  deinit { GDAL.collecting { _ in GDALClose(dataset) } }

  /// The place of the first sample in the file where all samples lie behind one another as they are; nil otherwise.
  func contiguousStart(bytes: Int) -> Int? {
    let codec = GDALGetMetadataItem(dataset, "COMPRESSION", "IMAGE_STRUCTURE").map { String(cString: $0) } ?? "NONE"
    guard codec == "NONE", let band = GDALGetRasterBand(dataset, 1) else { return nil }
    var (width, height): (Int32, Int32) = (1, 1)
    GDALGetBlockSize(band, &width, &height)
    guard Int(width) == shape.samples else { return nil }
    var (start, next, found) = (Int?.none, 0, 0)
    for row in 0..<((shape.lines + Int(height) - 1) / Int(height)) {
      func item(_ kind: String) -> Int? {
        GDALGetMetadataItem(band, "BLOCK_\(kind)_0_\(row)", "TIFF").flatMap { Int(String(cString: $0)) }
      }
      guard let offset = item("OFFSET"), let length = item("SIZE") else { return nil }
      if start == nil { (start, next) = (offset, offset) }
      guard offset == next else { return nil }
      (next, found) = (Int.sum(offset, length), Int.sum(found, length))
    }
    return found >= bytes ? start : nil
  }

  /// The five special values of integer ISIS cubes, of which GDAL knows the first only; those of floats are beyond all data.
  private static func specialPixels(_ type: SampleType) -> [Double] {
    switch type {
    case .uint8: [0, 255]
    case .int16: [-32_768, -32_767, -32_766, -32_765, -32_764]
    case .uint16: [0, 1, 2, 65_534, 65_535]
    default: []
    }
  }

  public func readMask(_ window: PixelWindow) throws -> [UInt8] {
    var flags = [UInt8](repeating: 255, count: window.pixels)
    guard window.pixels > 0 else { return flags }
    var own = flags
    for mask in masks {
      try GDAL.collecting { messages in
        let status = GDALRasterIO(
          mask, GF_Read, Int32(window.sample), Int32(window.line), Int32(window.samples), Int32(window.lines), &own,
          Int32(window.samples), Int32(window.lines), GDT_Byte, 0, 0)
        guard status == CE_None, !messages.hasError else {
          throw RasterError.inputOutput(
            path: GDAL.redacted(path), action: "reading", reason: "its mask: \(messages.reason ?? "no reason given")")
        }
      }
      for i in flags.indices where own[i] == 0 { flags[i] = 0 }
    }
    return flags
  }

  public func read(_ window: PixelWindow, bands: [Int], into block: StoredBlock) throws {
    let order: Interleave = interleave == .bip ? .bip : .bsq
    block.prepare(
      type: sampleType, interleave: order, lines: window.lines, samples: window.samples, bands: bands.count)
    guard window.pixels > 0, !bands.isEmpty else { return }
    guard let base = block.bytes.baseAddress else { return }
    let target = TIFFBlocks.Target(
      base: base, strides: (block.lineStride, block.pixelStride, block.bandStride), window: window, bands: bands)
    if let blocks {
      try blocks.read(target) { try read(dataset, $0, bands: $1, target) }
    } else if let handles, window.pixels * bands.count * sampleType.size >= GDALHandles.least {
      try handles.read(window, first: dataset) { try read($0, $1, bands: bands.indices, target) }
    } else {
      try read(dataset, window, bands: bands.indices, target)
    }
  }

  /// Reads a part of what is wanted into its place, through a handle of the dataset.
  private func read(
    _ dataset: GDALDatasetH, _ window: PixelWindow, bands: Range<Int>, _ target: TIFFBlocks.Target
  ) throws {
    var map = bands.map { Int32(target.bands[$0] + 1) }
    try GDAL.collecting { messages in
      let status = GDALDatasetRasterIOEx(
        dataset, GF_Read, Int32(window.sample), Int32(window.line), Int32(window.samples), Int32(window.lines),
        target.place(window.line, window.sample, bands.lowerBound), Int32(window.samples), Int32(window.lines),
        dataType,
        Int32(map.count), &map, GSpacing(target.strides.pixel), GSpacing(target.strides.line),
        GSpacing(target.strides.band), nil)
      guard status == CE_None, !messages.hasError else {
        throw RasterError.inputOutput(
          path: GDAL.redacted(path), action: "reading",
          reason: "\(messages.reason ?? "no reason given") (\(window))")
      }
    }
  }

  private static func open(
    _ name: String, given: String, openOptions: [String], variable: String?
  ) throws -> GDALDatasetH {
    let handle = try openOnce(name, given: given, openOptions: openOptions)
    guard GDALGetRasterCount(handle) == 0 || variable != nil else { return handle }
    let domain = GDALStrings.pairs(GDALGetMetadata(handle, "SUBDATASETS"))
    let names = domain.filter { $0.key.hasSuffix("_NAME") }.map { $0.value }
    if names.isEmpty, GDALGetRasterCount(handle) > 0 { return handle }
    GDALClose(handle)
    guard !names.isEmpty else {
      throw RasterError.unreadable(path: GDAL.redacted(given), reason: "it holds no raster")
    }
    let chosen: String?
    if let variable {
      chosen =
        names.first { $0 == variable || $0.hasSuffix(":" + variable) || $0.hasSuffix("/" + variable) }
        ?? Int(variable).flatMap { names.indices.contains($0 - 1) ? names[$0 - 1] : nil }
    } else {
      chosen = names.count == 1 ? names[0] : nil
    }
    guard let chosen else {
      throw RasterError.ambiguous(
        path: GDAL.redacted(given), choices: names,
        advice: "pass one of these names, or \(option: "variable") with its last part")
    }
    try ForeignReferences.check(subdataset: chosen, of: name)
    return try openOnce(chosen, given: given, openOptions: openOptions)
  }

  private static func openOnce(_ name: String, given: String, openOptions: [String]) throws -> GDALDatasetH {
    let options = GDALStrings(openOptions)
    let ext = PathName(name).fileExtension.lowercased()
    return try GDAL.configured(GDAL.remoteOptions(name, hasSidecars: !["tif", "tiff"].contains(ext))) {
      try GDAL.collecting { messages in
        let flags = GDAL_OF_RASTER | GDAL_OF_VERBOSE_ERROR
        guard let handle = try options.lendConstant({ try GDAL.opened(name, flags, options: $0) }) else {
          throw RasterError.unreadable(
            path: GDAL.redacted(given),
            reason: GDAL.redacted(messages.reason ?? "GDAL does not know its format"))
        }
        return handle
      }
    }
  }

  /// The smallest type that holds the samples of all bands.
  private static func sampleType(
    _ dataset: GDALDatasetH, bands: Int, path: String
  ) throws -> (GDALDataType, SampleType) {
    var type = GDALGetRasterDataType(GDALGetRasterBand(dataset, 1))
    for band in 1...max(1, bands) {
      type = GDALDataTypeUnion(type, GDALGetRasterDataType(GDALGetRasterBand(dataset, Int32(band))))
    }
    guard let known = type.sampleType else {
      throw RasterError.unsupported(
        path: path, feature: "complex samples", advice: "convert them to real numbers first")
    }
    let pixelType = GDALGetMetadataItem(GDALGetRasterBand(dataset, 1), "PIXELTYPE", "IMAGE_STRUCTURE")
    let isSigned = known == .uint8 && pixelType.map { String(cString: $0) } == "SIGNEDBYTE"
    return (type, isSigned ? .int8 : known)
  }
}

extension GDALDataType {
  /// The sample type of the same meaning, nil for complex types.
  var sampleType: SampleType? {
    switch self {
    case GDT_Byte: .uint8
    case GDT_UInt16: .uint16
    case GDT_Int16: .int16
    case GDT_UInt32: .uint32
    case GDT_Int32: .int32
    case GDT_UInt64: .uint64
    case GDT_Int64: .int64
    case GDT_Float32: .float32
    case GDT_Float64: .float64
    default: nil
    }
  }

  /// GDAL's type of a sample type; `int8` is a byte with `PIXELTYPE=SIGNEDBYTE`.
  init(_ type: SampleType) {
    switch type {
    case .uint8, .int8: self = GDT_Byte
    case .uint16: self = GDT_UInt16
    case .int16: self = GDT_Int16
    case .uint32: self = GDT_UInt32
    case .int32: self = GDT_Int32
    case .uint64: self = GDT_UInt64
    case .int64: self = GDT_Int64
    case .float32: self = GDT_Float32
    case .float64: self = GDT_Float64
    }
  }
}
