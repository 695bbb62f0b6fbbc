import Foundation
import HSIKit
import Synchronization

/// SIGINT, SIGTERM and SIGHUP (unless it is ignored, as under nohup): the work is asked to stop, unfinished outputs are deleted, and the process exits with
/// 128 + signal, at the latest after `grace` seconds. SIGUSR1: where the work stands, on standard error.
enum Interruption {
  /// Set when a signal arrived; every command runs under it.
  static let flag = CancellationFlag()
  /// How long a running strip or iteration may take to notice.
  static let grace = 4.0

  private static let received = Atomic<Int32>(0)
  nonisolated(unsafe) private static var sources: [any DispatchSourceSignal] = []

  /// Installs the handlers. A closed pipe on standard output ends the process quietly.
  static func install() {
    signal(SIGPIPE, SIG_DFL)
    // A file-size limit makes the write fail, which is reported like a full disk.
    signal(SIGXFSZ, SIG_IGN)
    let queue = DispatchQueue(label: "hsi.signals")
    // Who started the program with a hangup ignored means it to live on.
    let previous = signal(SIGHUP, SIG_IGN)
    let ignoresHangup = unsafeBitCast(previous, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
    for number in [SIGINT, SIGTERM] + (ignoresHangup ? [] : [SIGHUP]) {
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
      source.setEventHandler { handle(number, queue) }
      source.resume()
      sources.append(source)
    }
    signal(SIGUSR1, SIG_IGN)
    let source = DispatchSource.makeSignalSource(signal: SIGUSR1, queue: queue)
    source.setEventHandler { reportProgress() }
    source.resume()
    sources.append(source)
  }

  private static let display = Mutex<ProgressDisplay?>(nil)

  /// Names the display whose state SIGUSR1 prints.
  static func watch(_ display: ProgressDisplay) { self.display.withLock { $0 = display } }

  /// Wipes the line of the progress display, so that what follows starts on a clean one.
  static func clearLine() { display.withLock { $0 }?.clear() }

  private static func reportProgress() {
    let summary = display.withLock { $0?.summary } ?? ""
    Terminal.write(
      (summary.isEmpty ? "hsi: no phase is under way" : "hsi: " + summary.replacing("\n", with: "; ")) + "\n")
  }

  private static func handle(_ number: Int32, _ queue: DispatchQueue) {
    let first = received.compareExchange(expected: 0, desired: number, ordering: .relaxed).exchanged
    flag.cancel()
    if !first { exitNow() }
    queue.asyncAfter(deadline: .now() + grace) { exitNow() }
  }

  /// Deletes unfinished outputs and exits with the code of the signal received.
  static func exitNow() -> Never {
    OutputFile.discardAll(finishedToo: true)
    let number = received.load(ordering: .relaxed)
    // The terminal has written ^C, maybe behind a line of progress.
    Terminal.wipeLine()
    Terminal.write("hsi: error: \(number == SIGTERM ? "terminated" : number == SIGHUP ? "hung up" : "interrupted")\n")
    _exit(128 + (number == 0 ? SIGINT : number))
  }

  /// Stops the work as SIGTERM does.
  static func terminate() { handle(SIGTERM, .global()) }
}
