import HSICore

/// Errors of pre-training.
public enum PretrainingError: HSIError {
  /// A scene has fewer bands than the network sees.
  case tooFewBands(found: Int, needed: Int)

  public var category: ErrorCategory { .input }

  public var identifier: String { "E-FEW-BANDS" }

  public var problem: String {
    switch self {
    case .tooFewBands(let found, let needed): "a scene has \(found) bands but the network sees \(needed)"
    }
  }

  public var advice: String? { "leave the scene out, or use a network that takes any number, such as less-tiny" }
}
