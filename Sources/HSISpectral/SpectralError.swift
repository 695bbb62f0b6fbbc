import HSICore

/// Errors of spectral axes and libraries.
public enum SpectralError: HSIError {
  /// Two axes cannot be related, or one lacks what is needed.
  case inconsistent(name: String, reason: String, advice: String)

  public var category: ErrorCategory { .input }

  public var identifier: String { "E-INCONSISTENT" }

  public var problem: String {
    switch self {
    case .inconsistent(let name, let reason, _): "\(name): \(reason)"
    }
  }

  public var advice: String? {
    switch self {
    case .inconsistent(_, _, let advice): advice
    }
  }
}
