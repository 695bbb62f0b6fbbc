import HSICore

/// Where the blocks of a TIFF's first image lie in its file, and how they are packed: what is needed to read samples without GDAL.
///
/// Only what is understood completely counts: this machine's byte order, samples of whole bytes all alike, no colour space that is
/// converted on reading. Everything else has no layout and is read through GDAL.
struct TIFFLayout {
  /// How blocks are packed: the numbers of the tag Compression.
  enum Codec { case none, deflate, zstd }

  private(set) var lines = 0
  private(set) var samples = 0
  private(set) var bands = 1
  private(set) var sampleSize = 0
  private(set) var codec = Codec.none
  private(set) var predictor = 1
  /// Whether every band has blocks of its own.
  private(set) var hasPlanes = false
  private(set) var isTiled = false
  private(set) var blockSamples = 0
  private(set) var blockLines = 0
  /// First byte and number of bytes of every block: by rows of blocks, by planes where bands have their own. Both 0: it was not written.
  private(set) var offsets: [Int] = []
  private(set) var counts: [Int] = []

  /// Blocks beside one another, and above one another.
  var blocksAcross: Int { (samples + blockSamples - 1) / blockSamples }
  var blocksDown: Int { (lines + blockLines - 1) / blockLines }
  /// Samples of a pixel that lie together.
  var bandsTogether: Int { hasPlanes ? 1 : bands }
  /// Lines that a row of blocks holds: the last row of strips has fewer, tiles are filled up.
  func height(ofRow row: Int) -> Int { isTiled ? blockLines : min(blockLines, lines - row * blockLines) }

  /// Longest list of blocks that is held.
  private static let mostBlocks = 1 << 20

  /// The layout of a file; nil where it is not understood.
  init?(_ file: ByteSource) {
    guard let directory = TIFFDirectory(file) else { return nil }
    func one(_ tag: UInt16, _ value: Int) -> Int? {
      directory[tag] == nil ? value : directory.values(tag, most: 1)?.first
    }
    func all(_ tag: UInt16, _ value: Int) -> [Int]? {
      directory[tag] == nil ? [value] : directory.values(tag, most: 1 << 16)
    }
    guard let width = one(256, 0), let height = one(257, 0), width > 0, height > 0, let count = one(277, 1), count > 0,
      let bits = all(258, 1), let size = bits.first.map({ $0 / 8 }), [1, 2, 4, 8].contains(size),
      bits.allSatisfy({ $0 == 8 * size }), bits.count == count || bits.count == 1,
      let order = one(266, 1), order == 1, let colours = one(262, 1), (0...3).contains(colours),
      let formats = all(339, 1), Set(formats).count == 1, [1, 2, 3, 4].contains(formats[0]),
      let planes = one(284, 1), [1, 2].contains(planes), let packing = one(259, 1), let difference = one(317, 1)
    else { return nil }
    (lines, samples, bands, sampleSize) = (height, width, count, size)
    switch packing {
    case 1: codec = .none
    case 8, 32946: codec = .deflate
    case 50000: codec = .zstd
    default: return nil
    }
    predictor = codec == .none ? 1 : difference
    guard predictor == 1 || predictor == 2 || predictor == 3 && formats[0] == 3 && size >= 4 else { return nil }
    hasPlanes = planes == 2 && count > 1
    isTiled = directory[322] != nil
    guard let blockWidth = isTiled ? one(322, 0) : width, let blockHeight = isTiled ? one(323, 0) : one(278, height),
      blockWidth > 0, blockHeight > 0
    else { return nil }
    (blockSamples, blockLines) = (blockWidth, isTiled ? blockHeight : min(blockHeight, height))
    let blocks = Int.product(blocksAcross, blocksDown, hasPlanes ? bands : 1)
    guard blocks <= TIFFLayout.mostBlocks, Int.product(blockSamples, blockLines, bandsTogether, size) < 1 << 40,
      let places = directory.values(isTiled ? 324 : 273, most: blocks), places.count == blocks,
      let lengths = directory.values(isTiled ? 325 : 279, most: blocks), lengths.count == blocks
    else { return nil }
    (offsets, counts) = (places, lengths)
  }
}

/// The entries of a TIFF's first directory, classic or big, in this machine's byte order.
private struct TIFFDirectory {
  struct Entry {
    var type: UInt16
    var count: Int
    /// Where the values lie in the file.
    var offset: Int
  }

  private let file: ByteSource
  private var entries: [UInt16: Entry] = [:]

  subscript(_ tag: UInt16) -> Entry? { entries[tag] }

  /// nil for another file, and for one of the other byte order.
  init?(_ file: ByteSource) {
    self.file = file
    guard let size = file.size, size >= 16, let head = TIFFDirectory.bytes(file, 16, at: 0) else { return nil }
    let mark: [UInt8] = 1.littleEndian == 1 ? [0x49, 0x49] : [0x4D, 0x4D]
    guard Array(head[0..<2]) == mark else { return nil }
    let version = TIFFDirectory.number(head, 2, 2)
    guard version == 42 || version == 43 && TIFFDirectory.number(head, 4, 2) == 8 else { return nil }
    let isBig = version == 43
    let start = isBig ? TIFFDirectory.number(head, 8, 8) : TIFFDirectory.number(head, 4, 4)
    let (width, each) = isBig ? (8, 20) : (2, 12)
    guard start > 0, start < size, let raw = TIFFDirectory.bytes(file, width, at: start) else { return nil }
    let count = TIFFDirectory.number(raw, 0, width)
    guard count > 0, count < 1 << 12, let table = TIFFDirectory.bytes(file, count * each, at: start + width) else {
      return nil
    }
    for i in 0..<count {
      let place = i * each
      let tag = UInt16(TIFFDirectory.number(table, place, 2))
      let type = UInt16(TIFFDirectory.number(table, place + 2, 2))
      let number = TIFFDirectory.number(table, place + 4, isBig ? 8 : 4)
      guard number >= 0, entries[tag] == nil else { return nil }
      let value = place + (isBig ? 12 : 8)
      let fits = Int.product(number, TIFFDirectory.size(type)) <= (isBig ? 8 : 4)
      entries[tag] = Entry(
        type: type, count: number,
        offset: fits ? start + width + value : TIFFDirectory.number(table, value, isBig ? 8 : 4))
    }
  }

  /// The values of a tag of whole numbers; nil for none, more than `most`, another type, or a place outside the file.
  func values(_ tag: UInt16, most: Int) -> [Int]? {
    guard let entry = entries[tag], entry.count > 0, entry.count <= most else { return nil }
    let size = TIFFDirectory.size(entry.type)
    // BYTE, SHORT, LONG, LONG8.
    guard [1, 3, 4, 16].contains(entry.type), let raw = TIFFDirectory.bytes(file, entry.count * size, at: entry.offset)
    else { return nil }
    let result = raw.withUnsafeBytes { bytes in
      (0..<entry.count).map { i -> Int in
        switch size {
        case 1: Int(bytes[i])
        case 2: Int(bytes.loadUnaligned(fromByteOffset: 2 * i, as: UInt16.self))
        case 4: Int(bytes.loadUnaligned(fromByteOffset: 4 * i, as: UInt32.self))
        default: Int(clamping: bytes.loadUnaligned(fromByteOffset: 8 * i, as: UInt64.self))
        }
      }
    }
    return result.contains(.max) ? nil : result
  }

  private static func size(_ type: UInt16) -> Int {
    switch type {
    case 1, 2, 6, 7: 1
    case 3, 8: 2
    case 4, 9, 11, 13: 4
    default: 8
    }
  }

  private static func bytes(_ file: ByteSource, _ count: Int, at offset: Int) -> [UInt8]? {
    guard let size = file.size, offset >= 0, count >= 0, offset <= size - count else { return nil }
    return try? [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      guard count > 0, let base = buffer.baseAddress else { return }
      try file.read(base, count: count, offset: offset)
      filled = count
    }
  }

  private static func number(_ bytes: [UInt8], _ place: Int, _ size: Int) -> Int {
    let order = 1.littleEndian == 1 ? Array(stride(from: size - 1, through: 0, by: -1)) : Array(0..<size)
    return Int(clamping: order.reduce(UInt64(0)) { $0 << 8 | UInt64(bytes[place + $1]) })
  }
}
