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
  private var nextLine = 0
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

  public func write(_ block: StoredBlock, lines: Range<Int>) throws {
    precondition(lines.lowerBound == nextLine && lines.upperBound <= shape.lines, "lines arrive in order")
    precondition(
      block.type == sampleType || (block.type == .int8 && sampleType == .int16), "samples as created")
    nextLine = lines.upperBound
    let (count, size) = (lines.count, sampleType.size)
    let isReady =
      block.type == sampleType && !block.isByteSwapped
      && hasOrder(block, lines: count)
    if !isReady {
      scratch.prepare(
        type: sampleType, interleave: interleave, lines: count, samples: shape.samples, bands: shape.bands)
      scratch.copySamples(
        from: block, lines: count, samples: shape.samples, bands: shape.bands)
    }
    guard let base = (isReady ? block : scratch).bytes.baseAddress else { return }
    switch interleave {
    case .bip, .bil:
      let line = shape.samples * shape.bands * size
      try put(base, count: count * line, offset: lines.lowerBound * line)
    case .bsq:
      let row = shape.samples * size
      for b in 0..<shape.bands {
        try put(
          base + b * count * row, count: count * row, offset: (b * shape.lines + lines.lowerBound) * row)
      }
    }
  }

  public func finish() throws -> [String] {
    guard nextLine == shape.lines else {
      discard()
      throw RasterError.inputOutput(
        path: path, action: "writing", reason: "\(nextLine) of \(shape.lines) lines were written")
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
  private func hasOrder(_ block: StoredBlock, lines: Int) -> Bool {
    let wanted = StoredBlock.strides(
      interleave, size: sampleType.size, lines: lines, samples: shape.samples, bands: shape.bands)
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
