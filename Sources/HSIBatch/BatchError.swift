import HSICore

/// Errors of batch jobs.
public enum BatchError: HSIError {
  /// A job file (or a list or table that it names) that is not understood; lines count from 1.
  case badJob(path: String, line: Int?, detail: String)
  /// Two steps would write one file, or one would write over an input.
  case collidingOutputs(path: String, detail: String)
  /// Inputs that do not exist.
  case missingInputs(path: String, detail: String)
  /// Part `shard` of a job cannot be taken.
  case badShard(text: String, requirement: String)
  /// Some items failed, others are done.
  case someFailed(job: String, failed: Int, total: Int)
  /// All items failed.
  case noneDone(job: String, failed: Int)
  /// Slurm is missing or refuses.
  case slurm(detail: String, advice: String)

  public var category: ErrorCategory {
    switch self {
    case .badJob, .collidingOutputs, .badShard: .usage
    case .missingInputs: .input
    case .someFailed: .partial
    case .noneDone, .slurm: .processing
    }
  }

  public var identifier: String {
    switch self {
    case .badJob: "E-JOB"
    case .collidingOutputs: "E-JOB-OUTPUTS"
    case .missingInputs: "E-JOB-INPUTS"
    case .badShard: "E-SHARD"
    case .someFailed: "E-BATCH-FAILED"
    case .noneDone: "E-BATCH-NONE"
    case .slurm: "E-SLURM"
    }
  }

  public var problem: String {
    switch self {
    case .badJob(let path, let line, let detail):
      "the job file \(path) cannot be used: " + (line.map { "line \($0): " } ?? "") + detail
    case .collidingOutputs(let path, let detail), .missingInputs(let path, let detail): "\(path): \(detail)"
    case .badShard(let text, let requirement): "\(option: "shard") is \(text) but must be \(requirement)"
    case .someFailed(let job, let failed, let total): "\(job): \(failed) of \(total) items failed"
    case .noneDone(let job, let failed):
      failed == 1 ? "\(job): the only item failed" : "\(job): all \(failed) items failed"
    case .slurm(let detail, _): detail
    }
  }

  public var advice: String? {
    switch self {
    case .badJob: "see docs/commands/batch.md"
    case .collidingOutputs: "use {relpath}, {dir} or {index} in the output, or a column of a table"
    case .missingInputs: "check the names; they count from the folder of the job file"
    case .badShard: nil
    case .someFailed(let job, _, _), .noneDone(let job, _):
      "see hsi batch status \(job), and the logs; hsi batch retry runs the failed ones again"
    case .slurm(_, let advice): advice
    }
  }
}
