import Foundation
import Glibc
import Synchronization

/// A folder for files that are being made: nobody else can enter it or guess its name.
///
/// It lies beside the output, so that a finished file reaches its name by one rename, and goes with everything in it (side files of
/// drivers, too) when it is removed, when this value ends, or when `removeAll()` is called after an error or a signal. Its name is
/// `.NAME.HOST.PID.DRAW.part` with at most 64 bytes of NAME: after a `kill -9` it tells whose it was.
public final class UnfinishedFolder: Sendable {
  /// Where it is.
  public let path: String

  private static let open = Mutex(Set<String>())
  private static let longestName = 64

  /// Makes the folder.
  ///
  /// - Parameters:
  ///   - folder: in which it lies.
  ///   - name: of the file that is made in it.
  ///   - output: the file that the user asked for, for errors.
  /// - Throws: `CoreError.diskFull` (also without inodes), `.cannotWrite`.
  public init(in folder: String, for name: String, output: String) throws {
    for _ in 0..<100 {
      let draw = String(UInt64.random(in: .min ... .max), radix: 36)
      let path = folder + "/" + UnfinishedFolder.prefix(name) + "\(getpid()).\(draw).part"
      // Known before it exists, so that a signal finds it.
      UnfinishedFolder.open.withLock { _ = $0.insert(path) }
      if mkdir(path, 0o700) == 0 {
        self.path = path
        return
      }
      let code = errno
      UnfinishedFolder.open.withLock { _ = $0.remove(path) }
      guard code == EEXIST || code == EINTR else { throw OutputFile.failure(code, path: output) }
    }
    throw CoreError.cannotWrite(path: output, reason: "no name is free for a temporary folder in \(folder)")
  }

  deinit { remove() }

  /// Deletes the folder and what is in it.
  public func remove() {
    guard UnfinishedFolder.open.withLock({ $0.remove(path) }) != nil else { return }
    UnfinishedFolder.delete(path)
  }

  /// Deletes all folders of this process.
  static func removeAll() {
    let paths = open.withLock { paths in
      defer { paths = [] }
      return paths
    }
    for path in paths { delete(path) }
  }

  private static func delete(_ path: String) {
    // Empty after a rename, as a rule.
    if rmdir(path) != 0, errno != ENOENT { try? FileManager.default.removeItem(atPath: path) }
  }

  /// The name of this machine up to the first dot.
  public static let host = ProcessInfo.processInfo.hostName.split(separator: ".").first.map(String.init) ?? "host"

  /// `.NAME.HOST.`
  static func prefix(_ name: String) -> String {
    var (label, length) = ("", 0)
    for scalar in name.unicodeScalars {
      length += UTF8.width(scalar)
      guard length <= longestName else { break }
      label.unicodeScalars.append(scalar)
    }
    return ".\(label).\(host)."
  }

  /// Deletes what processes of this machine left in the folder of an output when they were killed.
  ///
  /// - Parameters:
  ///   - output: path of a file that they were making.
  ///   - isLeft: whether nobody needs the folder any more, by the name of the file that was made in it (its first 64 bytes) and the
  ///     number of the process that made it.
  public static func removeLeftovers(beside output: String, where isLeft: (String, pid_t) -> Bool) {
    let folder = URL(fileURLWithPath: output).deletingLastPathComponent().path
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] where name.hasPrefix(".") {
      guard let match = name.wholeMatch(of: /\.(.+)\.([^.]+)\.([0-9]+)\.[0-9a-z]+\.part/), match.2 == host,
        let owner = pid_t(match.3), isLeft(String(match.1), owner)
      else { continue }
      delete(folder + "/" + name)
    }
  }
}
