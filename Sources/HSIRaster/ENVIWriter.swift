import Foundation
import HSICore

/// Writes an ENVI raster: the raw file and its header, both by `hsi` itself.
///
/// Samples are little endian. The interleave is that of `INTERLEAVE=BSQ|BIL|BIP` in the creation options, else of the
/// extension (`.bil`, `.bip`), else BSQ. The header replaces the extension (`x.dat` → `x.hdr`) unless `SUFFIX=ADD`.
public final class ENVIWriter: CubeWriter {
  public let path: String
  public let shape: CubeShape
  public let sampleType: SampleType
  public let blockLines = 1
  /// Order of the axes in the file.
  public let interleave: Interleave
  private let layout: ENVILayout
  private let header: ENVIHeader
  private let data: OutputFile
  private let headerFile: OutputFile
  private let bytes: OutputBytes
  private var place: WritingPlace
  private let scratch = StoredBlock()

  /// Whether the last `SUFFIX` of creation options is `ADD`.
  static func addsSuffix(_ creationOptions: [String]) -> Bool {
    creationOptions.map { $0.lowercased() }.last { $0.hasPrefix("suffix=") } == "suffix=add"
  }

  /// The header of a raster: its extension replaced by `.hdr`, or `.hdr` added to the whole name.
  static func headerPath(of path: String, addsSuffix: Bool) -> String {
    (addsSuffix ? path : PathName(path).stem) + ".hdr"
  }

  /// Refuses to replace a header that another raster needs: `x.hdr` of `x.dat` when `x.bip` is written.
  ///
  /// - Parameter outputs: what is written, among them the data file that the header is meant for.
  /// - Throws: `CoreError.cannotWrite`.
  public static func requireOwn(_ header: String, beside outputs: [String]) throws {
    guard VSI.isFile(header), let data = try? ENVIFormat.dataPath(for: header) else { return }
    func real(_ path: String) -> String { URL(fileURLWithPath: path).standardizedFileURL.path }
    guard !outputs.map(real).contains(real(data)) else { return }
    throw CoreError.cannotWrite(
      path: header, reason: "it is the header of \(data), which would be lost; choose another name")
  }

  /// Creates the file under a temporary name.
  ///
  /// - Throws: `CoreError.outputExists`, `.cannotWrite`, `.diskFull`, `.invalidParameter` for creation options.
  public init(
    _ path: String, shape: CubeShape, type: SampleType, metadata: CubeMetadata,
    options: OutputOptions = OutputOptions(), context: RunContext
  ) throws {
    guard !path.hasPrefix("/vsi") else {
      throw CoreError.cannotWrite(
        path: path, reason: "ENVI is written to local files only; choose \(option: "format") GTiff")
    }
    self.path = path
    self.shape = shape
    place = WritingPlace(shape)
    var order: Interleave?
    for option in options.creationOptions {
      let parts = option.split(separator: "=", maxSplits: 1).map { $0.lowercased() }
      switch (parts.first, parts.last.flatMap { Interleave(rawValue: $0) }) {
      case ("interleave", .some(let value)): order = value
      case ("suffix", _) where ["add", "replace"].contains(parts.last): break
      default:
        throw CoreError.invalidParameter(
          name: "\(option: "creation option")", value: option,
          requirement: "INTERLEAVE=BSQ|BIL|BIP or SUFFIX=ADD|REPLACE for ENVI")
      }
    }
    let name = PathName(path)
    // A file called x.bip is BIP, whatever it is made from.
    interleave = order ?? Interleave(rawValue: name.fileExtension.lowercased()) ?? options.interleave ?? .bsq
    // ENVI has no signed bytes.
    sampleType = type == .int8 ? .int16 : type
    layout = ENVILayout(shape: shape, type: sampleType, interleave: interleave)
    header = ENVIMetadata.header(metadata, layout: layout)
    let headerPath = ENVIWriter.headerPath(of: path, addsSuffix: ENVIWriter.addsSuffix(options.creationOptions))
    guard headerPath != path else {
      throw CoreError.cannotWrite(
        path: path, reason: "the name is that of its header; choose another extension")
    }
    data = try OutputFile(path, overwrite: options.overwrite, inputs: options.inputs)
    do {
      headerFile = try OutputFile(headerPath, overwrite: options.overwrite, inputs: options.inputs)
      try ENVIWriter.requireOwn(headerPath, beside: [path])
    } catch {
      data.discard()
      throw error
    }
    bytes = try data.create()
  }

  public func write(_ block: StoredBlock, lines: Range<Int>, samples: Range<Int>) throws {
    place.advance(lines, samples)
    precondition(
      block.type == sampleType || (block.type == .int8 && sampleType == .int16), "samples as created")
    let isReady =
      block.type == sampleType && !block.isByteSwapped && hasOrder(block, lines: lines.count, samples: samples.count)
    if isReady, let base = block.bytes.baseAddress {
      return try put(base, StripPiece(lines: lines, samples: samples))
    }
    let pieces = StripPiece.of(
      lines, samples: samples, height: lines.count, bytesPerPixel: shape.bands * sampleType.size,
      room: ENVIWriter.pieceBytes)
    for piece in pieces {
      let (count, width) = (piece.lines.count, piece.samples.count)
      scratch.prepare(type: sampleType, interleave: interleave, lines: count, samples: width, bands: shape.bands)
      scratch.copySamples(
        from: block, first: piece.lines.lowerBound - lines.lowerBound, lines: count, samples: width, bands: shape.bands,
        sample: piece.samples.lowerBound - samples.lowerBound)
      if let base = scratch.bytes.baseAddress { try put(base, piece) }
    }
  }

  /// Bytes that are brought into the order of the file at a time.
  private static let pieceBytes = 16 << 20

  /// Writes samples that lie packed in the order of the file to their places.
  private func put(_ base: UnsafeMutableRawPointer, _ piece: StripPiece) throws {
    let (size, bands, width) = (sampleType.size, shape.bands, piece.samples.count)
    // Whole lines lie behind one another.
    let (runs, run) = width == shape.samples ? (1, piece.lines.count) : (piece.lines.count, 1)
    let left = piece.samples.lowerBound
    for i in 0..<runs {
      let line = piece.lines.lowerBound + i
      switch interleave {
      case .bip:
        try put(
          base + i * width * bands * size, count: run * width * bands * size,
          offset: (line * shape.samples + left) * bands * size)
      case .bil where width == shape.samples:
        try put(base, count: run * width * bands * size, offset: line * width * bands * size)
      case .bil:
        for b in 0..<bands {
          try put(
            base + (i * bands + b) * width * size, count: width * size,
            offset: ((line * bands + b) * shape.samples + left) * size)
        }
      case .bsq:
        for b in 0..<bands {
          try put(
            base + (b * piece.lines.count + i) * width * size, count: run * width * size,
            offset: ((b * shape.lines + line) * shape.samples + left) * size)
        }
      }
    }
  }

  public func finish() throws -> [String] {
    guard place.isComplete else {
      discard()
      throw RasterError.inputOutput(
        path: path, action: "writing", reason: "\(place.lines) of \(shape.lines) lines were written")
    }
    do {
      try bytes.close()
      try headerFile.write(Data(header.serialised.utf8))
    } catch {
      discard()
      throw error
    }
    // A sidecar of an older file of this name would mask the new header.
    unlink(path + ".aux.xml")
    try OutputFile.commit([data, headerFile])
    return [data.finalPath, headerFile.finalPath]
  }

  public func discard() {
    try? bytes.close()
    data.discard()
    headerFile.discard()
  }

  /// True when the samples of a block lie as the file wants them.
  private func hasOrder(_ block: StoredBlock, lines: Int, samples: Int) -> Bool {
    let wanted = StoredBlock.strides(
      interleave, size: sampleType.size, lines: lines, samples: samples, bands: shape.bands)
    return (block.lineStride, block.pixelStride, block.bandStride) == wanted
  }

  private func put(_ start: UnsafeMutableRawPointer, count: Int, offset: Int) throws {
    do {
      try bytes.write(UnsafeRawBufferPointer(start: start, count: count), at: offset)
    } catch {
      discard()
      throw error
    }
  }
}
