import HSICore

/// Errors of classification.
public enum ClassificationError: HSIError {
  /// No classifier of this name.
  case unknownMethod(name: String, known: [String])

  public var category: ErrorCategory {
    switch self {
    case .unknownMethod: .usage
    }
  }

  public var identifier: String {
    switch self {
    case .unknownMethod: "E-METHOD"
    }
  }

  public var problem: String {
    switch self {
    case .unknownMethod(let name, let known):
      "there is no classifier \(name); known: \(known.joined(separator: ", "))"
    }
  }

  public var advice: String? {
    switch self {
    case .unknownMethod: "see hsi methods"
    }
  }
}
