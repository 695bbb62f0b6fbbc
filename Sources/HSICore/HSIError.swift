/// What an error means to the person who started the work; the command maps it to an exit code.
public enum ErrorCategory: String, Sendable, Codable {
  /// The computation itself failed (no convergence, singular data).
  case processing
  /// An option or parameter has a value that cannot be used.
  case usage
  /// An input is missing, unreadable, unsupported or inconsistent.
  case input
  /// An output exists already or cannot be written.
  case output
  /// A resource is exhausted: memory budget, disk, device.
  case resource
  /// A model file is missing or does not match its input.
  case model
  /// Some items of a batch failed while others are done.
  case partial
  /// The user or the system asked to stop.
  case interrupted
}

/// The common face of the errors of all rooms: every room has one enum that conforms.
///
/// An error says what was being done and where it went wrong (`problem`), and what to do next (`advice`), each in
/// one line of plain English.
public protocol HSIError: Error, CustomStringConvertible, Sendable {
  /// What kind of failure this is.
  var category: ErrorCategory { get }
  /// A stable identifier such as `E-ENVI-SHORT`, for scripts.
  var identifier: String { get }
  /// What went wrong and where: file, shape or parameter included.
  var problem: String { get }
  /// What to do next, or nil where nothing sensible can be said.
  var advice: String? { get }
}

extension HSIError {
  /// `problem; advice [identifier]` in one line, parameters by their plain names.
  public var description: String { message { $0 } }

  /// The same with the parameters that it names spelled by a rule, `window` as `--window`.
  public func message(spelling: (String) -> String) -> String {
    let text = advice.map { "\(problem); \($0)" } ?? problem
    return ParameterSpelling.spelled("\(text) [\(identifier)]", by: spelling)
  }
}

/// Errors of the vocabulary: parameters, budgets, cancellation.
public enum CoreError: HSIError {
  /// A parameter has a value that the operation cannot use.
  case invalidParameter(name: String, value: String, requirement: String)
  /// There is no method (model, instrument …) of that name or alias.
  case unknownMethod(kind: String, name: String, known: [String], aliases: [String])
  /// The method has no such parameter.
  case unknownParameter(name: String, method: String, known: [String])
  /// The work needs more memory than `--memory` allows.
  case memory(purpose: String, needed: Int, budget: Int)
  /// The work was cancelled by SIGINT, SIGTERM or the caller.
  case cancelled
  /// An output exists and `--overwrite` was not given.
  case outputExists(path: String)
  /// An output names a file that the command reads.
  case outputIsInput(path: String)
  /// An output cannot be written.
  case cannotWrite(path: String, reason: String)
  /// The disk (or quota) is full.
  case diskFull(path: String)

  public var category: ErrorCategory {
    switch self {
    case .invalidParameter, .unknownParameter, .unknownMethod: .usage
    case .memory, .diskFull: .resource
    case .cancelled: .interrupted
    case .outputExists, .outputIsInput, .cannotWrite: .output
    }
  }

  public var identifier: String {
    switch self {
    case .invalidParameter, .unknownParameter: "E-PARAMETER"
    case .unknownMethod: "E-METHOD"
    case .memory: "E-MEMORY"
    case .cancelled: "E-CANCELLED"
    case .outputExists: "E-OUTPUT-EXISTS"
    case .outputIsInput: "E-OUTPUT-IS-INPUT"
    case .cannotWrite: "E-WRITE"
    case .diskFull: "E-DISK-FULL"
    }
  }

  public var problem: String {
    switch self {
    case .invalidParameter(let name, let value, let requirement):
      "\(name) is \(value) but must be \(requirement)"
    case .unknownMethod(let kind, let name, let known, let aliases):
      "there is no \(kind) \(name)\(Suggestion.text(for: name, in: known + aliases)); known: \(known.joined(separator: ", "))"
    case .unknownParameter(let name, let method, let known):
      known.isEmpty
        ? "\(method) has no parameters, but \(name) was set"
        : "\(method) has no parameter \(name)\(Suggestion.text(for: name, in: known)); it has \(known.joined(separator: ", "))"
    case .memory(let purpose, let needed, let budget):
      MemoryBudget.text(needed) == MemoryBudget.text(budget)
        ? "\(purpose) needs \((needed - budget + 0xFFFFF) >> 20) MiB more than the memory budget of \(MemoryBudget.text(budget))"
        : "\(purpose) needs \(MemoryBudget.text(needed)) but the memory budget is \(MemoryBudget.text(budget))"
    case .cancelled: "stopped on request"
    case .outputExists(let path): "\(path) exists already"
    case .outputIsInput(let path): "\(path) is an input of this command and cannot be its output"
    case .cannotWrite(let path, let reason): "cannot write \(path): \(reason)"
    case .diskFull(let path): "no space left on the disk while writing \(path)"
    }
  }

  public var advice: String? {
    switch self {
    case .invalidParameter: nil
    case .unknownParameter, .unknownMethod: "see hsi methods"
    case .memory: "raise \(option: "memory"), or choose a smaller \(option: "window") or fewer bands"
    case .cancelled: nil
    case .outputExists: "choose another name or pass \(option: "overwrite")"
    case .outputIsInput: "choose another name"
    case .cannotWrite: "check that the folder exists and may be written, or choose another name"
    case .diskFull:
      "free some space (or raise the quota) or write elsewhere; nothing was left under the final name"
    }
  }
}
