import CGDAL
import CZlib
import Foundation
import HSICore
import Synchronization

/// The bytes of a whole file: mapped for local files (no memory of its own), read into memory behind `/vsi…`.
final class FileBytes: @unchecked Sendable {
  let path: String
  /// All bytes.
  let bytes: UnsafeRawBufferPointer
  /// Bytes that are mapped, or reserved and filled as far as `bytes` goes.
  private let mappedCount: Int
  private let isFile: Bool
  private let touched = Mutex(0)
  /// Bytes of a mapped file that may count as memory of this process.
  private static let heldPages = 64 << 20

  /// Opens a file.
  ///
  /// - Parameter limit: bytes that a file may have which must be read whole.
  /// - Throws: `RasterError.notFound`, `.unreadable`; `CoreError.memory` above the limit.
  init(_ path: String, limit: Int = 4 << 30) throws {
    self.path = path
    if path.hasPrefix("/vsi") {
      guard let status = VSI.status(path), !status.isFolder else { throw RasterError.notFound(path: path) }
      guard status.size <= limit else {
        throw CoreError.memory(purpose: "holding \(path)", needed: status.size, budget: limit)
      }
      let memory = try ReservedMemory(status.size, path: path)
      let count = try GDAL.collecting { messages in
        guard let file = VSIFOpenL(path, "rb") else {
          throw RasterError.unreadable(path: path, reason: messages.reason ?? "it cannot be opened")
        }
        defer { VSIFCloseL(file) }
        var done = 0
        while done < status.size {
          let found = VSIFReadL(memory.base + done, 1, min(status.size - done, 1 << 22), file)
          if found == 0 { break }
          done += found
        }
        return done
      }
      (bytes, mappedCount, isFile) = (memory.taken(count), memory.count, false)
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
    (mappedCount, isFile) = (size, true)
  }

  private init(path: String, _ memory: ReservedMemory, count: Int) {
    self.path = path
    (bytes, mappedCount, isFile) = (memory.taken(count), memory.count, false)
  }

  deinit {
    if let address = UnsafeMutableRawPointer(mutating: bytes.baseAddress) { munmap(address, mappedCount) }
  }

  /// Counts bytes of pages that have been read, at most; gives those of a mapped file back when they are many: they count as memory
  /// of this process and can be read again. Any thread may call it at any time.
  func count(touched count: Int) {
    guard isFile, mappedCount > FileBytes.heldPages, let address = UnsafeMutableRawPointer(mutating: bytes.baseAddress)
    else { return }
    let isMany = touched.withLock { total in
      total = .sum(total, count)
      guard total > FileBytes.heldPages else { return false }
      total = 0
      return true
    }
    if isMany { madvise(address, mappedCount, MADV_DONTNEED) }
  }

  /// Inflates a zlib stream, at most `limit` bytes of it.
  ///
  /// Memory: what comes out, once; deflate makes at most 1032 bytes of one.
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
    let capacity = min(limit, Int.sum(.product(1032, source.count), 4096))
    let memory = try ReservedMemory(capacity, path: path)
    var (consumed, produced) = (0, 0)
    var status = Z_OK
    while status == Z_OK, produced < capacity {
      let input = min(source.count - consumed, 1 << 30)
      let output = min(capacity - produced, 1 << 30)
      stream.next_in = source.baseAddress.map {
        UnsafeMutablePointer(mutating: ($0 + consumed).assumingMemoryBound(to: Bytef.self))
      }
      stream.avail_in = uInt(input)
      stream.next_out = (memory.base + produced).assumingMemoryBound(to: Bytef.self)
      stream.avail_out = uInt(output)
      status = inflate(&stream, Z_NO_FLUSH)
      consumed += input - Int(stream.avail_in)
      produced += output - Int(stream.avail_out)
    }
    let isComplete = status == Z_STREAM_END
    let isPrefix = allowsMore && produced == limit
    guard isComplete || isPrefix else {
      let reason =
        status == Z_OK ? "it expands to more than \(limit) bytes" : "its compressed data are damaged"
      throw RasterError.unreadable(path: path, reason: reason)
    }
    return FileBytes(path: path, memory, count: produced)
  }
}

/// Addresses for bytes whose number is known at most: memory is taken page by page as they arrive.
private final class ReservedMemory {
  let base: UnsafeMutableRawPointer
  let count: Int
  private var isTaken = false

  /// - Throws: `RasterError.unreadable` when there are not so many addresses.
  init(_ count: Int, path: String) throws {
    self.count = max(1, count)
    let flags = MAP_PRIVATE | MAP_ANONYMOUS | Int32(MAP_NORESERVE)
    guard let start = mmap(nil, self.count, PROT_READ | PROT_WRITE, flags, -1, 0), start != MAP_FAILED else {
      throw RasterError.unreadable(
        path: path, reason: "there is no room for \(MemoryBudget.text(count)): " + String(cString: strerror(errno)))
    }
    base = start
  }

  deinit { if !isTaken { munmap(base, count) } }

  /// The first bytes, which the caller gives back from now on.
  func taken(_ used: Int) -> UnsafeRawBufferPointer {
    isTaken = true
    return UnsafeRawBufferPointer(start: base, count: used)
  }
}
