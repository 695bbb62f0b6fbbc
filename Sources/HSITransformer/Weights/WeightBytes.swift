import Foundation
import HSICore

/// Bytes that tensors of a weight file lie in: the mapped file, or an inflated part of it.
final class WeightBytes: @unchecked Sendable {
  let bytes: UnsafeRawBufferPointer
  private let isMapped: Bool

  /// Maps a file for reading; it takes no memory of its own.
  ///
  /// - Throws: `TransformerError.notFound`, `.unreadable`.
  init(mapping path: String) throws {
    let descriptor = Foundation.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      if errno == ENOENT { throw TransformerError.notFound(path: path) }
      throw TransformerError.unreadable(path: path, reason: String(cString: strerror(errno)))
    }
    defer { close(descriptor) }
    var info = stat()
    guard fstat(descriptor, &info) == 0 else {
      throw TransformerError.unreadable(path: path, reason: String(cString: strerror(errno)))
    }
    guard info.st_mode & S_IFMT == S_IFREG else {
      throw TransformerError.unreadable(path: path, reason: "it is not a regular file")
    }
    guard info.st_size > 0 else { throw TransformerError.unreadable(path: path, reason: "it is empty") }
    let size = Int(info.st_size)
    guard let address = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), address != MAP_FAILED else {
      throw TransformerError.unreadable(path: path, reason: String(cString: strerror(errno)))
    }
    bytes = UnsafeRawBufferPointer(start: address, count: size)
    isMapped = true
  }

  /// A copy of bytes in memory.
  init(copying source: [UInt8]) {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: max(source.count, 1), alignment: 64)
    memory.copyBytes(from: source)
    bytes = UnsafeRawBufferPointer(rebasing: memory[..<source.count])
    isMapped = false
  }

  /// Gives the memory behind whole pages of a long range back to the system; they are read from the file again when they are
  /// touched. So a network of a gigabyte is loaded without its file in memory beside it.
  func forget(_ range: Range<Int>) {
    guard isMapped, range.count >= 1 << 20, let base = bytes.baseAddress else { return }
    let page = Int(getpagesize())
    let first = (range.lowerBound + page - 1) / page * page
    let length = (range.upperBound / page * page) - first
    if length > 0 { _ = madvise(UnsafeMutableRawPointer(mutating: base + first), length, MADV_DONTNEED) }
  }

  deinit {
    guard let address = UnsafeMutableRawPointer(mutating: bytes.baseAddress) else { return }
    if isMapped { munmap(address, bytes.count) } else { address.deallocate() }
  }
}
