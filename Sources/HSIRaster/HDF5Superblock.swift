import Foundation
import HSICore

/// The first facts of an HDF5 file, read and checked without the HDF5 library, which has crashed on damaged files.
///
/// Layout: The HDF Group, "HDF5 File Format Specification" 3.0, section II.A (versions 0 to 3).
struct HDF5Superblock: Equatable {
  /// Place of the signature: 0 or a power of two from 512 on.
  let start: Int
  /// Version, 0 to 3.
  let version: Int
  /// Bytes that the file must have.
  let end: Int

  static let signature: [UInt8] = [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A]

  /// Reads the superblock of a local file and compares it with the file's size.
  ///
  /// - Throws: `RasterError.unreadable` for a file without signature, of an unknown version, with impossible widths or
  ///   addresses, or shorter than it says.
  init(_ path: String) throws {
    func damaged(_ reason: String) -> RasterError { .unreadable(path: path, reason: reason) }
    let source = try ByteSource(path)
    guard let size = source.size, let place = HDF5Superblock.place(source, size: size) else {
      throw damaged("it is no valid HDF5 file: no signature")
    }
    start = place
    var head = [UInt8](repeating: 0, count: min(160, size - place))
    try head.withUnsafeMutableBytes { bytes in
      if let base = bytes.baseAddress { try source.read(base, count: bytes.count, offset: place) }
    }
    guard head.count >= 48, head[8] <= 3 else { throw damaged("its HDF5 superblock is damaged") }
    version = Int(head[8])
    let width = Int(version < 2 ? head[13] : head[9])
    let lengthWidth = Int(version < 2 ? head[14] : head[10])
    guard [2, 4, 8].contains(width), [2, 4, 8].contains(lengthWidth) else {
      throw damaged("its HDF5 superblock gives addresses of \(width) and lengths of \(lengthWidth) bytes")
    }
    func address(_ offset: Int) -> Int? {
      guard offset + width <= head.count else { return nil }
      let value = head[offset..<(offset + width)].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      return Int(exactly: value)
    }
    let first = [24, 28, 12, 12][version]
    let rootPlace = version < 2 ? first + 5 * width : first + 3 * width
    guard let base = address(first), let end = address(first + 2 * width), let root = address(rootPlace)
    else {
      throw damaged("its HDF5 superblock is damaged")
    }
    guard base <= place, base < end, root < end else { throw damaged("its HDF5 superblock is damaged") }
    guard end <= size else { throw damaged("it has \(size) bytes but its HDF5 superblock asks for \(end)") }
    self.end = end
  }

  /// Bytes 0, 512, 1024, 2048 … of the file.
  private static func place(_ source: ByteSource, size: Int) -> Int? {
    var place = 0
    while place + 8 <= size {
      var found = [UInt8](repeating: 0, count: 8)
      let isRead = found.withUnsafeMutableBytes { bytes -> Bool in
        guard let base = bytes.baseAddress else { return false }
        return (try? source.read(base, count: 8, offset: place)) != nil
      }
      if isRead, found == signature { return place }
      place = place == 0 ? 512 : place * 2
    }
    return nil
  }
}
