import HSICore
import HSINetworks
import HSIRestoration

/// What is wrong with a scene, and so what restoring it means.
public enum RestorationTask: String, Sendable, CaseIterable, Codable {
  /// What the scene shows decides (`TaskRecognition`): missing values, dead bands, bad columns, a predictor, else noise.
  case automatic = "auto"
  /// Noise of any kind.
  case denoise
  /// Noise that differs from band to band, stripes, dead lines, impulses.
  case complex
  /// Missing values inside pixels.
  case inpaint
  /// Bands without data: dead ones, and those that the file lists as bad.
  case bands
  /// A blur of known kernel.
  case deblur
  /// A blur along a line.
  case motion
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
    case .complex: "fasthymix"
    case .inpaint, .bands: "fasthyin"
    case .deblur, .motion: "tv-deconvolution"
    case .superres: "subspace-back-projection"
    case .dehaze: "dark-object"
    case .poisson: "anscombe-fasthyde"
    }
  }

  /// What a network for many tasks is asked for; nil where the scene decides.
  var prompt: MPHSIRTask? {
    switch self {
    case .automatic: nil
    case .denoise: .noise
    case .complex: .complex
    case .inpaint: .inpaint
    case .bands: .bands
    case .deblur: .blur
    case .motion: .motion
    case .superres: .superres
    case .dehaze: .haze
    case .poisson: .poisson
    }
  }

  /// Parameters of a method that follow from the task where the user gives none: its number.
  func values(for method: MethodDescription) -> [String: Double] {
    var values: [String: Double] = [:]
    if let prompt, method.parameters.contains(where: { $0.name == "task" }) {
      values["task"] = Double(MPHSIRTask.allCases.firstIndex(of: prompt) ?? 0)
    }
    return values
  }

  /// Whether missing values are what it is about.
  var fillsValues: Bool { self == .inpaint || self == .bands }
}
