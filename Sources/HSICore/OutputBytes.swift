import Glibc

/// The bytes of a file that is being made: each of them reaches the system, or an error says why not.
///
/// Calls that a signal interrupts or that take a part only are gone on with. Every writer of the package that is not a library of
/// others writes through it.
public final class OutputBytes {
  private var descriptor: Int32
  private let output: String

  /// Creates a file that must not exist, without following a link.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - output: its name for errors.
  /// - Throws: `CoreError.diskFull`, `.cannotWrite`.
  public init(creating path: String, for output: String) throws {
    self.output = output
    descriptor = -1
    repeat {
      descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o666)
    } while descriptor < 0 && errno == EINTR
    guard descriptor >= 0 else { throw OutputFile.failure(errno, path: output) }
  }

  deinit { if descriptor >= 0 { Glibc.close(descriptor) } }

  /// Writes bytes behind those before them, or at an offset.
  ///
  /// - Throws: `CoreError.diskFull`, `.cannotWrite`.
  public func write(_ bytes: UnsafeRawBufferPointer, at offset: Int? = nil) throws {
    try OutputBytes.write(bytes, to: descriptor, at: offset, for: output)
  }

  /// Writes an array of bytes behind those before them.
  ///
  /// - Throws: `CoreError.diskFull`, `.cannotWrite`.
  public func write(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try write($0) } }

  /// Ends the file; with `synchronised` the disk has all of it then, so that a name never stands for what a power cut emptied.
  ///
  /// - Throws: `CoreError.diskFull`, `.cannotWrite`, as systems may notice only now.
  public func close(synchronised: Bool = false) throws {
    guard descriptor >= 0 else { return }
    var code: Int32 = 0
    if synchronised {
      repeat { code = fsync(descriptor) == 0 ? 0 : errno } while code == EINTR
      // What is no disk cannot be asked to.
      if code == EINVAL || code == EROFS { code = 0 }
    }
    // After EINTR the descriptor is gone as well.
    let closed = Glibc.close(descriptor) == 0 || errno == EINTR ? 0 : errno
    descriptor = -1
    if code == 0 { code = closed }
    guard code == 0 else { throw OutputFile.failure(code, path: output) }
  }

  /// Writes all bytes to an open file, at an offset where one is given.
  ///
  /// - Throws: `CoreError.diskFull`, `.cannotWrite`.
  public static func write(
    _ bytes: UnsafeRawBufferPointer, to descriptor: Int32, at offset: Int? = nil, for output: String
  ) throws {
    var done = 0
    while let base = bytes.baseAddress, done < bytes.count {
      let step =
        if let offset {
          pwrite(descriptor, base + done, bytes.count - done, off_t(offset + done))
        } else {
          Glibc.write(descriptor, base + done, bytes.count - done)
        }
      if step > 0 {
        done += step
      } else if step == 0 {
        throw OutputFile.failure(ENOSPC, path: output)
      } else if errno != EINTR {
        throw OutputFile.failure(errno, path: output)
      }
    }
  }
}
