import CZlib
import Foundation
import HSICore
import Synchronization

/// The directory of a zip file: entries stored or deflated, 64-bit sizes, sizes after the data.
///
/// Source: PKWARE, APPNOTE 6.3. Sizes come from the central directory and are checked against the file; nothing is
/// inflated before it is asked for.
struct ZipArchive {
  /// One member.
  struct Entry {
    let name: String
    let isDeflated: Bool
    /// Of the inflated bytes; 0 when the writer left it out.
    let checksum: UInt32
    /// Where the bytes lie in the file.
    let range: Range<Int>
    /// Bytes when inflated.
    let size: Int
  }

  /// Members in the order of the directory.
  let entries: [Entry]
  private let positions: [String: Int]

  /// A member by name.
  subscript(name: String) -> Entry? { positions[name].map { entries[$0] } }

  /// True when a file begins as a zip file does.
  static func matches(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard let signature = bytes.little(UInt32.self, at: 0) else { return false }
    return signature == 0x0403_4B50 || signature == 0x0605_4B50
  }

  /// Reads the directory.
  ///
  /// - Throws: `TransformerError.badCheckpoint`, `.tooLarge`.
  init(_ bytes: UnsafeRawBufferPointer, path: String) throws {
    func failure(_ detail: String) -> TransformerError { .badCheckpoint(path: path, detail: detail) }
    let directory = try ZipArchive.directory(bytes, failure)
    var entries: [Entry] = []
    var positions: [String: Int] = [:]
    var position = directory.lowerBound
    var inflated = 0
    while position < directory.upperBound {
      guard bytes.little(UInt32.self, at: position) == 0x0201_4B50,
        let flags = bytes.little(UInt16.self, at: position + 8),
        let method = bytes.little(UInt16.self, at: position + 10),
        let checksum = bytes.little(UInt32.self, at: position + 16),
        let packed = bytes.little(UInt32.self, at: position + 20),
        let unpacked = bytes.little(UInt32.self, at: position + 24),
        let nameLength = bytes.little(UInt16.self, at: position + 28),
        let extraLength = bytes.little(UInt16.self, at: position + 30),
        let commentLength = bytes.little(UInt16.self, at: position + 32),
        let offset = bytes.little(UInt32.self, at: position + 42)
      else { throw failure("its directory is damaged") }
      let nameStart = position + 46
      let extraStart = nameStart + Int(nameLength)
      position = extraStart + Int(extraLength) + Int(commentLength)
      guard position <= directory.upperBound else { throw failure("its directory is damaged") }
      let name = String(decoding: bytes[nameStart..<extraStart], as: UTF8.self)
      var sizes = [UInt64(unpacked), UInt64(packed), UInt64(offset)]
      try ZipArchive.widen(
        &sizes, UnsafeRawBufferPointer(rebasing: bytes[extraStart..<(extraStart + Int(extraLength))]), failure
      )
      guard flags & 1 == 0 else { throw failure("\(shortened(name)) is encrypted") }
      guard method == 0 || method == 8 else {
        throw failure("\(shortened(name)) is compressed in a way that is not read")
      }
      let values = sizes.map { Int(clamping: $0) }
      let range = try ZipArchive.data(bytes, offset: values[2], count: values[1], name, failure)
      if method == 0 {
        guard values[0] == values[1] else { throw failure("\(shortened(name)) has two sizes") }
      } else {
        // Deflate packs at most 1032 to 1.
        inflated = inflated.addingReportingOverflow(values[0]).partialValue
        guard values[0] <= 1032 * range.count + 64, inflated >= 0,
          inflated <= max(ZipArchive.inflatedLimit, 16 * bytes.count)
        else {
          throw TransformerError.tooLarge(
            path: path, detail: "\(shortened(name)) expands from \(range.count) to \(values[0]) bytes")
        }
      }
      guard positions.updateValue(entries.count, forKey: name) == nil else {
        throw failure("\(shortened(name)) occurs twice")
      }
      entries.append(
        Entry(name: name, isDeflated: method == 8, checksum: checksum, range: range, size: values[0]))
    }
    self.entries = entries
    self.positions = positions
  }

  /// Deflated members may together expand to this, or to 16 times the file where that is more.
  static let inflatedLimit = 64 << 20

  /// Where the central directory lies.
  private static func directory(
    _ bytes: UnsafeRawBufferPointer, _ failure: (String) -> TransformerError
  ) throws -> Range<Int> {
    // The end record is 22 bytes and a comment of at most 65 535.
    var end = bytes.count - 22
    let first = max(0, end - 65_535)
    while end >= first, bytes.little(UInt32.self, at: end) != 0x0605_4B50 { end -= 1 }
    guard end >= first, end >= 0, let size32 = bytes.little(UInt32.self, at: end + 12),
      let start32 = bytes.little(UInt32.self, at: end + 16)
    else { throw failure("it ends before its directory") }
    var (start, size) = (UInt64(start32), UInt64(size32))
    if end >= 20, bytes.little(UInt32.self, at: end - 20) == 0x0706_4B50 {
      guard let place = bytes.little(UInt64.self, at: end - 12), let record = Int(exactly: place),
        record <= end, bytes.little(UInt32.self, at: record) == 0x0606_4B50,
        let wideSize = bytes.little(UInt64.self, at: record + 40),
        let wideStart = bytes.little(UInt64.self, at: record + 48)
      else { throw failure("its directory is damaged") }
      (start, size) = (wideStart, wideSize)
    }
    guard let lower = Int(exactly: start), let count = Int(exactly: size), lower <= end, count <= end - lower
    else { throw failure("its directory is damaged") }
    return lower..<(lower + count)
  }

  /// Takes 64-bit sizes from the extra field for those that do not fit 32 bits.
  private static func widen(
    _ sizes: inout [UInt64], _ extra: UnsafeRawBufferPointer, _ failure: (String) -> TransformerError
  ) throws {
    var wide = sizes.indices.filter { sizes[$0] == 0xFFFF_FFFF }[...]
    var position = 0
    while !wide.isEmpty, let kind = extra.little(UInt16.self, at: position),
      let length = extra.little(UInt16.self, at: position + 2)
    {
      if kind == 1 {
        var place = position + 4
        while place + 8 <= position + 4 + Int(length), let index = wide.popFirst() {
          guard let value = extra.little(UInt64.self, at: place) else { break }
          sizes[index] = value
          place += 8
        }
      }
      position += 4 + Int(length)
    }
    guard wide.isEmpty else { throw failure("its directory is damaged") }
  }

  /// The bytes of a member, after its local header.
  private static func data(
    _ bytes: UnsafeRawBufferPointer, offset: Int, count: Int, _ name: String,
    _ failure: (String) -> TransformerError
  ) throws -> Range<Int> {
    guard bytes.little(UInt32.self, at: offset) == 0x0403_4B50,
      let nameLength = bytes.little(UInt16.self, at: offset + 26),
      let extraLength = bytes.little(UInt16.self, at: offset + 28)
    else { throw failure("\(shortened(name)) is not where the directory says") }
    let start = offset + 30 + Int(nameLength) + Int(extraLength)
    guard start <= bytes.count, count <= bytes.count - start else {
      throw failure("\(shortened(name)) lies outside the file")
    }
    return start..<(start + count)
  }
}

/// The bytes of a member of a zip file: inflated and checked when first asked for.
final class ZipMember: WeightSource {
  let path: String
  private let file: WeightBytes
  private let entry: ZipArchive.Entry
  private let isBigEndian: Bool
  private struct State {
    var isChecked = false
    var inflated: WeightBytes?
  }
  private let state = Mutex(State())

  init(_ entry: ZipArchive.Entry, of file: WeightBytes, path: String, isBigEndian: Bool = false) {
    self.entry = entry
    self.file = file
    self.path = path
    self.isBigEndian = isBigEndian
  }

  /// Bytes of the member.
  var size: Int { entry.size }

  func withBytes(_ body: (UnsafeRawBufferPointer, _ swaps: Bool) throws -> Void) throws {
    let stored = UnsafeRawBufferPointer(rebasing: file.bytes[entry.range])
    let inflated = try state.withLock { state -> WeightBytes? in
      if state.isChecked { return state.inflated }
      if entry.isDeflated { state.inflated = WeightBytes(copying: try inflate(stored)) }
      let bytes = state.inflated?.bytes ?? stored
      guard entry.checksum == 0 || ZipMember.checksum(bytes) == entry.checksum else {
        throw failure("fails its checksum")
      }
      state.isChecked = true
      return state.inflated
    }
    try withExtendedLifetime((self, inflated)) {
      try body(inflated?.bytes ?? stored, isBigEndian != (1.bigEndian == 1))
    }
  }

  /// Inflates; memory grows with what is there, not with what is claimed.
  private func inflate(_ source: UnsafeRawBufferPointer) throws -> [UInt8] {
    var stream = z_stream()
    guard inflateInit2_(&stream, -15, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
      throw failure("cannot be inflated")
    }
    defer { inflateEnd(&stream) }
    var result: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    var consumed = 0
    var status = Z_OK
    while status == Z_OK {
      let input = min(source.count - consumed, 1 << 30)
      let produced = piece.withUnsafeMutableBufferPointer { output in
        stream.next_in = source.baseAddress.map {
          UnsafeMutablePointer(mutating: ($0 + consumed).assumingMemoryBound(to: Bytef.self))
        }
        stream.avail_in = uInt(input)
        stream.next_out = output.baseAddress
        stream.avail_out = uInt(output.count)
        status = CZlib.inflate(&stream, Z_NO_FLUSH)
        return output.count - Int(stream.avail_out)
      }
      consumed += input - Int(stream.avail_in)
      guard produced <= entry.size - result.count else { throw failure("is longer than it says") }
      result += piece[..<produced]
    }
    guard status == Z_STREAM_END, result.count == entry.size else { throw failure("is damaged") }
    return result
  }

  private static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    guard let base = bytes.baseAddress else { return 0 }
    var value = crc32(0, nil, 0)
    var done = 0
    while done < bytes.count {
      let step = min(bytes.count - done, 1 << 30)
      value = crc32(value, (base + done).assumingMemoryBound(to: Bytef.self), uInt(step))
      done += step
    }
    return UInt32(truncatingIfNeeded: value)
  }

  private func failure(_ what: String) -> TransformerError {
    .badCheckpoint(path: path, detail: "\(shortened(entry.name)) \(what)")
  }
}

extension UnsafeRawBufferPointer {
  /// A little-endian number at a position, nil when it is not inside.
  func little<T: FixedWidthInteger>(_: T.Type, at position: Int) -> T? {
    guard position >= 0, position <= count - MemoryLayout<T>.size else { return nil }
    return T(littleEndian: loadUnaligned(fromByteOffset: position, as: T.self))
  }
}
