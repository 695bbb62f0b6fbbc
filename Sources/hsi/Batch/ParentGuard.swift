import Foundation
import HSIKit

/// Keeps a step of `hsi batch` from outliving its run: it stops, as by SIGTERM, when the process that started it is gone.
enum ParentGuard {
  nonisolated(unsafe) private static var timer: (any DispatchSourceTimer)?

  /// Looks four times a second; does nothing in a process that is no step.
  static func install() {
    guard let parent = ParentWatch.parent(ProcessInfo.processInfo.environment) else { return }
    let timer = DispatchSource.makeTimerSource(queue: DispatchQueue(label: "hsi.parent"))
    timer.schedule(deadline: .now(), repeating: 0.25)
    timer.setEventHandler {
      guard getppid() != parent else { return }
      self.timer?.cancel()
      Interruption.terminate()
    }
    self.timer = timer
    timer.resume()
  }
}
