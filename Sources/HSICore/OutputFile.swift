import Foundation
import Glibc
import Synchronization

/// A file that appears under its final name only when it is complete.
///
/// Work goes to `temporaryPath` in the same folder (`.NAME.HOST.PID.part`, with the extension kept where a driver
/// goes by it); `commit()` renames it, `discard()` deletes it. Unfinished files are also deleted by
/// `OutputFile.discardAll()`, which the command calls when it is interrupted.
public final class OutputFile: Sendable {
  /// The name that the user asked for.
  public let finalPath: String
  /// Where to write until `commit()`.
  public let temporaryPath: String

  private struct Files {
    /// Temporary names of outputs that are being written.
    var open = Set<String>()
    /// Final names of finished outputs that did not exist before.
    var new = Set<String>()
  }

  private static let files = Mutex(Files())

  /// Prepares an output.
  ///
  /// - Parameters:
  ///   - path: final name.
  ///   - overwrite: whether an existing file may be replaced (it stays untouched until `commit()`).
  ///   - inputs: files that must not be overwritten; compared by real path.
  /// - Throws: `CoreError.outputExists`, `CoreError.cannotWrite`.
  public init(_ path: String, overwrite: Bool, inputs: [String] = []) throws {
    let url = URL(fileURLWithPath: path)
    let folder = url.deletingLastPathComponent().path
    var isFolder: ObjCBool = false
    let manager = FileManager.default
    guard manager.fileExists(atPath: folder, isDirectory: &isFolder), isFolder.boolValue else {
      throw CoreError.cannotWrite(path: path, reason: "the folder \(folder) does not exist")
    }
    if manager.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue {
      throw CoreError.cannotWrite(path: path, reason: "it is a folder")
    }
    guard !OutputFile.isInput(path, inputs) else { throw CoreError.outputIsInput(path: path) }
    if !overwrite, manager.fileExists(atPath: path) { throw CoreError.outputExists(path: path) }
    guard access(folder, W_OK) == 0 else {
      throw CoreError.cannotWrite(path: path, reason: "no permission to write in \(folder)")
    }
    finalPath = path
    temporaryPath = OutputFile.temporaryPath(for: path)
    OutputFile.files.withLock { _ = $0.open.insert(temporaryPath) }
  }

  /// Whether a path is one of some files, by real path.
  public static func isInput(_ path: String, _ inputs: [String]) -> Bool {
    let real = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
    return inputs.contains { URL(fileURLWithPath: $0).resolvingSymlinksInPath().path == real }
  }

  /// `.NAME.HOST.PID.part`, followed by the extension of `path` if it has one.
  static func temporaryPath(for path: String) -> String {
    let url = URL(fileURLWithPath: path)
    let host = ProcessInfo.processInfo.hostName.split(separator: ".").first.map(String.init) ?? "host"
    let suffix = url.pathExtension.isEmpty ? "" : "." + url.pathExtension
    let name = ".\(url.lastPathComponent).\(host).\(ProcessInfo.processInfo.processIdentifier).part\(suffix)"
    return url.deletingLastPathComponent().appendingPathComponent(name).path
  }

  /// Gives the finished file its final name.
  public func commit() throws {
    let isNew = access(finalPath, F_OK) != 0
    guard rename(temporaryPath, finalPath) == 0 else {
      let code = errno
      discard()
      throw OutputFile.failure(code, path: finalPath)
    }
    OutputFile.files.withLock { files in
      files.open.remove(temporaryPath)
      if isNew { files.new.insert(finalPath) }
    }
  }

  /// Deletes what was written so far.
  public func discard() {
    unlink(temporaryPath)
    OutputFile.files.withLock { _ = $0.open.remove(temporaryPath) }
  }

  /// Deletes every unfinished output of this process.
  ///
  /// - Parameter finishedToo: also those that were finished since the start or the last `keepFinished()` and replaced
  ///   nothing, so that work that failed half-way leaves no part of its results.
  public static func discardAll(finishedToo: Bool = false) {
    let paths = files.withLock { files in
      let paths = finishedToo ? files.open.union(files.new) : files.open
      files.open = []
      if finishedToo { files.new = [] }
      return paths
    }
    for path in paths { unlink(path) }
  }

  /// Outputs finished so far stay, whatever fails later.
  public static func keepFinished() { files.withLock { $0.new = [] } }

  /// Writes `data` under the temporary name.
  ///
  /// - Throws: `CoreError.diskFull`, `.cannotWrite`; nothing is left then.
  public func write(_ data: Data) throws {
    do {
      let descriptor = Glibc.open(temporaryPath, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
      guard descriptor >= 0 else { throw OutputFile.failure(errno, path: finalPath) }
      var code: Int32 = 0
      data.withUnsafeBytes { bytes in
        var done = 0
        while let base = bytes.baseAddress, done < bytes.count, code == 0 {
          let step = Glibc.write(descriptor, base + done, bytes.count - done)
          if step > 0 {
            done += step
          } else if step == 0 {
            code = ENOSPC
          } else if errno != EINTR {
            code = errno
          }
        }
      }
      if close(descriptor) != 0, code == 0 { code = errno }
      guard code == 0 else { throw OutputFile.failure(code, path: finalPath) }
    } catch {
      discard()
      throw error
    }
  }

  /// Writes `data` and commits in one step.
  public static func write(_ data: Data, to path: String, overwrite: Bool, inputs: [String] = []) throws {
    let file = try OutputFile(path, overwrite: overwrite, inputs: inputs)
    try file.write(data)
    try file.commit()
  }

  /// The error for a failed system call: a full disk, an exhausted quota or a file-size limit, or what it says.
  public static func failure(_ code: Int32, path: String) -> CoreError {
    if [ENOSPC, EDQUOT, EFBIG].contains(code) { return .diskFull(path: path) }
    return .cannotWrite(path: path, reason: String(cString: strerror(code)))
  }
}
