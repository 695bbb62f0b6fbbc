import Foundation
import HSICore

/// How a job is run; the room itself reads neither environment nor command line.
public struct BatchSettings: Sendable {
  /// Items worked on at once; threads and memory of the context are divided between them.
  public var workers = 1
  /// The part of the items to run; nil for all.
  public var shard: Shard?
  /// The stage whose items are run, from 0; nil for all, one after the other.
  public var stage: Int?
  /// Run finished items again.
  public var isForced = false
  /// Run only items that failed.
  public var onlyFailed = false
  /// Compare the contents of finished outputs with their digests before they are left alone.
  public var verifies = false
  /// Replace outputs that this job did not make.
  public var overwrites = false
  /// Seed for every step that draws random numbers: a number, or `random`.
  public var seed: String
  /// The program whose commands the steps are.
  public var executable: String
  /// Its version; another one makes results outdated.
  public var version: String
  /// Options for every step that knows them, `--name=value`.
  public var commonOptions: [String] = []
  /// Seconds between renewals of a claim, and after which one that was not renewed is void.
  var claimTimes = (heartbeat: 30.0, stale: 300.0)
  /// Seconds before the second try of a step; doubled for each further one.
  var retryPause = 0.5

  /// - Parameters:
  ///   - executable: the `hsi` that steps run.
  ///   - version: its version, part of every fingerprint.
  ///   - seed: the seed of steps whose job names none.
  public init(executable: String, version: String, seed: String = "0") {
    (self.executable, self.version, self.seed) = (executable, version, seed)
  }
}

/// What happened while a job ran.
public enum BatchEvent: Sendable {
  /// An item is done; `wasDone` when there was nothing to do.
  case done(BatchItem, seconds: Double, wasDone: Bool)
  /// A step of an item failed for the last time.
  case failed(BatchItem, step: String, exit: Int, message: String, log: String)
  /// All that is left is being worked on by other processes.
  case waiting(items: Int)
  /// Lines of the manifest that cannot be read.
  case damagedManifest(lines: Int)
}

/// What a run came to, counted in items.
public struct BatchOutcome: Sendable, Equatable {
  /// Items of the part that was to be run.
  public var total = 0
  /// Done now or before.
  public var done = 0
  /// Of those, done before.
  public var skipped = 0
  public var failed = 0
  /// Not begun because `on_error: stop` ended the run, or items that they join failed.
  public var left = 0
}
