import HSICore
import HSIRestoration

/// What is wrong with a scene, and so what restoring it means.
public enum RestorationTask: String, Sendable, CaseIterable, Codable {
  /// What the scene shows decides: missing values, dead bands, else noise.
  case automatic = "auto"
  /// Noise of any kind.
  case denoise
  /// Missing values inside pixels.
  case inpaint
  /// Bands without data: dead ones, and those that the file lists as bad.
  case bands
  /// A blur of known kernel.
  case deblur
  /// A finer grid.
  case superres
  /// Haze and thin cloud.
  case dehaze
  /// Noise of counted photons.
  case poisson

  /// The method where none is named: the winner of docs/accuracy-restore.md (a test compares them); nil where the noise decides
  /// (`Restorers.automatic`).
  public var method: String? {
    switch self {
    case .automatic, .denoise: nil
    case .inpaint, .bands: "fasthyin"
    case .deblur: "tv-deconvolution"
    case .superres: "subspace-back-projection"
    case .dehaze: "dark-object"
    case .poisson: "anscombe-fasthyde"
    }
  }

  /// Whether missing values are what it is about.
  var fillsValues: Bool { self == .inpaint || self == .bands }

  /// What is wrong with a scene that was read with its missing values, and why it is thought so.
  ///
  /// - Parameter dead: whether some bands have no value at all.
  static func recognise(missing: Int, of values: Int, dead: Int) -> (task: RestorationTask, reason: String) {
    if missing > 0 {
      let share = (Double(missing) / Double(max(values, 1)) * 1000).rounded() / 10
      return (.inpaint, "\(missing) values (\(share) %) are missing" + (dead > 0 ? ", \(dead) bands have none" : ""))
    }
    if dead > 0 { return (.bands, "\(dead) bands have no values") }
    return (.denoise, "no value is missing")
  }
}
