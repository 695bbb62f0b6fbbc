import CZlib
import Foundation
import HSICore

/// The bytes of a whole file: mapped for local files (no memory of its own), read into memory behind `/vsi…`.
final class FileBytes: @unchecked Sendable {
  let path: String
  /// All bytes.
  let bytes: UnsafeRawBufferPointer
  private let isMapped: Bool

  /// Opens a file.
  ///
  /// - Throws: `RasterError.notFound`, `.unreadable` (also above `limit` bytes where the file must be read whole).
  init(_ path: String, limit: Int = 4 << 30) throws {
    self.path = path
    if path.hasPrefix("/vsi") {
      let contents = try VSI.contents(path, limit: limit)
      let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: max(contents.count, 1), alignment: 64)
      memory.copyBytes(from: contents)
      bytes = UnsafeRawBufferPointer(rebasing: memory[..<contents.count])
      isMapped = false
      return
    }
    let descriptor = Foundation.open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      if errno == ENOENT { throw RasterError.notFound(path: path) }
      throw RasterError.unreadable(path: path, reason: String(cString: strerror(errno)))
    }
    defer { close(descriptor) }
    var info = stat()
    guard fstat(descriptor, &info) == 0, info.st_size > 0 else {
      throw RasterError.unreadable(path: path, reason: "it is empty")
    }
    let size = Int(info.st_size)
    guard let address = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), address != MAP_FAILED else {
      throw RasterError.unreadable(path: path, reason: String(cString: strerror(errno)))
    }
    bytes = UnsafeRawBufferPointer(start: address, count: size)
    isMapped = true
  }

  /// Bytes in memory: an inflated part of `path`.
  init(path: String, adopting memory: UnsafeMutableRawBufferPointer, count: Int) {
    self.path = path
    bytes = UnsafeRawBufferPointer(rebasing: memory[..<count])
    isMapped = false
  }

  deinit {
    guard let address = UnsafeMutableRawPointer(mutating: bytes.baseAddress) else { return }
    if isMapped { munmap(address, bytes.count) } else { address.deallocate() }
  }

  /// Inflates a zlib stream, at most `limit` bytes of it.
  ///
  /// - Parameter allowsMore: false makes a longer stream an error; true returns its first `limit` bytes.
  /// - Throws: `RasterError.unreadable` for a damaged or too long stream.
  static func inflated(
    _ source: UnsafeRawBufferPointer, path: String, limit: Int, allowsMore: Bool
  ) throws -> FileBytes {
    var stream = z_stream()
    guard inflateInit_(&stream, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
      throw RasterError.unreadable(path: path, reason: "zlib cannot start")
    }
    defer { inflateEnd(&stream) }
    var capacity = min(limit, max(4096, source.count * 4))
    var memory = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity, alignment: 64)
    var (consumed, produced) = (0, 0)
    var status = Z_OK
    while status == Z_OK {
      if produced == capacity {
        if capacity >= limit { break }
        capacity = min(limit, capacity * 2)
        let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity, alignment: 64)
        larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[..<produced]))
        memory.deallocate()
        memory = larger
      }
      let input = min(source.count - consumed, 1 << 30)
      let output = min(capacity - produced, 1 << 30)
      stream.next_in = source.baseAddress.map {
        UnsafeMutablePointer(mutating: ($0 + consumed).assumingMemoryBound(to: Bytef.self))
      }
      stream.avail_in = uInt(input)
      stream.next_out = memory.baseAddress.map { ($0 + produced).assumingMemoryBound(to: Bytef.self) }
      stream.avail_out = uInt(output)
      status = inflate(&stream, Z_NO_FLUSH)
      consumed += input - Int(stream.avail_in)
      produced += output - Int(stream.avail_out)
    }
    let isComplete = status == Z_STREAM_END
    let isPrefix = allowsMore && produced == limit
    guard isComplete || isPrefix else {
      memory.deallocate()
      let reason =
        status == Z_OK ? "it expands to more than \(limit) bytes" : "its compressed data are damaged"
      throw RasterError.unreadable(path: path, reason: reason)
    }
    return FileBytes(path: path, adopting: memory, count: produced)
  }
}
