import CGDAL
import Foundation
import HSICore

/// Files through GDAL's virtual file systems: local paths, `/vsizip/`, `/vsicurl/`, `/vsimem/` …
public enum VSI {
  /// What exists under a name.
  public struct Status: Sendable {
    /// Bytes of a file.
    public var size: Int
    /// True for a folder.
    public var isFolder: Bool
    /// Time of the last change in seconds since 1970, 0 where unknown.
    public var modified: Int
  }

  /// Whether a name is one of the file system, for which GDAL is not needed.
  static func isLocal(_ path: String) -> Bool { !path.hasPrefix("/vsi") }

  /// Size and kind of a file or folder, or nil when it does not exist.
  public static func status(_ path: String) -> Status? {
    var info = stat()
    if isLocal(path) {
      guard stat(path, &info) == 0 else { return nil }
      return Status(
        size: Int(info.st_size), isFolder: info.st_mode & S_IFMT == S_IFDIR, modified: Int(info.st_mtim.tv_sec))
    }
    RemoteAccess.asked(path)
    return GDAL.collecting { _ in
      let flags = VSI_STAT_EXISTS_FLAG | VSI_STAT_NATURE_FLAG | VSI_STAT_SIZE_FLAG
      // GDAL's `VSIStatBufL` is `struct stat64`, which on 64-bit systems is laid out like `struct stat`.
      let found = withUnsafeMutablePointer(to: &info) { VSIStatExL(path, OpaquePointer($0), flags) }
      guard found == 0 else { return nil }
      return Status(
        size: Int(info.st_size), isFolder: info.st_mode & S_IFMT == S_IFDIR,
        modified: Int(info.st_mtim.tv_sec))
    }
  }

  /// True when a file (not a folder) has that name.
  public static func isFile(_ path: String) -> Bool { status(path).map { !$0.isFolder } ?? false }

  /// The first `count` bytes of a file (fewer where it is shorter), or nil when it cannot be opened.
  public static func prefix(_ path: String, count: Int) -> [UInt8]? {
    if isLocal(path) {
      guard let file = fopen(path, "rbe") else { return nil }
      defer { fclose(file) }
      var info = stat()
      guard fstat(fileno(file), &info) == 0, info.st_mode & S_IFMT != S_IFDIR else { return nil }
      return prefix(count) { fread($0, 1, $1, file) }
    }
    RemoteAccess.asked(path)
    return GDAL.collecting { _ in
      guard let file = VSIFOpenL(path, "rb") else { return nil }
      defer { VSIFCloseL(file) }
      return prefix(count) { VSIFReadL($0, 1, $1, file) }
    }
  }

  private static func prefix(_ count: Int, _ read: (UnsafeMutableRawPointer?, Int) -> Int) -> [UInt8] {
    // What a file or an archive says of its size counts only when the bytes are there.
    var bytes: [UInt8] = []
    while bytes.count < count {
      let step = min(count - bytes.count, max(1 << 16, bytes.count))
      let start = bytes.count
      bytes.append(contentsOf: repeatElement(0, count: step))
      let found = bytes.withUnsafeMutableBytes { read($0.baseAddress.map { $0 + start }, step) }
      if found < step {
        bytes.removeLast(step - found)
        break
      }
    }
    return bytes
  }

  /// A whole small file.
  ///
  /// - Throws: `RasterError.notFound`, `.unreadable` above `limit` bytes or when it cannot be read.
  public static func contents(_ path: String, limit: Int = 256 << 20) throws -> [UInt8] {
    guard let status = status(path), !status.isFolder else { throw RasterError.notFound(path: path) }
    guard status.size <= limit else {
      throw RasterError.unreadable(
        path: path, reason: "\(status.size) bytes are too many for this kind of file")
    }
    guard let bytes = prefix(path, count: max(status.size, 0)) else {
      throw RasterError.unreadable(path: path, reason: "it cannot be opened")
    }
    return bytes
  }

  /// Names in a folder, sorted by bytes; empty where it cannot be listed.
  public static func names(in folder: String) -> [String] {
    if isLocal(folder) {
      let found = (try? FileManager.default.contentsOfDirectory(atPath: folder.isEmpty ? "." : folder)) ?? []
      return found.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }
    RemoteAccess.asked(folder)
    return GDAL.collecting { _ in
      let list = VSIReadDir(folder)
      defer { CSLDestroy(list) }
      return GDALStrings.array(list).filter { $0 != "." && $0 != ".." }.sorted {
        $0.utf8.lexicographicallyPrecedes($1.utf8)
      }
    }
  }

  /// Deletes a file if it exists.
  static func delete(_ path: String) { GDAL.collecting { _ in _ = VSIUnlink(path) } }
}

/// Random access to the bytes of a file: `pread` for local files (from any thread), VSI otherwise (one thread).
final class ByteSource {
  let path: String
  /// Bytes in the file; nil for streams whose length is not known.
  let size: Int?
  /// Whether `read` may be called from several threads at once.
  let isConcurrent: Bool
  private let descriptor: Int32
  private let handle: UnsafeMutablePointer<VSILFILE>?

  /// Opens a file for reading.
  ///
  /// - Parameter isCompressed: the whole file is a gzip stream.
  init(_ path: String, isCompressed: Bool = false) throws {
    self.path = path
    let isLocal = !path.hasPrefix("/vsi") && !isCompressed
    isConcurrent = isLocal
    if isLocal {
      handle = nil
      descriptor = open(path, O_RDONLY | O_CLOEXEC)
      guard descriptor >= 0 else {
        if errno == ENOENT { throw RasterError.notFound(path: path) }
        throw RasterError.unreadable(path: path, reason: String(cString: strerror(errno)))
      }
      var info = stat()
      size = fstat(descriptor, &info) == 0 ? Int(info.st_size) : nil
    } else {
      descriptor = -1
      let name = isCompressed ? "/vsigzip/" + path : path
      let result = GDAL.collecting { messages in (VSIFOpenL(name, "rb"), messages.reason) }
      guard let file = result.0 else {
        throw RasterError.unreadable(path: path, reason: result.1 ?? "it cannot be opened")
      }
      handle = file
      size = isCompressed ? nil : VSI.status(path)?.size
    }
  }

  deinit {
    if descriptor >= 0 { close(descriptor) }
    if let handle { VSIFCloseL(handle) }
  }

  /// Reads exactly `count` bytes at `offset`.
  ///
  /// - Throws: `RasterError.inputOutput`, also when the file ends earlier.
  func read(_ target: UnsafeMutableRawPointer, count: Int, offset: Int) throws {
    if let handle {
      let found = GDAL.collecting { _ in
        VSIFSeekL(handle, vsi_l_offset(offset), SEEK_SET) == 0 ? VSIFReadL(target, 1, count, handle) : 0
      }
      guard found == count else { throw shortRead(count: count, offset: offset, found: found) }
      return
    }
    var done = 0
    while done < count {
      let step = pread(descriptor, target + done, count - done, off_t(offset + done))
      if step < 0 && errno == EINTR { continue }
      if step < 0 {
        throw RasterError.inputOutput(path: path, action: "reading", reason: String(cString: strerror(errno)))
      }
      if step == 0 { throw shortRead(count: count, offset: offset, found: done) }
      done += step
    }
  }

  /// Reads bytes that lie behind one another at `offset` into several places; local files only.
  ///
  /// - Throws: `RasterError.inputOutput`, also when the file ends earlier.
  func read(_ parts: inout [iovec], offset: Int) throws {
    var (next, place) = (0, offset)
    while next < parts.count {
      let count = min(parts.count - next, 512)
      var step = parts[next..<(next + count)].withUnsafeBufferPointer {
        preadv(descriptor, $0.baseAddress, Int32(count), off_t(place))
      }
      if step < 0 && errno == EINTR { continue }
      if step < 0 {
        throw RasterError.inputOutput(path: path, action: "reading", reason: String(cString: strerror(errno)))
      }
      if step == 0 { throw shortRead(count: parts[next].iov_len, offset: place, found: 0) }
      place += step
      while next < parts.count, step >= parts[next].iov_len {
        step -= parts[next].iov_len
        next += 1
      }
      if step > 0 {
        parts[next].iov_base = parts[next].iov_base.map { $0 + step }
        parts[next].iov_len -= step
      }
    }
  }

  private func shortRead(count: Int, offset: Int, found: Int) -> RasterError {
    .inputOutput(
      path: path, action: "reading",
      reason: "the file ends at byte \(offset + found), \(offset + count) expected")
  }
}
