import Foundation
import Glibc
import HSIKit
import Logging
import Synchronization

/// Standard error: messages, logs, progress.
enum Terminal {
  /// True when standard error is a terminal.
  static let isInteractive = isatty(STDERR_FILENO) == 1

  /// Writes text without secrets, control characters of names and files shown as escapes.
  static func write(_ text: String) {
    FileHandle.standardError.write(Data(ControlCharacters.shown(Secrets.masked(text)).utf8))
  }

  /// One line that begins with `hsi:`.
  static func note(_ text: String) { write("hsi: " + ControlCharacters.shown(text, keepsLines: false) + "\n") }

  /// Goes back to the start of a line on which the terminal may have written, and wipes it.
  static func wipeLine() { if isInteractive { FileHandle.standardError.write(Data("\r\u{1B}[K".utf8)) } }

  /// Writes data to standard output, all of it, control characters as escapes (which JSON knows).
  ///
  /// - Throws: `CoreError.diskFull`, `.cannotWrite` when it is not taken.
  static func output(_ text: String) throws {
    Interruption.clearLine()
    let bytes = Array(ControlCharacters.shown(text).utf8)
    try bytes.withUnsafeBytes { try OutputBytes.write($0, to: STDOUT_FILENO, for: "standard output") }
  }

  /// Writes what a job has to say to standard output.
  static func show(_ result: JobResult) throws { if let text = result.text { try output(text) } }

  /// The same, and one line on standard error: what was chosen, the figure that matters, what was written, the time since
  /// the command began. Silent where warnings are.
  static func finish(_ result: JobResult, _ context: RunContext) throws {
    try show(result)
    guard let summary = result.summary, context.logger.logLevel <= .warning else { return }
    let display = context.progress as? ProgressDisplay
    display?.clear()
    var parts = [summary]
    if let first = result.outputs.first {
      let more = result.outputs.count - 1
      parts.append(
        "wrote \(first.path)" + (more > 0 ? " and \(more) more file\(more == 1 ? "" : "s")" : ""))
    }
    let (seconds, attoseconds) = (ContinuousClock.now - HSICommand.started).components
    parts.append(ProgressDisplay.duration(Double(seconds) + Double(attoseconds) * 1e-18))
    var logger = context.logger
    if display?.isJSON ?? false {
      logger = Logger(label: "hsi") { _ in TerminalLogHandler(logLevel: .notice, isJSON: true) }
    }
    logger.logLevel = .notice
    logger.notice("\(parts.joined(separator: "; "))")
  }

  /// One line that begins with `hsi: error:`.
  static func error(_ message: String) {
    Interruption.clearLine()
    note("error: " + message)
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
    Interruption.clearLine()
    if isJSON {
      let message = Secrets.masked(event.message.description)
      let object = ["level": event.level.rawValue, "message": message]
      if let data = try? JSONSerialization.data(withJSONObject: object, options: [.sortedKeys]) {
        Terminal.write(String(decoding: data, as: UTF8.self) + "\n")
      }
    } else {
      let level = event.level == .info || event.level == .notice ? "" : "\(event.level.rawValue): "
      Terminal.note(level + event.message.description)
    }
  }
}
