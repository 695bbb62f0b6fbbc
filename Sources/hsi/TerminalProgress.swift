import Foundation
import HSICore

/// Progress on standard error, as `--progress` and `HSI_PROGRESS` ask for it.
enum TerminalProgress {
  /// The display for a mode; without one, `HSI_PROGRESS` decides, then `auto`. `quiet` shows nothing.
  static func display(
    _ mode: ProgressMode?, quiet: Bool = false,
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) -> ProgressDisplay {
    let wanted = mode ?? environment["HSI_PROGRESS"].flatMap(ProgressMode.init(rawValue:)) ?? .auto
    let isTerminal = isatty(STDERR_FILENO) == 1 && environment["TERM"] != "dumb"
    let display = ProgressDisplay(
      mode: quiet ? .none : wanted, isTerminal: isTerminal, width: { columns }, write: writeToStandardError)
    if display.isLine {
      let timer = DispatchSource.makeTimerSource(queue: DispatchQueue(label: "hsi.progress"))
      timer.schedule(deadline: .now() + 0.5, repeating: 0.5)
      timer.setEventHandler { display.tick() }
      timer.resume()
      clock = timer
    }
    return display
  }

  /// Keeps the line of the display going as long as the process lives.
  nonisolated(unsafe) private static var clock: (any DispatchSourceTimer)?

  /// Stops the clock, so that a line that was wiped stays so.
  static func stop() { clock?.cancel() }

  private static var columns: Int {
    var size = winsize()
    guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }

  private static let writeToStandardError: @Sendable (String) -> Void = { text in
    FileHandle.standardError.write(Data(text.utf8))
  }
}
