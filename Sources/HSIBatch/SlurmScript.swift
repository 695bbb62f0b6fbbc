import Foundation
import HSICore

/// The array job of Slurm that runs a batch job: one task per shard.
public struct SlurmScript: Sendable {
  /// What the user asks for.
  public struct Options: Sendable {
    /// Number of tasks; nil for one per item, at most 1000.
    public var arraySize: Int?
    /// Tasks at the same time; nil for as many as there is room for.
    public var concurrency: Int?
    /// Time limit of a task as `sbatch --time` takes it.
    public var time: String?
    /// More arguments of sbatch.
    public var arguments: [String] = []
    public var onlyFailed = false
    /// The stage that the array runs; nil for a job of one stage.
    public var stage: Int?
    /// Options for every `hsi batch run`.
    public var runOptions: [String] = []

    /// One task per item, no limits.
    public init() {}
  }

  /// `0-9`, `3,7-8`.
  public let array: String
  /// Number of shards.
  public let shards: Int
  /// Number of tasks.
  public let tasks: Int
  /// The script.
  public let text: String

  /// Most tasks unless the user asks for more.
  static let defaultTasks = 1000

  /// The script for the items that are still to be done.
  ///
  /// Without `arraySize`, and while Slurm allows task numbers as high as the number of items, a task is one item and the
  /// array lists those that are not done; otherwise the items are spread over the tasks.
  ///
  /// - Parameters:
  ///   - open: indices of the items to run, rising, at least one.
  ///   - maximum: `MaxArraySize` of the cluster; task numbers are below it.
  ///   - threads: of one task; nil leaves them to the cluster.
  ///   - memory: of one task; nil leaves it to the cluster.
  /// - Throws: `BatchError.badJob` for a folder whose name no directive of Slurm can hold.
  public init(
    _ plan: BatchPlan, open: [Int], maximum: Int, threads: Int?, memory: MemoryBudget?, executable: String,
    _ options: Options
  ) throws {
    let job = plan.job
    let limit = max(1, min(SlurmScript.defaultTasks, maximum - 1))
    let ranges = SlurmScript.ranges(open)
    if options.arraySize == nil, plan.items.count <= limit, ranges.count <= 200 {
      (array, shards, tasks) = (ranges.joined(separator: ","), plan.items.count, open.count)
    } else {
      let count = max(1, min(options.arraySize ?? limit, open.count, max(1, maximum - 1)))
      (array, shards, tasks) = (count == 1 ? "0" : "0-\(count - 1)", count, count)
    }
    let folder = BatchFiles(job).slurm
    var lines = ["#!/bin/bash", "#SBATCH --job-name=\(SlurmScript.word("hsi-" + job.name))"]
    lines.append("#SBATCH --array=\(array)" + (options.concurrency.map { "%\($0)" } ?? ""))
    lines.append("#SBATCH --cpus-per-task=\(threads ?? 1)")
    if let memory {
      // The budget is for the work; the program itself and its libraries come on top.
      lines.append("#SBATCH --mem=\(((memory.bytes + memory.bytes / 4) >> 20) + 256)M")
    }
    if let time = options.time { lines.append("#SBATCH --time=\(SlurmScript.word(time))") }
    lines += [
      "#SBATCH --requeue", "#SBATCH --open-mode=append",
      "#SBATCH --output=\"\(try SlurmScript.pattern(folder, job))/%A_%a.log\"", "#SBATCH --signal=B:TERM@60", "",
      "cd \(SlurmScript.quoted(job.folder)) || exit 3",
      "export HSI_NUM_THREADS=\"${SLURM_CPUS_PER_TASK:-1}\"",
      "export OPENBLAS_NUM_THREADS=1",
      "export HSI_DEVICE=\"${HSI_DEVICE:-auto}\"",
    ]
    let file = job.folder + "/" + FilePaths.name(job.path)
    var command = [SlurmScript.quoted(executable), "batch", "run", SlurmScript.quoted(file)]
    command += ["--shard", "\"$SLURM_ARRAY_TASK_ID/\(shards)\""]
    if let stage = options.stage { command += ["--stage", "\(stage)"] }
    if options.onlyFailed { command.append("--only-failed") }
    command += options.runOptions.map(SlurmScript.quoted)
    lines.append("exec " + command.joined(separator: " "))
    text = lines.joined(separator: "\n") + "\n"
  }

  /// `[0, 1, 2, 5]` as `["0-2", "5"]`.
  static func ranges(_ numbers: [Int]) -> [String] {
    var result: [(first: Int, last: Int)] = []
    for number in numbers {
      if let last = result.last, last.last + 1 == number {
        result[result.count - 1].last = number
      } else {
        result.append((number, number))
      }
    }
    return result.map { $0.first == $0.last ? "\($0.first)" : "\($0.first)-\($0.last)" }
  }

  /// For a shell, in single quotes.
  static func quoted(_ text: String) -> String {
    let plain = text.utf8.allSatisfy { byte in
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
      default: "_-./=:,+@%".utf8.contains(byte)
      }
    }
    return plain && !text.isEmpty ? text : "'" + text.replacingOccurrences(of: "'", with: "'\\''") + "'"
  }

  /// A folder in a pattern of file names: a percent sign is doubled. Line breaks would begin lines of the script, and sbatch takes
  /// quotation marks and backslashes for its own.
  private static func pattern(_ folder: String, _ job: BatchJob) throws -> String {
    guard folder.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F && $0 != "\"" && $0 != "\\" }) else {
      throw BatchError.badJob(
        path: job.path, line: nil,
        detail: "Slurm takes no folder with a line break, another control character, a quotation mark or a backslash "
          + "in its name")
    }
    return folder.replacing("%", with: "%%")
  }

  /// For a comment line of sbatch, which takes no quotes everywhere.
  private static func word(_ text: String) -> String {
    String(
      text.unicodeScalars.map {
        $0.value > 0x20 && $0.value < 0x7F && !"\"'\\%#".unicodeScalars.contains($0) ? Character($0) : "_"
      })
  }
}
