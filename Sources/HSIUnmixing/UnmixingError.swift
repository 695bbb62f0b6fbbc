import HSICore

/// Errors of unmixing.
public enum UnmixingError: HSIError {
  /// Too few valid pixels for what was asked.
  case tooFewPixels(valid: Int, needed: Int, purpose: String)
  /// More endmembers than the data can carry.
  case tooManyEndmembers(count: Int, limit: Int, reason: String)
  /// All pixels are (nearly) the same, or all zero.
  case noVariation(detail: String)
  /// Endmembers and scene do not share bands.
  case bandMismatch(spectra: Int, scene: Int, advice: String)
  /// Spectra hold NaN or infinite values on bands that are needed.
  case invalidSpectra(name: String)

  public var category: ErrorCategory {
    switch self {
    case .tooManyEndmembers: .usage
    case .tooFewPixels, .noVariation, .bandMismatch, .invalidSpectra: .input
    }
  }

  public var identifier: String {
    switch self {
    case .tooFewPixels: "E-FEW-PIXELS"
    case .tooManyEndmembers: "E-COUNT"
    case .noVariation: "E-CONSTANT"
    case .bandMismatch: "E-BANDS"
    case .invalidSpectra: "E-SPECTRA"
    }
  }

  public var problem: String {
    switch self {
    case .tooFewPixels(let valid, let needed, let purpose):
      "\(purpose) needs at least \(needed) valid pixels but the scene has \(valid)"
    case .tooManyEndmembers(let count, let limit, let reason):
      "\(count) endmembers were asked for but at most \(limit) are possible: \(reason)"
    case .noVariation(let detail): "the scene cannot be unmixed: \(detail)"
    case .bandMismatch(let spectra, let scene, _):
      "the spectra have \(spectra) bands but the scene offers \(scene)"
    case .invalidSpectra(let name): "spectrum \(name) has missing or infinite values on bands that are used"
    }
  }

  public var advice: String? {
    switch self {
    case .tooFewPixels: "check \(option: "nodata"), \(option: "mask") and \(option: "window")"
    case .tooManyEndmembers: "lower \(option: "count")"
    case .noVariation: "check the bands, \(option: "nodata") and \(option: "window")"
    case .bandMismatch(_, _, let advice): advice
    case .invalidSpectra:
      "remove it from the library or exclude the bands with \(option: "band list") or \(option: "wavelength ranges")"
    }
  }
}
