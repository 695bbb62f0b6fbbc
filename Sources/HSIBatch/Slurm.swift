import Foundation
import HSICore

/// An array that was submitted for a job, as `NAME.slurm/jobs.json` lists it.
public struct SlurmSubmission: Codable, Sendable {
  public var id: String
  /// ISO 8601, UTC.
  public var submitted: String
  public var array: String
  public var tasks: Int
  public var shards: Int
  public var onlyFailed: Bool

  private enum CodingKeys: String, CodingKey {
    case id, submitted, array, tasks, shards
    case onlyFailed = "only_failed"
  }
}

/// Tasks of a submitted array by state, as Slurm tells.
public struct SlurmJobState: Codable, Sendable {
  public var id: String
  /// `PENDING`, `RUNNING`, `COMPLETED` … and how many tasks.
  public var tasks: [String: Int]
}

/// Submits to Slurm and asks it; everything goes through its commands.
public enum Slurm {
  /// Submits a script and notes the job.
  ///
  /// - Throws: `BatchError.slurm` when sbatch is missing or refuses; `CoreError.cannotWrite`.
  public static func submit(_ script: SlurmScript, _ job: BatchJob, _ options: SlurmScript.Options) throws
    -> SlurmSubmission
  {
    let files = BatchFiles(job)
    try Folders.make(files.slurm)
    try Folders.make(files.logs)
    let path = files.slurm + (options.stage.map { "/run-\($0).sh" } ?? "/run.sh")
    try OutputFile.write(Data(script.text.utf8), to: path, overwrite: true)
    guard let reply = ChildProcess.capture(["sbatch", "--parsable"] + options.arguments + [path], limit: 120)
    else {
      throw BatchError.slurm(
        detail: "sbatch cannot be started, or does not answer",
        advice: "submit from a machine of the cluster; the script is \(path)")
    }
    let lines = reply.text.split(separator: "\n").map(String.init)
    let id = lines.last { $0.first?.isNumber == true }?.split(separator: ";").first.map(String.init)
    guard reply.exit == 0, let id, id.allSatisfy(\.isNumber) else {
      throw BatchError.slurm(
        detail: "sbatch refuses: " + (lines.last ?? "exit \(reply.exit)"),
        advice: "change the options with --sbatch-arg; the script is \(path)")
    }
    let submission = SlurmSubmission(
      id: id, submitted: ManifestRecord.now(), array: script.array, tasks: script.tasks,
      shards: script.shards,
      onlyFailed: options.onlyFailed)
    try OutputFile.write(
      BatchJSON.data(submissions(job) + [submission]), to: files.slurm + "/jobs.json", overwrite: true)
    OutputFile.keepFinished()
    return submission
  }

  /// What was submitted for a job; nothing where that cannot be read.
  public static func submissions(_ job: BatchJob) -> [SlurmSubmission] {
    FileManager.default.contents(atPath: BatchFiles(job).slurm + "/jobs.json")
      .flatMap { try? JSONDecoder().decode([SlurmSubmission].self, from: $0) } ?? []
  }

  /// `MaxArraySize` of the cluster; Slurm's default where it cannot be asked.
  public static func maximumArraySize() -> Int {
    guard let reply = ChildProcess.capture(["scontrol", "show", "config"]), reply.exit == 0 else {
      return 1001
    }
    for line in reply.text.split(separator: "\n") where line.hasPrefix("MaxArraySize") {
      if let value = line.split(separator: "=").last, let number = Int(String(value).trimmingSpaces),
        number > 1
      {
        return number
      }
    }
    return 1001
  }

  /// How the arrays of a job stand, from squeue, then sacct; nil where neither can be asked or knows of them.
  public static func states(_ job: BatchJob) -> [SlurmJobState]? {
    let submissions = submissions(job)
    guard !submissions.isEmpty else { return nil }
    // A controller that does not answer is not asked for each array again.
    let end = ContinuousClock.now + .seconds(15)
    let states = submissions.suffix(20).compactMap { submission -> SlurmJobState? in
      guard submission.id.allSatisfy(\.isNumber), ContinuousClock.now < end else { return nil }
      let questions = [
        ["squeue", "-h", "-r", "-t", "all", "-j", submission.id, "-o", "%T"],
        ["sacct", "-n", "-X", "-P", "-j", submission.id, "-o", "State"],
      ]
      for question in questions {
        guard let reply = ChildProcess.capture(question, limit: 10), reply.exit == 0 else { continue }
        let tasks = count(reply.text)
        if !tasks.isEmpty { return SlurmJobState(id: submission.id, tasks: tasks) }
      }
      return nil
    }
    return states.isEmpty ? nil : states
  }

  /// Lines that begin with a state, counted by state.
  static func count(_ text: String) -> [String: Int] {
    var result: [String: Int] = [:]
    for line in text.split(separator: "\n") {
      guard let word = line.split(separator: " ").first, word.allSatisfy({ $0.isUppercase || $0 == "_" })
      else {
        continue
      }
      result[String(word), default: 0] += 1
    }
    return result
  }
}
