import HSICore

/// Errors of reading and writing files.
public enum RasterError: HSIError {
  /// The file does not exist.
  case notFound(path: String)
  /// The file exists but no reader takes it, or it is damaged.
  case unreadable(path: String, reason: String)
  /// The file is shorter than its header says.
  case truncated(path: String, expected: Int, found: Int)
  /// A feature that this version does not read, with what to do instead.
  case unsupported(path: String, feature: String, advice: String)
  /// Several arrays could be meant.
  case ambiguous(path: String, choices: [String], advice: String)
  /// Parts of the input contradict each other.
  case inconsistent(path: String, reason: String, advice: String)
  /// The file leads to another one that it should not be trusted with.
  case foreign(path: String, target: String)
  /// A read or write failed half-way.
  case inputOutput(path: String, action: String, reason: String)

  public var category: ErrorCategory {
    if case .inputOutput(_, let action, _) = self, action.hasPrefix("writ") { return .output }
    return .input
  }

  public var identifier: String {
    switch self {
    case .notFound: "E-NOT-FOUND"
    case .unreadable: "E-UNREADABLE"
    case .truncated: "E-ENVI-SHORT"
    case .unsupported: "E-UNSUPPORTED"
    case .ambiguous: "E-AMBIGUOUS"
    case .inconsistent: "E-INCONSISTENT"
    case .foreign: "E-FOREIGN"
    case .inputOutput: "E-IO"
    }
  }

  public var problem: String {
    switch self {
    case .notFound(let path): "\(path) does not exist"
    case .unreadable(let path, let reason): "cannot read \(path): \(reason)"
    case .truncated(let path, let expected, let found):
      "\(path) has \(found) bytes but its header asks for \(expected)"
    case .unsupported(let path, let feature, _): "\(path): \(feature) cannot be read"
    case .ambiguous(let path, let choices, _):
      "\(path) holds several arrays: \(choices.joined(separator: ", "))"
    case .inconsistent(let path, let reason, _): "\(path): \(reason)"
    case .foreign(let path, let target): "\(path) leads to \(target)"
    case .inputOutput(let path, let action, let reason): "\(action) \(path) failed: \(reason)"
    }
  }

  public var advice: String? {
    switch self {
    case .notFound: "check the name"
    case .unreadable: "check that it is complete and of a format that hsi formats lists"
    case .truncated: "copy the file again, or pass \(option: "allow truncated") to treat the missing lines as no data"
    case .unsupported(_, _, let advice), .ambiguous(_, _, let advice), .inconsistent(_, _, let advice): advice
    case .foreign: "if you trust the file, pass \(option: "allow remote")"
    case .inputOutput: nil
    }
  }
}
