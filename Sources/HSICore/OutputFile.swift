import Foundation
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

  private static let open = Mutex<Set<String>>([])

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
    let real = url.resolvingSymlinksInPath().path
    for input in inputs where URL(fileURLWithPath: input).resolvingSymlinksInPath().path == real {
      throw CoreError.cannotWrite(path: path, reason: "it is an input of this command")
    }
    if !overwrite, manager.fileExists(atPath: path) { throw CoreError.outputExists(path: path) }
    guard access(folder, W_OK) == 0 else {
      throw CoreError.cannotWrite(path: path, reason: "no permission to write in \(folder)")
    }
    finalPath = path
    temporaryPath = OutputFile.temporaryPath(for: path)
    OutputFile.open.withLock { _ = $0.insert(temporaryPath) }
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
    guard rename(temporaryPath, finalPath) == 0 else {
      let reason = String(cString: strerror(errno))
      discard()
      throw CoreError.cannotWrite(path: finalPath, reason: reason)
    }
    OutputFile.open.withLock { _ = $0.remove(temporaryPath) }
  }

  /// Deletes what was written so far.
  public func discard() {
    unlink(temporaryPath)
    OutputFile.open.withLock { _ = $0.remove(temporaryPath) }
  }

  /// Deletes every unfinished output of this process.
  public static func discardAll() {
    let paths = open.withLock { state in
      defer { state.removeAll() }
      return state
    }
    for path in paths { unlink(path) }
  }

  /// Writes `data` and commits in one step.
  public static func write(_ data: Data, to path: String, overwrite: Bool, inputs: [String] = []) throws {
    let file = try OutputFile(path, overwrite: overwrite, inputs: inputs)
    do {
      try data.write(to: URL(fileURLWithPath: file.temporaryPath))
    } catch {
      file.discard()
      let underlying = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
      if (underlying?.code ?? (error as NSError).code) == Int(ENOSPC) { throw CoreError.diskFull(path: path) }
      throw CoreError.cannotWrite(path: path, reason: error.localizedDescription)
    }
    try file.commit()
  }
}
