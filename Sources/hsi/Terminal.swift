import Foundation
import Glibc
import HSIKit
import Logging
import Synchronization

/// Standard error: messages, logs, progress.
enum Terminal {
  /// True when standard error is a terminal.
  static let isInteractive = isatty(STDERR_FILENO) == 1

  /// Writes text as it is.
  static func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }

  /// Writes data to standard output, all of it.
  ///
  /// - Throws: `CoreError.diskFull`, `.cannotWrite` when it is not taken.
  static func output(_ text: String) throws {
    var left = Array(text.utf8)[...]
    while !left.isEmpty {
      let count = left.withUnsafeBytes { Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
      if count > 0 { left = left.dropFirst(count) }
      if count < 0, errno != EINTR { throw OutputFile.failure(errno, path: "standard output") }
    }
  }

  /// Writes what a job has to say to standard output.
  static func show(_ result: JobResult) throws { if let text = result.text { try output(text) } }

  /// One line that begins with `hsi: error:`.
  static func error(_ message: String) {
    write("hsi: error: " + message.replacingOccurrences(of: "\n", with: " ") + "\n")
  }
}

/// Log lines on standard error: `hsi: warning: W-WL-COUNT: …`, or JSON objects with `HSI_LOG_FORMAT=json`.
struct TerminalLogHandler: LogHandler {
  var metadata: Logger.Metadata = [:]
  var logLevel: Logger.Level
  let isJSON: Bool

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    if isJSON {
      let object = ["level": event.level.rawValue, "message": event.message.description]
      if let data = try? JSONSerialization.data(withJSONObject: object, options: [.sortedKeys]) {
        Terminal.write(String(decoding: data, as: UTF8.self) + "\n")
      }
    } else {
      let level = event.level == .info || event.level == .notice ? "" : "\(event.level.rawValue): "
      Terminal.write("hsi: \(level)\(event.message)\n")
    }
  }
}
