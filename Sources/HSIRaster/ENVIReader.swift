import Foundation
import HSICore

/// A reader whose `read` may be called from several threads at once.
///
/// `FileSource` then reads and converts pieces of a strip on all threads.
public protocol ConcurrentCubeReader: CubeReader {
  /// Whether this file allows it (local; not compressed, or in blocks that can be unpacked apart).
  var allowsConcurrentReads: Bool { get }
  /// Windows as wide as this, and as high as a multiple of `blockLines`, read fastest; nil where the width does not matter.
  var blockSamples: Int? { get }
}

extension ConcurrentCubeReader {
  public var blockSamples: Int? { nil }
}

/// ENVI rasters: a raw file of any interleave, byte order and real type, and its text header.
public enum ENVIFormat: CubeFormat {
  public static let name = "ENVI"

  static let dataExtensions = ["", "dat", "img", "raw", "bil", "bip", "bsq", "bin", "cube", "sli"]

  public static func matches(_ location: RasterLocation) -> Bool {
    if location.isFolder || location.part != nil { return false }
    if ENVIHeader.isHeader(location.firstBytes) { return true }
    guard let header = headerPath(for: location.file) else { return false }
    return !isOther(location, header: header)
  }

  public static func open(
    _ location: RasterLocation, options: OpenOptions, context: RunContext
  ) throws -> any CubeReader {
    let isHeader = ENVIHeader.isHeader(location.firstBytes)
    guard let header = isHeader ? location.file : headerPath(for: location.file) else {
      throw RasterError.unreadable(path: location.given, reason: "no ENVI header `.hdr` lies beside it")
    }
    let data = isHeader ? try dataPath(for: header) : location.file
    if isHeader {
      // A header that describes a file of another format: that format reads the samples.
      var inner = try PathResolution.locate(data)
      if isOther(inner, header: header) {
        inner.given = location.given
        guard let format = RasterFormats.all.first(where: { $0 != ENVIFormat.self && $0.matches(inner) }) else {
          throw RasterError.unreadable(path: data, reason: "it is of no format that hsi knows")
        }
        context.logger.info("\(location.given): \(data) is no raw file; it is read as \(format.name)")
        return try format.open(inner, options: options, context: context)
      }
    }
    return try ENVIReader(
      path: location.given, data: data, header: header, allowsTruncated: options.allowsTruncated,
      context: context)
  }

  /// True for files whose first bytes are another format's, unless the file is as long as its header says.
  static func isOther(_ location: RasterLocation, header: String) -> Bool {
    let magics: [[UInt8]] = [
      [0x49, 0x49, 0x2A, 0], [0x4D, 0x4D, 0, 0x2A], [0x49, 0x49, 0x2B, 0], [0x4D, 0x4D, 0, 0x2B],
      [0x89, 0x50, 0x4E, 0x47], [0x89, 0x48, 0x44, 0x46, 0x0D], [0x43, 0x44, 0x46, 1], [0x43, 0x44, 0x46, 2],
      [0x43, 0x44, 0x46, 5], [0x0E, 0x03, 0x13, 0x01], [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59], [0x50, 0x4B, 3, 4],
      [0, 0, 0, 0x0C, 0x6A, 0x50, 0x20, 0x20], [0xFF, 0x4F, 0xFF, 0x51], [0xFF, 0xD8, 0xFF],
    ]
    let words = [
      "MATLAB ", "<VRT", "EHFA_HEADER_TAG", "NITF0", "NSIF0", "GIF8", "PDS_VERSION_ID", "SIMPLE  =", "<?xml",
    ]
    guard (magics + words.map { Array($0.utf8) }).contains(where: { location.starts(with: $0) }) else { return false }
    guard let bytes = try? VSI.contents(header, limit: 64 << 20),
      let layout = try? ENVILayout(ENVIHeader(parsing: bytes), path: header, context: RunContext())
    else { return true }
    return layout.fileSize != location.size
  }

  /// The ENVI header of a data file: `x.dat.hdr`, else `x.hdr`, in either case of the extension.
  static func headerPath(for data: String) -> String? {
    let name = PathName(data)
    var candidates = [data + ".hdr", data + ".HDR"]
    if name.stem != data { candidates += [name.stem + ".hdr", name.stem + ".HDR"] }
    return candidates.first { $0 != data && VSI.prefix($0, count: 256).map(ENVIHeader.isHeader) == true }
  }

  /// The data file of a header: same stem without extension, with a customary extension, else the single match.
  static func dataPath(for header: String) throws -> String {
    let name = PathName(header)
    let stem = name.stem
    for ext in dataExtensions {
      for variant in ext.isEmpty ? [""] : ["." + ext, "." + ext.uppercased()] where VSI.isFile(stem + variant) {
        return stem + variant
      }
    }
    let prefix = PathName(stem).name + "."
    let matches = VSI.names(in: name.listedFolder).filter { entry in
      entry.hasPrefix(prefix) && entry != name.name && !entry.hasSuffix(".aux.xml")
        && !entry.hasSuffix(".part")
        && !["hdr", "txt", "xml", "png", "jpg", "pgw", "enp", "sta", "csv"].contains(
          PathName(entry).fileExtension.lowercased())
    }
    if matches.count == 1 { return name.folder + matches[0] }
    if matches.isEmpty {
      throw RasterError.inconsistent(
        path: header, reason: "the data file of this header is missing",
        advice: "put it beside the header under the same name")
    }
    throw RasterError.ambiguous(
      path: header, choices: matches, advice: "name the data file instead of the header")
  }
}

/// A cube in an ENVI file, read by its own raw path.
public final class ENVIReader: ConcurrentCubeReader {
  public let path: String
  public let format = "ENVI"
  public let shape: CubeShape
  public let metadata: CubeMetadata
  public let sampleType: SampleType
  public let interleave: Interleave
  public let blockLines = 1
  public let files: [String]
  /// Where the samples are.
  public let layout: ENVILayout
  /// The header as text.
  public let header: ENVIHeader
  private let source: ByteSource
  private let strides: (first: Int, line: Int, sample: Int, band: Int)
  /// Lines that the file holds completely.
  private let completeLines: Int
  private let fill: [UInt8]

  public var allowsConcurrentReads: Bool { source.isConcurrent }
  public var datasetName: String? { files[0] }

  /// Opens a data file and its header.
  ///
  /// - Parameter allowsTruncated: missing lines are nodata instead of an error.
  /// - Throws: `RasterError`; `.truncated` (`E-ENVI-SHORT`) when the file is shorter than the header says.
  public init(
    path: String, data: String, header headerPath: String, allowsTruncated: Bool = false, context: RunContext
  ) throws {
    let bytes = try VSI.contents(headerPath, limit: 64 << 20)
    guard ENVIHeader.isHeader(bytes) else {
      throw RasterError.unreadable(path: headerPath, reason: "it is no ENVI header")
    }
    header = ENVIHeader(parsing: bytes)
    self.path = path
    files = [data, headerPath]
    let kind = header["file type"]?.lowercased() ?? ""
    if kind.contains("meta") || kind.contains("virtual") {
      throw RasterError.unsupported(
        path: path, feature: "an ENVI meta file", advice: "open the files that it names, or a VRT of them")
    }
    layout = try ENVILayout(header, path: headerPath, context: context)
    shape = layout.shape
    sampleType = layout.type
    interleave = layout.interleave
    strides = layout.strides
    // The size comes first: a damaged header may name more bands than memory has room for.
    guard !layout.isCompressed || layout.shape.bands <= 1 << 20 else {
      throw RasterError.inconsistent(
        path: headerPath, reason: "\(layout.shape.bands) bands are more than any instrument has",
        advice: "correct the header with a text editor")
    }
    source = try ByteSource(data, isCompressed: layout.isCompressed)
    let complete = try ENVIReader.completeLines(
      layout, size: source.size, data: data, allowsTruncated: allowsTruncated, context: context)
    var found = ENVIMetadata.read(header, layout: layout, path: path, context: context)
    if complete < layout.shape.lines, found.nodata.allSatisfy({ $0 == nil }) {
      found.nodata = [Double?](
        repeating: layout.type.isFloatingPoint ? .nan : 0, count: layout.shape.bands)
      found.sources["nodata"] = .inferred
    }
    completeLines = complete
    metadata = found
    fill = ENVIReader.bytes(of: found.nodata.first ?? nil, as: layout)
  }

  public func read(_ window: PixelWindow, bands: [Int], into block: StoredBlock) throws {
    let size = sampleType.size
    block.prepare(
      type: sampleType, interleave: interleave, lines: window.lines, samples: window.samples,
      bands: bands.count)
    block.isByteSwapped = layout.isBigEndian && size > 1
    guard let base = block.bytes.baseAddress, window.pixels > 0, !bands.isEmpty else { return }
    let present = max(0, min(window.lines, completeLines - window.line))
    if present < window.lines { fillMissing(block, from: present, window: window, bands: bands.count) }
    guard present > 0 else { return }
    switch interleave {
    case .bsq: try readBSQ(window, present, bands, base, block)
    case .bil: try readBIL(window, present, bands, base, block)
    case .bip: try readBIP(window, present, bands, base, block)
    }
  }

  /// How many lines a file of `size` bytes holds completely; all where the size is not known.
  ///
  /// - Throws: `RasterError.truncated` unless missing lines are allowed and there is at least one complete line.
  private static func completeLines(
    _ layout: ENVILayout, size: Int?, data: String, allowsTruncated: Bool, context: RunContext
  ) throws -> Int {
    guard let size, size != layout.fileSize else { return layout.shape.lines }
    if size > layout.fileSize {
      if size > layout.fileSize + layout.majorFrame.after + layout.minorFrame.after {
        context.warn(
          "W-ENVI-LONG",
          "\(data) has \(size) bytes, \(size - layout.fileSize) more than its header asks for")
      }
      return layout.shape.lines
    }
    let toFirst = layout.endOfLine(0)
    let complete =
      size < toFirst ? 0 : min(layout.shape.lines - 1, (size - toFirst) / layout.strides.line + 1)
    guard allowsTruncated, complete > 0 else {
      throw RasterError.truncated(path: data, expected: layout.fileSize, found: size)
    }
    context.warn(
      "W-ENVI-SHORT", "\(data): \(layout.shape.lines - complete) of \(layout.shape.lines) lines are missing")
    return complete
  }

  private func offset(_ line: Int, _ sample: Int, _ band: Int) -> Int {
    strides.first + line * strides.line + sample * strides.sample + band * strides.band
  }

  private func readBSQ(
    _ window: PixelWindow, _ lines: Int, _ bands: [Int], _ base: UnsafeMutableRawPointer, _ block: StoredBlock
  ) throws {
    let size = sampleType.size
    let isWhole = window.samples == shape.samples && strides.line == shape.samples * size
    for (b, band) in bands.enumerated() {
      let target = base + b * block.bandStride
      if isWhole {
        try source.read(target, count: lines * strides.line, offset: offset(window.line, 0, band))
      } else {
        for i in 0..<lines {
          try source.read(
            target + i * block.lineStride, count: window.samples * size,
            offset: offset(window.line + i, window.sample, band))
        }
      }
    }
  }

  private func readBIL(
    _ window: PixelWindow, _ lines: Int, _ bands: [Int], _ base: UnsafeMutableRawPointer, _ block: StoredBlock
  ) throws {
    let size = sampleType.size
    let runs = ENVIReader.runs(bands)
    let isWhole = window.samples == shape.samples && strides.band == shape.samples * size
    if isWhole, bands.count == shape.bands, runs.count == 1, strides.line == shape.bands * strides.band {
      return try source.read(base, count: lines * strides.line, offset: offset(window.line, 0, 0))
    }
    for i in 0..<lines {
      for run in runs {
        let target = base + i * block.lineStride + run.position * block.bandStride
        if isWhole {
          try source.read(
            target, count: run.count * strides.band, offset: offset(window.line + i, 0, run.band))
        } else {
          for k in 0..<run.count {
            try source.read(
              target + k * block.bandStride, count: window.samples * size,
              offset: offset(window.line + i, window.sample, run.band + k))
          }
        }
      }
    }
  }

  private func readBIP(
    _ window: PixelWindow, _ lines: Int, _ bands: [Int], _ base: UnsafeMutableRawPointer, _ block: StoredBlock
  ) throws {
    let size = sampleType.size
    let runs = ENVIReader.runs(bands)
    let isPlain = strides.sample == shape.bands * size
    if isPlain, bands.count == shape.bands, runs.count == 1 {
      if window.samples == shape.samples, strides.line == shape.samples * strides.sample {
        return try source.read(base, count: lines * strides.line, offset: offset(window.line, 0, 0))
      }
      for i in 0..<lines {
        try source.read(
          base + i * block.lineStride, count: window.samples * strides.sample,
          offset: offset(window.line + i, window.sample, 0))
      }
      return
    }
    // Some bands: read whole pixels of a line, keep the runs of bands that are wanted.
    let span = (window.samples - 1) * strides.sample + shape.bands * size
    let scratch = UnsafeMutableRawPointer.allocate(byteCount: span, alignment: 64)
    defer { scratch.deallocate() }
    for i in 0..<lines {
      try source.read(scratch, count: span, offset: offset(window.line + i, window.sample, 0))
      for run in runs {
        let from = scratch + run.band * size
        let to = base + i * block.lineStride + run.position * size
        for j in 0..<window.samples {
          (to + j * block.pixelStride).copyMemory(
            from: from + j * strides.sample, byteCount: run.count * size)
        }
      }
    }
  }

  /// Runs of consecutive bands in a request.
  static func runs(_ bands: [Int]) -> [(position: Int, band: Int, count: Int)] {
    var result: [(position: Int, band: Int, count: Int)] = []
    for (position, band) in bands.enumerated() {
      if let last = result.last, band == last.band + last.count {
        result[result.count - 1].count += 1
      } else {
        result.append((position, band, 1))
      }
    }
    return result
  }

  /// Puts the nodata value where the file has no more lines.
  private func fillMissing(_ block: StoredBlock, from first: Int, window: PixelWindow, bands: Int) {
    let size = sampleType.size
    guard fill.count == size, let base = block.bytes.baseAddress else { return }
    for i in first..<window.lines {
      for j in 0..<window.samples {
        for b in 0..<bands {
          let place = base + i * block.lineStride + j * block.pixelStride + b * block.bandStride
          fill.withUnsafeBytes { place.copyMemory(from: $0.baseAddress!, byteCount: size) }
        }
      }
    }
  }

  /// A stored value in the byte order of the file; empty where the type cannot hold it.
  private static func bytes(of value: Double?, as layout: ENVILayout) -> [UInt8] {
    guard let value, let native = layout.type.bytes(of: value) else { return [] }
    return layout.isBigEndian ? native.reversed() : native
  }
}

extension SampleType {
  /// The bytes of a number in this type and this machine's order; nil where the type cannot hold it.
  func bytes(of value: Double) -> [UInt8]? {
    func integer<T: FixedWidthInteger>(_: T.Type) -> [UInt8]? {
      T(exactly: value).map { withUnsafeBytes(of: $0) { Array($0) } }
    }
    switch self {
    case .uint8: return integer(UInt8.self)
    case .int8: return integer(Int8.self)
    case .uint16: return integer(UInt16.self)
    case .int16: return integer(Int16.self)
    case .uint32: return integer(UInt32.self)
    case .int32: return integer(Int32.self)
    case .uint64: return integer(UInt64.self)
    case .int64: return integer(Int64.self)
    case .float32: return withUnsafeBytes(of: Float(value)) { Array($0) }
    case .float64: return withUnsafeBytes(of: value) { Array($0) }
    }
  }
}
