import Foundation
import Synchronization

/// How progress is shown.
public enum ProgressMode: String, Sendable, CaseIterable {
  /// A line that rewrites itself on a terminal; nothing elsewhere.
  case auto
  /// GDAL's dots, one line per phase, wherever they go.
  case bar
  /// One JSON object per line and second: `{"phase":"…","done":0.42,"eta_s":31}`.
  case json
  /// Nothing.
  case none
}

/// GDAL's progress text `0...10...20 … 100 - done.`, piece by piece.
public struct DotProgress: Sendable {
  private var tick = -1

  /// A bar at its beginning.
  public init() {}

  /// The text to append when the work has come to `fraction` (0…1); empty where there is nothing new. The text of
  /// fraction 1 ends the line.
  public mutating func advance(to fraction: Double) -> String {
    let target = fraction.isFinite ? Int(clamping: min(max(fraction, 0), 1) * 40) : 0
    var text = ""
    while tick < target {
      tick += 1
      text += tick % 4 == 0 ? "\(tick / 4 * 10)" : "."
      if tick == 40 { text += " - done.\n" }
    }
    return text
  }
}

/// Turns reports of progress into text for a terminal, a log or a program. Thread-safe.
public final class ProgressDisplay: ProgressReporter {
  private struct Phase {
    var start: Double
    var fraction = 0.0
    var detail: String?
    var dots = DotProgress()
    var lastShown = -Double.infinity
  }

  private struct State {
    var phases: [String: Phase] = [:]
    /// The phase whose line is open.
    var current: String?
    /// The phase that was completed last.
    var finished: String?
    /// Characters on the open line, to be wiped.
    var shown = 0
  }

  private let mode: ProgressMode
  private let width: @Sendable () -> Int
  private let clock: @Sendable () -> Double
  private let write: @Sendable (String) -> Void
  private let state = Mutex(State())
  private let began: Double

  /// A display.
  ///
  /// - Parameters:
  ///   - mode: style; `auto` shows nothing unless `isTerminal`.
  ///   - isTerminal: whether the text goes to a terminal that understands `\r`.
  ///   - width: columns of the terminal.
  ///   - clock: seconds from any origin, rising.
  ///   - write: where the text goes.
  public init(
    mode: ProgressMode, isTerminal: Bool, width: @escaping @Sendable () -> Int = { 80 },
    clock: @escaping @Sendable () -> Double = { ProcessInfo.processInfo.systemUptime },
    write: @escaping @Sendable (String) -> Void
  ) {
    self.mode = mode == .auto && !isTerminal ? .none : mode
    self.width = width
    self.clock = clock
    self.write = write
    began = clock()
  }

  /// Whether a line that rewrites itself is shown, which `tick` keeps going.
  public var isLine: Bool { mode == .auto }

  /// Redraws the line where nothing was reported for a second, so that time passes on it; from the second second on it says that
  /// there is work where no phase has reported. To be called about twice a second; does nothing in other styles.
  public func tick() {
    guard mode == .auto else { return }
    let now = clock()
    state.withLock { state in
      guard let (label, current) = state.phases.max(by: { ($0.value.start, $0.key) < ($1.value.start, $1.key) }) else {
        let elapsed = now - began
        if elapsed >= 2 { draw("working, \(ProgressDisplay.duration(elapsed)) so far", &state) }
        return
      }
      var phase = current
      guard now - phase.start >= 1, now - phase.lastShown >= 0.9 else { return }
      phase.lastShown = now
      draw(ProgressDisplay.line(label, phase.fraction, phase.detail, now - phase.start), &state)
      state.phases[label] = phase
    }
  }

  /// Replaces the open line.
  private func draw(_ line: String, _ state: inout State) {
    let text = line.prefix(max(20, width() - 1))
    write((state.shown > 0 ? "\r\u{1B}[K" : "") + text)
    state.shown = text.count
  }

  /// Whether what is written is for programs: one JSON object per line.
  public var isJSON: Bool { mode == .json }

  /// Draws how far the phase is, in the style of the display.
  public func report(phase label: String, fraction: Double, detail: String?) {
    let now = clock()
    let fraction = fraction.isFinite ? min(max(fraction, 0), 1) : 0
    // Names of files and variables are parts of both.
    let label = ControlCharacters.shown(label, keepsLines: false)
    let detail = detail.map { ControlCharacters.shown($0, keepsLines: false) }
    state.withLock { state in
      // Work that reports its last step and then its end is done once.
      if fraction == 1, state.finished == label, state.phases[label] == nil { return }
      state.finished = fraction == 1 ? label : nil
      var phase = state.phases[label] ?? Phase(start: now)
      if fraction < phase.fraction { phase = Phase(start: now) }
      phase.fraction = fraction
      phase.detail = detail
      switch mode {
      case .none: break
      case .json: showJSON(label, &phase, now)
      case .bar: showDots(label, &phase, &state)
      case .auto: showLine(label, &phase, &state, now)
      }
      state.phases[label] = fraction < 1 ? phase : nil
    }
  }

  /// Wipes an unfinished line, so that an error message starts on a clean one.
  public func clear() {
    state.withLock { state in
      if mode == .auto, state.shown > 0 { write("\r\u{1B}[K") }
      if mode == .bar, state.current != nil { write("\n") }
      state.shown = 0
      state.current = nil
    }
  }

  /// Where the work stands, in one line per unfinished phase (for SIGUSR1).
  public var summary: String {
    let now = clock()
    return state.withLock { state in
      state.phases.sorted { $0.value.start < $1.value.start }
        .map { ProgressDisplay.line($0.key, $0.value.fraction, $0.value.detail, now - $0.value.start) }
        .joined(separator: "\n")
    }
  }

  private func showJSON(_ label: String, _ phase: inout Phase, _ now: Double) {
    guard phase.fraction == 1 || now - phase.lastShown >= 1 else { return }
    phase.lastShown = now
    var text = "{\"phase\":\"\(ProgressDisplay.escaped(label))\","
    text += "\"done\":\(ProgressDisplay.decimal(phase.fraction))"
    if let eta = ProgressDisplay.remaining(phase.fraction, elapsed: now - phase.start) {
      text += ",\"eta_s\":\(Int(clamping: eta.rounded(.up)))"
    }
    if let detail = phase.detail { text += ",\"detail\":\"\(ProgressDisplay.escaped(detail))\"" }
    write(text + "}\n")
  }

  private func showDots(_ label: String, _ phase: inout Phase, _ state: inout State) {
    var text = ""
    if state.current != label {
      if state.current != nil { text += "\n" }
      text += label + ": "
      phase.dots = DotProgress()
      state.current = label
    }
    text += phase.dots.advance(to: phase.fraction)
    if phase.fraction == 1 { state.current = nil }
    if !text.isEmpty { write(text) }
  }

  /// The open line is redrawn ten times a second at most; a phase under half a second leaves no trace.
  private func showLine(_ label: String, _ phase: inout Phase, _ state: inout State, _ now: Double) {
    let elapsed = now - phase.start
    let isDone = phase.fraction == 1
    guard isDone || (elapsed >= 0.2 && now - phase.lastShown >= 0.1) else { return }
    phase.lastShown = now
    var text = state.shown > 0 ? "\r\u{1B}[K" : ""
    state.shown = 0
    if isDone {
      if elapsed >= 0.5 {
        let detail = phase.detail.map { ", \($0)" } ?? ""
        text += "\(label): done in \(ProgressDisplay.duration(elapsed))\(detail)\n"
      }
    } else {
      let line = ProgressDisplay.line(label, phase.fraction, phase.detail, elapsed).prefix(
        max(20, width() - 1))
      text += line
      state.shown = line.count
    }
    if !text.isEmpty { write(text) }
  }

  /// `reading: 42 %, objective 12.3, 0:31 left`; the time from the second second on.
  static func line(_ label: String, _ fraction: Double, _ detail: String?, _ elapsed: Double) -> String {
    var text = "\(label): \(Int(clamping: fraction * 100)) %"
    if let detail { text += ", \(detail)" }
    guard elapsed >= 2 else { return text }
    if let left = remaining(fraction, elapsed: elapsed) {
      text += ", \(duration(left)) left"
    } else {
      text += ", \(duration(elapsed)) so far"
    }
    return text
  }

  /// Seconds left if the rest goes like the beginning; nil while that cannot be told.
  static func remaining(_ fraction: Double, elapsed: Double) -> Double? {
    if fraction >= 1 { return 0 }
    guard fraction > 0.005, elapsed > 0 else { return nil }
    return elapsed * (1 - fraction) / fraction
  }

  /// `4.2 s`, `1:05 min`, `2:07 h`.
  public static func duration(_ seconds: Double) -> String {
    if seconds < 9.95 { return "\(Double(Int(clamping: (seconds * 10).rounded())) / 10) s" }
    let whole = Int(clamping: min(seconds, 1e9).rounded())
    func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
    if whole < 60 { return "\(whole) s" }
    if whole < 3600 { return "\(whole / 60):\(two(whole % 60)) min" }
    return "\(whole / 3600):\(two(whole % 3600 / 60)) h"
  }

  private static func decimal(_ fraction: Double) -> String { "\((fraction * 1000).rounded(.down) / 1000)" }

  private static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case let other where other.value < 0x20: result += " "
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
