import Foundation
import Glibc

/// A nameless file for intermediate data: it vanishes with this value or the process, however that ends.
///
/// It lies in the first of `HSI_TMPDIR`, `SLURM_TMPDIR`, `TMPDIR` that is set, else in the folder of the output.
public final class ScratchFile {
  /// The folder it lies in, for messages.
  public let folder: String
  /// Its size in bytes.
  public let size: Int
  private let descriptor: Int32
  private var mapping: UnsafeRawPointer?

  /// Reserves room for `size` bytes.
  ///
  /// - Parameter output: the file that is being made.
  /// - Throws: `CoreError.cannotWrite`, `.diskFull`.
  public init(for output: String, size: Int) throws {
    folder = ScratchFile.folder(for: output)
    self.size = size
    var name = Array((folder + "/.hsi-scratch-XXXXXX").utf8CString)
    descriptor = mkstemp(&name)
    guard descriptor >= 0 else { throw OutputFile.failure(errno, path: "a scratch file in \(folder)") }
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    unlink(name)
    let code = posix_fallocate(descriptor, 0, max(1, size))
    // Where room cannot be reserved, a full disk shows when the data are written.
    guard code == 0 || code == EOPNOTSUPP || code == EINVAL, ftruncate(descriptor, max(1, size)) == 0 else {
      throw OutputFile.failure(code == 0 ? errno : code, path: "a scratch file in \(folder)")
    }
  }

  deinit {
    if let mapping { munmap(UnsafeMutableRawPointer(mutating: mapping), max(1, size)) }
    close(descriptor)
  }

  /// The folder of scratch files for an output.
  public static func folder(for output: String) -> String {
    if let set = ResourceDefaults().scratchFolder { return set.value }
    return output.hasPrefix("/vsi") ? "/tmp" : URL(fileURLWithPath: output).deletingLastPathComponent().path
  }

  /// Writes bytes at an offset.
  ///
  /// - Throws: `CoreError.diskFull`, `.cannotWrite`.
  public func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws {
    try OutputBytes.write(bytes, to: descriptor, at: offset, for: "a scratch file in \(folder)")
  }

  /// Reads bytes at an offset.
  ///
  /// - Throws: `CoreError.cannotWrite` where they cannot be read.
  public func read(_ bytes: UnsafeMutableRawBufferPointer, at offset: Int) throws {
    var done = 0
    while let base = bytes.baseAddress, done < bytes.count {
      let step = pread(descriptor, base + done, bytes.count - done, offset + done)
      if step > 0 {
        done += step
      } else if step == 0 || errno != EINTR {
        throw OutputFile.failure(step == 0 ? EIO : errno, path: "a scratch file in \(folder)")
      }
    }
  }

  /// Gives pages of the mapping back that have been read: they count as memory of this process and can be read again.
  public func releasePages() {
    if let mapping { madvise(UnsafeMutableRawPointer(mutating: mapping), max(1, size), MADV_DONTNEED) }
  }

  /// All of it, mapped into memory.
  ///
  /// - Throws: `CoreError.cannotWrite` when it cannot be mapped.
  public func mapped() throws -> UnsafeRawBufferPointer {
    if mapping == nil {
      guard let start = mmap(nil, max(1, size), PROT_READ, MAP_SHARED, descriptor, 0), start != MAP_FAILED
      else {
        throw OutputFile.failure(errno, path: "a scratch file in \(folder)")
      }
      mapping = UnsafeRawPointer(start)
    }
    return UnsafeRawBufferPointer(start: mapping, count: size)
  }
}
