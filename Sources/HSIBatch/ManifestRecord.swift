import Foundation

/// One line of the manifest: what happened to a step of an item.
public struct ManifestRecord: Codable, Sendable {
  /// What happened.
  public enum State: String, Codable, Sendable {
    /// The command was started.
    case running
    /// It ended well and its outputs are complete.
    case done
    /// It failed, for the last time.
    case failed
    /// It was stopped by a signal.
    case interrupted
  }

  /// A file that the step wrote.
  public struct Output: Codable, Sendable, Hashable {
    public var path: String
    /// Bytes; nil while the step runs.
    public var size: Int?
    /// Digest of the contents.
    public var sha256: String?
  }

  /// UTC, ISO 8601 with microseconds. For people: clocks go back and differ between machines.
  public var time: String
  /// Place in the order of records: above that of every record that the writer knew of. Nil in records of version 0.1, which come first.
  public var sequence: Int?
  public var item: String
  public var step: String
  public var state: State
  /// What the result depends on.
  public var fingerprint: String
  public var outputs: [Output]
  /// Whether the outputs are this job's to replace.
  public var owned: Bool
  /// 1 for the first try.
  public var attempt: Int
  /// Exit code; 128 + signal for a process that a signal ended.
  public var exit: Int?
  public var seconds: Double?
  /// Largest resident memory of the process.
  public var peakMemoryBytes: Int?
  /// The error line of a step that failed.
  public var message: String?

  private enum CodingKeys: String, CodingKey {
    case time, sequence, item, step, state, fingerprint, outputs, owned, attempt, exit, seconds, message
    case peakMemoryBytes = "peak_memory_bytes"
  }

  /// The present, as records write it.
  static func now() -> String { text(Date()) }

  static func text(_ date: Date) -> String {
    let microseconds = Int64((date.timeIntervalSince1970 * 1e6).rounded(.down))
    var seconds = time_t(microseconds / 1_000_000)
    var parts = tm()
    gmtime_r(&seconds, &parts)
    return String(
      format: "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
      parts.tm_hour, parts.tm_min, parts.tm_sec, Int(microseconds % 1_000_000))
  }
}
