import Foundation
import HSICore

/// Where a job stands, from what is recorded and on disk; nothing is changed by looking.
public struct BatchStatus: Codable, Sendable {
  /// Where an item stands.
  public enum State: String, Codable, Sendable, CaseIterable {
    /// All steps are done and their outputs are as recorded.
    case done
    /// A step failed.
    case failed
    /// A process works on it.
    case running
    /// A process was stopped or lost while it worked on it.
    case interrupted
    /// Done, but options, inputs, weights or version changed since, or outputs are missing.
    case outdated
    /// Not begun.
    case pending
  }

  /// A step of an item.
  public struct Step: Codable, Sendable {
    public var id: String
    public var state: State
    public var outputs: [String]
    public var seconds: Double?
    public var exit: Int?
    public var attempts: Int?
    public var peakMemoryBytes: Int?
    public var message: String?

    private enum CodingKeys: String, CodingKey {
      case id, state, outputs, seconds, exit, attempts, message
      case peakMemoryBytes = "peak_memory_bytes"
    }
  }

  /// An item.
  public struct Item: Codable, Sendable {
    public var index: Int
    public var id: String
    public var input: String
    public var state: State
    public var steps: [Step]
    /// Who works on it, `HOST PID`.
    public var worker: String?
    public var log: String
  }

  /// The job file.
  public var job: String
  public var total: Int
  /// Items by state; all states are there.
  public var counts: [String: Int]
  /// Time that finished steps took, summed.
  public var computeSeconds: Double
  /// Mean time of an item that is done.
  public var secondsPerItem: Double?
  /// Lines of the manifest that cannot be read.
  public var damagedLines: Int
  public var items: [Item]
  /// Tasks of Slurm arrays by state, where Slurm can be asked.
  public var slurm: [SlurmJobState]?

  private enum CodingKeys: String, CodingKey {
    case job, total, counts, items, slurm
    case computeSeconds = "compute_s"
    case secondsPerItem = "seconds_per_item"
    case damagedLines = "damaged_lines"
  }

  /// Looks at a job.
  ///
  /// - Parameters:
  ///   - version: of hsi; results of another one are outdated.
  ///   - seed: as the job would be run.
  ///   - trustsRecords: whether a record says all, without a look at inputs and outputs (thousands of tasks that end at
  ///     the same time should not ask a file server for every file of the job).
  public init(_ plan: BatchPlan, version: String, seed: String, trustsRecords: Bool = false) {
    let files = BatchFiles(plan.job)
    let manifest = Manifest(folder: files.manifest)
    manifest.refresh()
    let claims = Claims(folder: files.claims)
    let claimed = Set((try? FileManager.default.contentsOfDirectory(atPath: files.claims)) ?? [])
    let fingerprints = Fingerprints(plan.job, plan.catalogue, version: version, seed: seed)
    let outputs = OutputCheck(job: plan.job)
    job = plan.job.path
    total = plan.items.count
    damagedLines = manifest.damagedLines
    var counts: [State: Int] = [:]
    var list: [Item] = []
    var finished: [Double] = []
    computeSeconds = 0
    for item in plan.items {
      let holder = claimed.contains(item.id) ? claims.holder(of: item.id) : nil
      let wanted = trustsRecords ? [:] : fingerprints.of(item)
      let steps = item.steps.map { step in
        let record = manifest.record(item.id, step.id)
        let isCurrent =
          trustsRecords || outputs.isCurrent(record, fingerprint: wanted[step.id], verifies: false)
        return Step(
          id: step.id, state: BatchStatus.state(record, isCurrent, isHeld: holder != nil),
          outputs: step.outputs.map(Secrets.masked),
          seconds: record?.seconds, exit: record?.exit, attempts: record?.attempt,
          peakMemoryBytes: record?.peakMemoryBytes, message: record?.message.map(Secrets.masked))
      }
      let states = Set(steps.map(\.state))
      let order: [State] = [.failed, .interrupted, .outdated]
      var state = order.first(where: states.contains) ?? (states == [.done] || states.isEmpty ? .done : .pending)
      if holder != nil { state = .running }
      if state == .pending, states.contains(.done) { state = .interrupted }
      counts[state, default: 0] += 1
      let seconds = BatchStatus.sum(steps)
      computeSeconds += seconds
      if state == .done { finished.append(seconds) }
      list.append(
        Item(
          index: item.index, id: item.id, input: Secrets.masked(item.label), state: state, steps: steps,
          worker: holder.map { "\($0.worker.host) \($0.worker.pid)" }, log: "logs/\(item.id).log"))
    }
    items = list
    secondsPerItem = finished.isEmpty ? nil : finished.reduce(0, +) / Double(finished.count)
    self.counts = Dictionary(uniqueKeysWithValues: State.allCases.map { ($0.rawValue, counts[$0] ?? 0) })
  }

  /// Time of all steps, in milliseconds' precision.
  static func sum(_ steps: [Step]) -> Double {
    (steps.compactMap(\.seconds).reduce(0, +) * 1000).rounded() / 1000
  }

  private static func state(_ record: ManifestRecord?, _ isCurrent: Bool, isHeld: Bool) -> State {
    guard let record else { return .pending }
    switch record.state {
    case .done: return isCurrent ? .done : .outdated
    case .failed: return .failed
    case .running: return isHeld ? .running : .interrupted
    case .interrupted: return .interrupted
    }
  }

  /// Items in a state.
  public func count(_ state: State) -> Int { counts[state.rawValue] ?? 0 }
}

/// What `NAME.report.json` holds: counts, times, and the failures with the ends of their logs.
public struct BatchReport: Codable, Sendable {
  /// A step that failed, and the end of its log.
  public struct Failure: Codable, Sendable {
    public var index: Int
    public var input: String
    public var step: String
    public var exit: Int?
    public var attempts: Int?
    public var message: String?
    public var log: String
    /// Last lines of the log.
    public var logTail: [String]

    private enum CodingKeys: String, CodingKey {
      case index, input, step, exit, attempts, message, log
      case logTail = "log_tail"
    }
  }

  /// A finished item.
  public struct Done: Codable, Sendable {
    public var index: Int
    public var input: String
    public var outputs: [String]
    public var seconds: Double
    public var peakMemoryBytes: Int?

    private enum CodingKeys: String, CodingKey {
      case index, input, outputs, seconds
      case peakMemoryBytes = "peak_memory_bytes"
    }
  }

  /// Version of this layout.
  public var version = "1.0"
  public var job: String
  public var hsi: String
  /// When it was written, ISO 8601, UTC.
  public var written: String
  public var total: Int
  public var counts: [String: Int]
  public var computeSeconds: Double
  public var secondsPerItem: Double?
  public var failures: [Failure]
  public var done: [Done]

  private enum CodingKeys: String, CodingKey {
    case version, job, hsi, written, total, counts, failures, done
    case computeSeconds = "compute_s"
    case secondsPerItem = "seconds_per_item"
  }

  /// The report of a job as it stands.
  public init(_ status: BatchStatus, _ job: BatchJob, version: String) {
    self.job = status.job
    hsi = version
    written = ManifestRecord.now()
    total = status.total
    counts = status.counts
    computeSeconds = status.computeSeconds
    secondsPerItem = status.secondsPerItem
    failures = status.items.flatMap { item in
      item.steps.filter { $0.state == .failed }.map { step in
        Failure(
          index: item.index, input: item.input, step: step.id, exit: step.exit, attempts: step.attempts,
          message: step.message, log: item.log,
          logTail: StepLog.tail(job.resolved(item.log), lines: 20))
      }
    }
    done = status.items.filter { $0.state == .done }.map { item in
      Done(
        index: item.index, input: item.input, outputs: item.steps.flatMap(\.outputs),
        seconds: BatchStatus.sum(item.steps),
        peakMemoryBytes: item.steps.compactMap(\.peakMemoryBytes).max())
    }
  }

  /// Writes the report beside the job file, replacing that of an earlier run.
  ///
  /// - Returns: its path.
  /// - Throws: `CoreError.cannotWrite`, `.diskFull`.
  @discardableResult
  public func write(_ job: BatchJob) throws -> String {
    let path = BatchFiles(job).report
    try OutputFile.write(try BatchJSON.data(self), to: path, overwrite: true)
    return path
  }
}

/// JSON as the room writes it.
public enum BatchJSON {
  /// Sorted keys, indented, plain slashes, a final line break.
  public static func data(_ value: some Encodable) throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    var data = try encoder.encode(value)
    data.append(0x0A)
    return data
  }
}
