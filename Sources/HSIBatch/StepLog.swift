import Foundation
import Glibc
import HSICore

/// The log of an item: what its commands print, with a line before and after each.
final class StepLog {
  let descriptor: Int32

  /// Opens the log for appending.
  ///
  /// - Throws: `CoreError.cannotWrite`, `.diskFull`.
  init(_ path: String) throws {
    descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw OutputFile.failure(errno, path: path) }
  }

  deinit { close(descriptor) }

  func begin(_ step: String, attempt: Int, _ line: [String]) {
    let time = ManifestRecord.now().prefix(19)
    write("== \(time)Z \(step), try \(attempt): \(Secrets.commandLine(line))\n")
  }

  func end(_ exit: Int) { write("== exit \(exit)\n") }

  /// A log that cannot take a line (the disk is full) is no reason to stop the work.
  private func write(_ text: String) {
    let bytes = Array(text.utf8)
    _ = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
  }

  /// The last lines of a log, at most 64 KiB.
  static func tail(_ path: String, lines: Int) -> [String] {
    guard let file = FileHandle(forReadingAtPath: path) else { return [] }
    defer { try? file.close() }
    guard let size = try? file.seekToEnd(), (try? file.seek(toOffset: size - min(size, 64 << 10))) != nil,
      let data = try? file.readToEnd()
    else { return [] }
    return String(decoding: data, as: UTF8.self).split(separator: "\n").suffix(lines)
      .map { Secrets.masked(String($0)) }
  }

  /// The error line of the command that ended last.
  static func message(_ path: String, exit: Int) -> String {
    let lines = tail(path, lines: 50)
    let begin = lines.lastIndex { $0.hasPrefix("== ") && !$0.hasPrefix("== exit") } ?? -1
    let own = lines.suffix(from: begin + 1).filter { !$0.hasPrefix("== ") }
    let prefix = "hsi: error: "
    if let line = own.last(where: { $0.hasPrefix(prefix) }) { return String(line.dropFirst(prefix.count)) }
    if exit > 128 {
      return "ended by signal \(exit - 128)" + (exit == 137 ? " (killed; out of memory?)" : "")
    }
    return own.last ?? "exit \(exit)"
  }
}
