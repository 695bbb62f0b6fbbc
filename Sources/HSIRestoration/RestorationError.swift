import HSICore

/// Errors of restoration.
public enum RestorationError: HSIError {
  /// No method of this name.
  case unknownMethod(name: String, known: [String])

  public var category: ErrorCategory { .usage }

  public var identifier: String { "E-METHOD" }

  public var problem: String {
    switch self {
    case .unknownMethod(let name, let known):
      "there is no denoising method \(name); known: \(known.joined(separator: ", "))"
    }
  }

  public var advice: String? { nil }
}
