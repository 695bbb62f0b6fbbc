import Foundation
import Glibc
import HSICore

/// Size of an input, for estimates.
public struct SceneSize: Sendable {
  public var lines: Int
  public var samples: Int
  public var bands: Int
  /// Bytes of a sample as stored.
  public var sampleBytes: Int

  /// A size.
  public init(lines: Int, samples: Int, bands: Int, sampleBytes: Int) {
    (self.lines, self.samples, self.bands, self.sampleBytes) = (lines, samples, bands, sampleBytes)
  }

  /// Bytes of the whole in single precision.
  public var floatBytes: Int { lines * samples * bands * 4 }
}

/// What a job is expected to need: an upper bound of disk per item, and the memory that each item may take.
public struct PlanEstimate: Codable, Sendable {
  /// One item of the job.
  public struct Item: Codable, Sendable {
    public var index: Int
    public var input: String
    public var outputs: [String]
    /// Bytes on disk, or nil where the input cannot be measured.
    public var diskBytes: Int?
    /// Whether nothing is left to do for it.
    public var isDone: Bool

    private enum CodingKeys: String, CodingKey {
      case index, input, outputs
      case diskBytes = "disk_bytes"
      case isDone = "done"
    }
  }

  public var job: String
  public var steps: [String]
  public var total: Int
  public var done: Int
  /// Memory of one item at a time.
  public var memoryPerItemBytes: Int
  public var threadsPerItem: Int
  public var workers: Int
  /// Bytes that the items still to be done will take on disk, as far as known.
  public var diskBytes: Int
  /// Bytes free where the first output goes.
  public var diskFreeBytes: Int?
  public var items: [Item]

  private enum CodingKeys: String, CodingKey {
    case job, steps, total, done, workers, items
    case memoryPerItemBytes = "memory_per_item_bytes"
    case threadsPerItem = "threads_per_item"
    case diskBytes = "disk_bytes"
    case diskFreeBytes = "disk_free_bytes"
  }

  /// Estimates a plan.
  ///
  /// - Parameters:
  ///   - context: threads and memory of the whole run.
  ///   - measure: the size of an input, or nil where it cannot be opened.
  ///   - disk: bytes that a step writes for an input of a size.
  public init(
    _ plan: BatchPlan, _ status: BatchStatus, workers: Int, _ context: RunContext,
    measure: (String) -> SceneSize?, disk: (PlannedStep, SceneSize) -> Int
  ) {
    job = plan.job.path
    steps = plan.job.steps.map { $0.id + ": " + $0.command.joined(separator: " ") }
    total = plan.items.count
    done = status.count(.done)
    self.workers = workers
    memoryPerItemBytes = context.memory.bytes / workers
    threadsPerItem = max(1, context.threads / workers)
    // The windows of a raster are many, and it is one.
    var known: [String: SceneSize?] = [:]
    items = zip(plan.items, status.items).map { item, state in
      let path = plan.job.resolved(item.path)
      var size = known[path] ?? measure(path)
      known[path] = .some(size)
      if let window = item.window {
        size?.lines = window.lines
        size?.samples = window.samples
      }
      let bytes = size.map { size in item.steps.reduce(0) { $0 + disk($1, size) } }
      return Item(
        index: item.index, input: Secrets.masked(item.label),
        outputs: item.steps.flatMap(\.outputs).map(Secrets.masked), diskBytes: bytes,
        isDone: state.state == .done)
    }
    diskBytes = items.filter { !$0.isDone }.compactMap(\.diskBytes).reduce(0, +)
    if let output = plan.items.first?.steps.first?.outputs.first {
      diskFreeBytes = PlanEstimate.free(FilePaths.folder(plan.job.resolved(output)))
    }
  }

  /// Bytes that a user may still write in a folder, or in the nearest one above that exists.
  private static func free(_ folder: String) -> Int? {
    var folder = folder
    while !FileManager.default.fileExists(atPath: folder), folder != "/" { folder = FilePaths.folder(folder) }
    var info = statvfs()
    guard statvfs(folder, &info) == 0 else { return nil }
    return Int(info.f_bavail) * Int(info.f_frsize)
  }
}
