import HSICore

/// Errors of spectral axes, libraries and formulas.
public enum SpectralError: HSIError {
  /// Two axes cannot be related, or one lacks what is needed.
  case inconsistent(name: String, reason: String, advice: String)
  /// A text is no formula of bands; `position` counts characters from 1.
  case formula(text: String, position: Int, reason: String)
  /// A scene has no band near enough to a wavelength of an index.
  case noBand(index: String, wavelength: Double, nearest: Double?, within: Double)
  /// A file of a transform cannot be used.
  case badModel(path: String, reason: String)

  public var category: ErrorCategory {
    switch self {
    case .formula: .usage
    case .badModel: .model
    case .inconsistent, .noBand: .input
    }
  }

  public var identifier: String {
    switch self {
    case .inconsistent: "E-INCONSISTENT"
    case .formula: "E-FORMULA"
    case .noBand: "E-INDEX-BAND"
    case .badModel: "E-TRANSFORM-MODEL"
    }
  }

  public var problem: String {
    switch self {
    case .inconsistent(let name, let reason, _): "\(name): \(reason)"
    case .formula(let text, let position, let reason): "the formula '\(text)', character \(position): \(reason)"
    case .noBand(let index, let wavelength, let nearest, let within):
      "\(index) needs a band at \(PlainNumber.rounded(wavelength)) nm, and "
        + (nearest.map {
          "the nearest good one is at \(PlainNumber.rounded($0)) nm, not within \(PlainNumber.rounded(within)) nm"
        } ?? "the scene has no good band with a wavelength")
    case .badModel(let path, let reason): "\(path): \(reason)"
    }
  }

  public var advice: String? {
    switch self {
    case .inconsistent(_, _, let advice): advice
    case .formula: "a formula is like (b800-b670)/(b800+b670)"
    case .noBand: "\(option: "list") shows what the bands allow; \(option: "within") sets the distance"
    case .badModel: "use a file that \(option: "save") has written"
    }
  }
}
