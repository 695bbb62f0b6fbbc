import HSICore

/// Errors of detection.
public enum DetectionError: HSIError {
  /// Too few valid pixels for what was asked.
  case tooFewPixels(valid: Int, needed: Int, purpose: String)
  /// No group of columns has enough valid pixels; the width of groups that would have, where the scene has enough.
  case tooFewInColumns(most: Int, needed: Int, width: Int?)
  /// All pixels are the same in all bands.
  case noVariation
  /// A target has no values that count, or cannot be told from the background.
  case badTarget(name: String, reason: String, advice: String)
  /// Truth without pixels of one kind.
  case badTruth(path: String, reason: String)
  /// Scores whose tail cannot be fitted.
  case noTail

  public var category: ErrorCategory { .input }

  public var identifier: String {
    switch self {
    case .tooFewPixels, .tooFewInColumns: "E-FEW-PIXELS"
    case .noVariation: "E-CONSTANT"
    case .badTarget: "E-TARGET"
    case .badTruth: "E-TRUTH"
    case .noTail: "E-TAIL"
    }
  }

  public var problem: String {
    switch self {
    case .tooFewPixels(let valid, let needed, let purpose):
      "\(purpose) needs at least \(needed) valid pixels but the scene has \(valid)"
    case .tooFewInColumns(let most, let needed, _):
      "the background of a group of columns needs at least \(needed) valid pixels but no group has more than \(most)"
    case .noVariation: "all pixels of the scene are the same: there is no background to tell anything from"
    case .badTarget(let name, let reason, _): "target \(name) \(reason)"
    case .badTruth(let path, let reason): "\(path): \(reason)"
    case .noTail: "the scores of the scene hardly differ, so that no false-alarm rate can be told"
    }
  }

  public var advice: String? {
    switch self {
    case .tooFewPixels: "check \(option: "nodata"), \(option: "mask") and \(option: "window")"
    case .tooFewInColumns(_, _, let width):
      width.map { "raise \(option: "column group") to \($0) or more" }
        ?? "leave \(option: "columns") out, and check \(option: "nodata"), \(option: "mask") and \(option: "window")"
    case .noVariation: "check the bands, \(option: "nodata") and \(option: "window")"
    case .badTarget(_, _, let advice): advice
    case .noTail: "use another method or other bands, or leave \(option: "cfar") out"
    case .badTruth: "pixels of targets are those with a class above 0, all others are background"
    }
  }
}
