import Logging
import Synchronization

/// A flag that stops the work at its next strip or iteration; set from any thread or signal handler.
public final class CancellationFlag: Sendable {
  private let state = Atomic<Bool>(false)

  /// A flag that is not set.
  public init() {}

  /// Asks the work to stop.
  public func cancel() { state.store(true, ordering: .relaxed) }

  /// True once `cancel()` was called.
  public var isCancelled: Bool { state.load(ordering: .relaxed) }
}

/// Receives how far a phase of the work is.
public protocol ProgressReporter: Sendable {
  /// - Parameters:
  ///   - phase: what is being done, a few words.
  ///   - fraction: 0…1; 1 ends the phase.
  ///   - detail: a short figure to show beside it (objective, loss), or nil.
  func report(phase: String, fraction: Double, detail: String?)
}

extension ProgressReporter {
  /// Reports without a detail.
  public func report(phase: String, fraction: Double) {
    report(phase: phase, fraction: fraction, detail: nil)
  }
}

/// Shows nothing.
public struct SilentProgress: ProgressReporter {
  /// A reporter that shows nothing.
  public init() {}
  public func report(phase: String, fraction: Double, detail: String?) {}
}

/// A warning with a stable identifier (`W-ENVI-NOUNITS`).
public struct Warning: Hashable, Sendable, Codable {
  /// Stable identifier for scripts.
  public var identifier: String
  /// One line of plain English.
  public var message: String
}

/// Collects warnings for reports and passes each distinct one to the log once.
public final class WarningLog: Sendable {
  private let state = Mutex<(list: [Warning], seen: Set<Warning>)>(([], []))
  private let logger: Logger

  /// A collector that logs to `logger`.
  public init(logger: Logger) { self.logger = logger }

  /// Records a warning; repeats are ignored.
  public func warn(_ identifier: String, _ message: String) {
    let warning = Warning(identifier: identifier, message: message)
    let isNew = state.withLock { state in
      guard state.seen.insert(warning).inserted else { return false }
      state.list.append(warning)
      return true
    }
    if isNew { logger.warning("\(identifier): \(message)") }
  }

  /// The distinct warnings so far, in order.
  public var warnings: [Warning] { state.withLock { $0.list } }
}

/// What a run was started with, for records of how its results came about.
public struct Invocation: Sendable {
  /// The command line, program first, files of arguments expanded.
  public var arguments: [String]
  /// Files that arguments were read from; no output may replace them.
  public var files: [String]

  /// By default the command line of the process.
  public init(arguments: [String] = CommandLine.arguments, files: [String] = []) {
    self.arguments = arguments
    self.files = files
  }
}

/// What every long-running operation is given: threads, memory, seed, progress, cancellation, diagnostics.
public struct RunContext: Sendable {
  /// Worker threads.
  public var threads: Int
  /// How much memory the work may take.
  public var memory: MemoryBudget
  /// Seed of all random draws.
  public var seed: UInt64
  /// Progress display.
  public var progress: any ProgressReporter
  /// Set to stop.
  public var cancellation: CancellationFlag
  /// Diagnostics (`info`: inferred facts with their source).
  public var logger: Logger
  /// Warnings so far.
  public var warnings: WarningLog
  /// What the run was started with.
  public var invocation: Invocation
  /// How warnings spell the parameters that they name; by default as they are called here.
  public var spelling: @Sendable (String) -> String = { $0 }

  /// A context; by default silent, seed 0, 4 GiB, all cores.
  public init(
    threads: Int = RunContext.availableThreads, memory: MemoryBudget = MemoryBudget(bytes: 4 << 30),
    seed: UInt64 = 0, progress: any ProgressReporter = SilentProgress(),
    cancellation: CancellationFlag = CancellationFlag(),
    logger: Logger = Logger(label: "hsi") { _ in SwiftLogNoOpLogHandler() },
    invocation: Invocation = Invocation()
  ) {
    self.threads = threads
    self.memory = memory
    self.seed = seed
    self.progress = progress
    self.cancellation = cancellation
    self.logger = logger
    self.warnings = WarningLog(logger: logger)
    self.invocation = invocation
  }

  /// Throws `CoreError.cancelled` once cancellation was asked for.
  public func checkCancellation() throws {
    if cancellation.isCancelled { throw CoreError.cancelled }
  }

  /// Records a warning with a stable identifier.
  public func warn(_ identifier: String, _ message: String) {
    warnings.warn(identifier, spelled(message))
  }

  /// A message with the parameters that it names spelled as this run spells them.
  public func spelled(_ message: String) -> String { ParameterSpelling.spelled(message, by: spelling) }
}
