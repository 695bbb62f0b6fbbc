import HSICore

/// Errors of restoration.
public enum RestorationError: HSIError {
  /// No method of this name.
  case unknownMethod(name: String, known: [String])
  /// Noise levels for another number of bands than the scene has, or not finite, or negative.
  case unusableNoise(detail: String)

  public var category: ErrorCategory { .usage }

  public var identifier: String {
    switch self {
    case .unknownMethod: "E-METHOD"
    case .unusableNoise: "E-NOISE-LEVELS"
    }
  }

  public var problem: String {
    switch self {
    case .unknownMethod(let name, let known):
      "there is no denoising method \(name); known: \(known.joined(separator: ", "))"
    case .unusableNoise(let detail): "the noise levels cannot be used: \(detail)"
    }
  }

  public var advice: String? {
    switch self {
    case .unknownMethod: nil
    case .unusableNoise: "give one standard deviation per band, or leave it out to have it estimated"
    }
  }
}
