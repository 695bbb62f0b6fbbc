import HSICore

/// Errors of batch jobs.
public enum BatchError: HSIError {
  /// A job file that is not understood.
  case badJob(path: String, detail: String)

  public var category: ErrorCategory {
    switch self {
    case .badJob: .usage
    }
  }

  public var identifier: String {
    switch self {
    case .badJob: "E-JOB"
    }
  }

  public var problem: String {
    switch self {
    case .badJob(let path, let detail): "the job file \(path) cannot be used: \(detail)"
    }
  }

  public var advice: String? {
    switch self {
    case .badJob: "see docs/commands/batch.md"
    }
  }
}
