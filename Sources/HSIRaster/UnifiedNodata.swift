import HSICore

/// A reader whose file says in more than one way what is no data: by a mask, by an alpha band, by several values. What it hands out
/// has one value for all of them, so that everything behind it, other formats included, keeps knowing.
///
/// The value is the file's own where it has one, else NaN for floats, 0 for integers of several bands (a pixel is then no data where
/// all bands are 0), and for a single band a number that does not occur. `OpenOptions.nodata` beats the file: `none` takes the
/// samples as they are, a value replaces the file's values but not its mask.
final class UnifiedNodata: ConcurrentCubeReader {
  private let reader: any CubeReader
  let metadata: CubeMetadata
  private let isMasked: Bool
  /// Bytes of the further values, in the file's order and in the other one.
  private let aliases: [[UInt8]]
  /// What is stored in their place, per band, in this machine's order.
  private let fill: [[UInt8]]

  var path: String { reader.path }
  var format: String { reader.format }
  var shape: CubeShape { reader.shape }
  var sampleType: SampleType { reader.sampleType }
  var interleave: Interleave { reader.interleave }
  var blockLines: Int { reader.blockLines }
  var files: [String] { reader.files }
  var lookup: GeometryLookup? { reader.lookup }
  var blockSamples: Int? { (reader as? any ConcurrentCubeReader)?.blockSamples }
  /// None: GDAL by itself would give the samples as they are.
  var datasetName: String? { nil }
  var allowsConcurrentReads: Bool {
    !isMasked && ((reader as? any ConcurrentCubeReader)?.allowsConcurrentReads ?? false)
  }

  private init(_ reader: any CubeReader, metadata: CubeMetadata, isMasked: Bool, aliases: [[UInt8]], fill: [[UInt8]]) {
    (self.reader, self.metadata, self.isMasked, self.aliases, self.fill) = (reader, metadata, isMasked, aliases, fill)
  }

  /// The reader itself, or one with a single value for no data.
  static func apply(_ options: OpenOptions, to reader: any CubeReader, context: RunContext) -> any CubeReader {
    if case .some(.none) = options.nodata { return reader }
    var values = reader.furtherNodata
    var metadata = reader.metadata
    if case .value(let value)? = options.nodata {
      values = []
      metadata.nodata = [Double?](repeating: value, count: metadata.bands)
    }
    guard reader.hasMask || !values.isEmpty else { return reader }
    let type = reader.sampleType
    let substitute = type.isFloatingPoint ? .nan : metadata.bands > 1 ? 0 : unused(reader)
    // A value that the type cannot hold marks nothing.
    metadata.nodata = metadata.nodata.map { $0.flatMap { type.bytes(of: $0) == nil ? nil : $0 } ?? substitute }
    if metadata.sources["nodata"] == nil { metadata.sources["nodata"] = .inferred }
    return UnifiedNodata(
      reader, metadata: metadata, isMasked: reader.hasMask, aliases: values.compactMap { type.bytes(of: $0) },
      fill: metadata.nodata.map { type.bytes(of: $0 ?? substitute) ?? [] })
  }

  /// A number that no pixel of a single band of integers has: the largest one of one or two bytes, the least of wider signed types, the
  /// largest of wider unsigned ones. Reads the band once. Where all numbers occur, the largest stands for no data as well.
  private static func unused(_ reader: any CubeReader) -> Double {
    let (type, shape) = (reader.sampleType, reader.shape)
    let range = type.integers
    guard type.size <= 2 else {
      return range.lowerBound < 0 ? range.lowerBound : type == .uint64 ? 0 : range.upperBound
    }
    var isUsed = [Bool](repeating: false, count: 1 << 16)
    let block = StoredBlock()
    let height = max(reader.blockLines, (1 << 22) / max(1, shape.samples))
    for line in stride(from: 0, to: shape.lines, by: height) {
      let window = PixelWindow(line: line, sample: 0, lines: min(height, shape.lines - line), samples: shape.samples)
      guard (try? reader.read(window, bands: [0], into: block)) != nil, let base = block.bytes.baseAddress else {
        break
      }
      for i in 0..<window.lines {
        for j in 0..<window.samples {
          let place = base + i * block.lineStride + j * block.pixelStride
          if type.size == 1 {
            isUsed[Int(place.loadUnaligned(as: UInt8.self))] = true
          } else {
            let bits = place.loadUnaligned(as: UInt16.self)
            isUsed[Int(block.isByteSwapped ? bits.byteSwapped : bits)] = true
          }
        }
      }
    }
    func bits(_ value: Int) -> Int { type.size == 1 ? value & 0xFF : value & 0xFFFF }
    let free = stride(from: Int(range.upperBound), through: Int(range.lowerBound), by: -1).first { !isUsed[bits($0)] }
    return free.map(Double.init) ?? range.upperBound
  }

  func read(_ window: PixelWindow, bands: [Int], into block: StoredBlock) throws {
    try reader.read(window, bands: bands, into: block)
    let mask = isMasked ? try reader.readMask(window) : nil
    guard let base = block.bytes.baseAddress else { return }
    let isSwapped = block.isByteSwapped
    func stored(_ bytes: [UInt8]) -> [UInt8] { isSwapped ? bytes.reversed() : bytes }
    let fill = bands.map { stored(self.fill[$0]) }
    switch sampleType.size {
    case 1: replace(base, block, window, mask, UInt8.self, fill)
    case 2: replace(base, block, window, mask, UInt16.self, fill)
    case 4: replace(base, block, window, mask, UInt32.self, fill)
    default: replace(base, block, window, mask, UInt64.self, fill)
    }
  }

  /// Stores the fill where a pixel is masked or a sample is one of the further values, compared by their bits.
  private func replace<Bits: FixedWidthInteger>(
    _ base: UnsafeMutableRawPointer, _ block: StoredBlock, _ window: PixelWindow, _ mask: [UInt8]?, _: Bits.Type,
    _ fill: [[UInt8]]
  ) {
    func bits(_ bytes: [UInt8]) -> Bits { bytes.withUnsafeBytes { $0.loadUnaligned(as: Bits.self) } }
    let wanted = fill.map(bits)
    let marks = aliases.map { bits(block.isByteSwapped ? $0.reversed() : $0) }
    for line in 0..<window.lines {
      for sample in 0..<window.samples {
        let pixel = base + line * block.lineStride + sample * block.pixelStride
        let isOut = mask.map { $0[line * window.samples + sample] == 0 } ?? false
        guard isOut || !marks.isEmpty else { continue }
        for band in wanted.indices {
          let place = pixel + band * block.bandStride
          if isOut || marks.contains(place.loadUnaligned(as: Bits.self)) {
            place.storeBytes(of: wanted[band], as: Bits.self)
          }
        }
      }
    }
  }
}
