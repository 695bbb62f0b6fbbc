import Foundation
import Synchronization

@testable import HSIBatch
@testable import HSICore

/// A folder with a job, and a shell script in place of `hsi` whose commands copy their inputs to their output.
///
/// `work IN… OUT`: fails with code 3 when an input holds `broken`, with 1 on the first try when it holds `once`, kills
/// itself on the first try when it holds `killed`; waits as long as `--wait` says. Every call is noted in `calls`.
final class BatchWorkplace: Sendable {
  let url: URL

  /// In the sources: a script that was just written cannot always be run while other threads start processes.
  static let tool = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
    "Support/tool.sh"
  ).path

  init() throws {
    url = FileManager.default.temporaryDirectory.appendingPathComponent("hsi-batch-" + UUID().uuidString)
      .resolvingSymlinksInPath()
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  func path(_ name: String) -> String { url.appendingPathComponent(name).path }

  func write(_ name: String, _ text: String) throws {
    let file = url.appendingPathComponent(name)
    try FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: file)
  }

  func text(_ name: String) -> String? { try? String(contentsOfFile: path(name), encoding: .utf8) }

  func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path(name)) }

  /// Names in a folder, hidden ones included.
  func names(_ folder: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: path(folder))) ?? []).sorted()
  }

  /// Calls of the script so far: `OUT try` per line.
  var calls: [String] { (text("calls") ?? "").split(separator: "\n").map(String.init) }

  func job(_ text: String, name: String = "job.yml") throws -> BatchJob {
    try write(name, text)
    return try BatchJob(path: path(name))
  }

  func plan(_ text: String) throws -> BatchPlan { try BatchPlan(job(text), BatchWorkplace.catalogue) }

  func settings() -> BatchSettings {
    var settings = BatchSettings(executable: BatchWorkplace.tool, version: "test 1")
    settings.retryPause = 0.01
    return settings
  }

  /// All records, in the order of their files.
  func records(_ name: String = "job") -> [ManifestRecord] {
    names(name + ".manifest").flatMap { file in
      (text("\(name).manifest/\(file)") ?? "").split(separator: "\n").compactMap {
        try? JSONDecoder().decode(ManifestRecord.self, from: Data($0.utf8))
      }
    }
  }

  /// A job of one step over `in/*`.
  static let simple = """
    version: 1
    inputs: ["in/*"]
    output: "out/{stem}"
    steps:
      - { id: a, run: work, out: "{output}.txt" }
    """

  static let catalogue = CommandCatalogue([
    CommandCatalogue.Command(
      words: ["work"], arguments: ["in", "out"], takesMore: true,
      options: [
        .init(name: "wait"), .init(name: "text"), .init(name: "set", isRepeating: true),
        .init(name: "fast", isFlag: true), .init(name: "overwrite", isFlag: true), .init(name: "threads"),
        .init(name: "memory"), .init(name: "seed"), .init(name: "weights", role: .model),
        .init(name: "library", role: .input), .init(name: "report", role: .output),
        .init(name: "config", isRepeating: true),
      ]),
    CommandCatalogue.Command(words: ["deep", "work"], arguments: ["in", "out"], options: []),
  ])
}

/// Runs a job and collects what is told.
func runBatch(
  _ plan: BatchPlan, _ settings: BatchSettings, threads: Int = 2,
  cancellation: CancellationFlag = CancellationFlag()
) throws -> (outcome: BatchOutcome, events: [String]) {
  let events = Mutex<[String]>([])
  let context = RunContext(threads: threads, memory: MemoryBudget(bytes: 1 << 30), cancellation: cancellation)
  let runner = BatchRunner(plan, settings, context) { event in
    let text =
      switch event {
      case .done(let item, _, let wasDone): wasDone ? "skipped \(item.path)" : "done \(item.path)"
      case .failed(let item, let step, let exit, let message, _):
        "failed \(item.path) \(step) \(exit) \(message)"
      case .waiting: "waiting"
      case .damagedManifest(let lines): "damaged \(lines)"
      }
    events.withLock { $0.append(text) }
  }
  let outcome = try runner.run()
  return (outcome, events.withLock { $0 })
}
