import Foundation
import Glibc
import Synchronization

/// A file that appears under its final name only when it is complete.
///
/// Work goes to `temporaryPath`, a file of the same name in a folder of its own beside the output (`UnfinishedFolder`: nobody can guess
/// its name or lay a link into it); `commit()` renames it, `discard()` deletes it. Unfinished files are also deleted by
/// `OutputFile.discardAll()`, which the command calls when it is interrupted. Only plain files are written and replaced: a device, a pipe
/// or a socket under the name is refused.
public final class OutputFile: Sendable {
  /// The name that the user asked for.
  public let finalPath: String
  /// Where to write until `commit()`; nothing is there yet.
  public let temporaryPath: String

  private let overwrites: Bool
  private let folder: UnfinishedFolder

  /// Final names of finished outputs that did not exist before.
  private static let new = Mutex(Set<String>())

  /// Prepares an output.
  ///
  /// - Parameters:
  ///   - path: final name.
  ///   - overwrite: whether an existing file may be replaced (it stays untouched until `commit()`).
  ///   - inputs: files that must not be overwritten; compared by real path.
  /// - Throws: `CoreError.outputExists`, `.outputIsInput`, `.cannotWrite`, `.diskFull`.
  public init(_ path: String, overwrite: Bool, inputs: [String] = []) throws {
    let url = URL(fileURLWithPath: path)
    let parent = url.deletingLastPathComponent().path
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: parent, isDirectory: &isFolder), isFolder.boolValue else {
      throw CoreError.cannotWrite(path: path, reason: "the folder \(parent) does not exist")
    }
    try OutputFile.requirePlain(path)
    guard !OutputFile.isInput(path, inputs) else { throw CoreError.outputIsInput(path: path) }
    if !overwrite, OutputFile.isTaken(path) { throw CoreError.outputExists(path: path) }
    guard access(parent, W_OK) == 0 else {
      throw CoreError.cannotWrite(path: path, reason: "no permission to write in \(parent)")
    }
    finalPath = path
    overwrites = overwrite
    folder = try UnfinishedFolder(in: parent, for: url.lastPathComponent, output: path)
    temporaryPath = folder.path + "/" + url.lastPathComponent
  }

  /// Whether a path is one of some files, by real path.
  public static func isInput(_ path: String, _ inputs: [String]) -> Bool {
    let real = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
    return inputs.contains { URL(fileURLWithPath: $0).resolvingSymlinksInPath().path == real }
  }

  /// Whether there is something under a name, be it a link that leads nowhere.
  private static func isTaken(_ path: String) -> Bool {
    var info = stat()
    return lstat(path, &info) == 0
  }

  /// Refuses what a rename would take away from the machine: devices, pipes, sockets, folders, and links to them.
  private static func requirePlain(_ path: String) throws {
    var info = stat()
    guard stat(path, &info) == 0, info.st_mode & S_IFMT != S_IFREG else { return }
    let kind =
      switch info.st_mode & S_IFMT {
      case S_IFDIR: "a folder"
      case S_IFIFO: "a pipe"
      case S_IFSOCK: "a socket"
      default: "a device"
      }
    throw CoreError.cannotWrite(path: path, reason: "it is \(kind)")
  }

  /// Creates the temporary file.
  ///
  /// - Throws: `CoreError.diskFull`, `.cannotWrite`.
  public func create() throws -> OutputBytes { try OutputBytes(creating: temporaryPath, for: finalPath) }

  /// Gives the finished file its final name; without `overwrite` a file that has appeared there meanwhile stays.
  ///
  /// - Throws: `CoreError.outputExists`, `.cannotWrite`, `.diskFull`; the work is discarded then.
  public func commit() throws {
    defer { discard() }
    var info = stat()
    guard lstat(temporaryPath, &info) == 0 else { throw OutputFile.failure(errno, path: finalPath) }
    guard info.st_mode & S_IFMT == S_IFREG else {
      throw CoreError.cannotWrite(path: finalPath, reason: "its temporary file was exchanged")
    }
    try OutputFile.requirePlain(finalPath)
    let isNew = !OutputFile.isTaken(finalPath)
    let code =
      overwrites
      ? (rename(temporaryPath, finalPath) == 0 ? 0 : errno) : FreeName.take(finalPath, for: temporaryPath)
    guard code != EEXIST else { throw CoreError.outputExists(path: finalPath) }
    guard code == 0 else { throw OutputFile.failure(code, path: finalPath) }
    if isNew { OutputFile.new.withLock { _ = $0.insert(finalPath) } }
  }

  /// Gives several finished files their final names: all of them, or none that replaces nothing.
  ///
  /// - Throws: as `commit()`.
  public static func commit(_ files: [OutputFile]) throws {
    var done: [OutputFile] = []
    do {
      for file in files {
        try file.commit()
        done.append(file)
      }
    } catch {
      for file in files { file.discard() }
      for file in done where OutputFile.new.withLock({ $0.remove(file.finalPath) }) != nil { unlink(file.finalPath) }
      throw error
    }
  }

  /// Gives a file that a driver has put beside the temporary one its place beside the output; where there is none, one of an older
  /// output of this name is deleted, because it would speak of another file.
  ///
  /// - Parameter suffix: what its name has behind that of the output, `.aux.xml`.
  /// - Returns: its final name; nil where there is none.
  /// - Throws: `CoreError.diskFull`, `.cannotWrite`.
  public func commitSidecar(_ suffix: String) throws -> String? {
    let (source, target) = (temporaryPath + suffix, finalPath + suffix)
    guard OutputFile.isTaken(source) else {
      unlink(target)
      return nil
    }
    // An output like any other, so that it goes when the rest of the work fails.
    let aside = try OutputFile(target, overwrite: true)
    guard rename(source, aside.temporaryPath) == 0 else { throw OutputFile.failure(errno, path: target) }
    try aside.commit()
    return target
  }

  /// Deletes what was written so far.
  public func discard() { folder.remove() }

  /// Deletes every unfinished output of this process.
  ///
  /// - Parameter finishedToo: also those that were finished since the start or the last `keepFinished()` and replaced
  ///   nothing, so that work that failed half-way leaves no part of its results.
  public static func discardAll(finishedToo: Bool = false) {
    UnfinishedFolder.removeAll()
    guard finishedToo else { return }
    let paths = new.withLock { paths in
      defer { paths = [] }
      return paths
    }
    for path in paths { unlink(path) }
  }

  /// Outputs finished so far stay, whatever fails later.
  public static func keepFinished() { new.withLock { $0 = [] } }

  /// Writes `data` under the temporary name.
  ///
  /// - Throws: `CoreError.diskFull`, `.cannotWrite`; nothing is left then.
  public func write(_ data: Data) throws {
    do {
      let bytes = try create()
      try data.withUnsafeBytes { try bytes.write($0) }
      try bytes.close()
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
