import HSICore
import HSITransformer

extension TrainingOutcome {
  /// Warns of a run that stopped at its time limit; says what its file holds, and that it can go on.
  ///
  /// - Parameter path: the file of what was best so far; nil where there is none yet.
  func warnIfStopped(_ path: String?, _ context: RunContext) {
    guard !isComplete else { return }
    let held = path.map { ": \($0) is what was best so far" } ?? ", before anything was judged"
    context.warn(
      "W-STOPPED", "stopped after \(record.step) of \(steps) steps\(held); \(option: "resume") goes on")
  }
}
