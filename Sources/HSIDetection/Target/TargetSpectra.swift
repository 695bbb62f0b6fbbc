import HSICore
import HSINumerics

/// Parameters that the detectors of a background share.
enum BackgroundParameters {
  static let shrinkage = ParameterDescription(
    "shrinkage", nil, in: 0...1,
    "Share of independent bands in the covariance (default: the most likely one; 0 for the plain covariance).")
  static let exclude = ParameterDescription(
    "exclude", 0, in: 0...0.5,
    "Share of the pixels, those most unlike the mean, that the background is learnt without.")
  static let dimension = ParameterDescription(
    "dimension", nil, in: 1...4096,
    "Components of the background (default: as many as hold 99.99 % of the second moment).")

  /// The background of a scene as parameters say.
  static func background(
    of source: any StripSource, isCentred: Bool = true, _ parameters: MethodParameters, _ context: RunContext
  ) throws -> Background {
    try Background(
      of: source, isCentred: isCentred, excluding: parameters.value("exclude"), shrinkage: parameters["shrinkage"],
      context)
  }
}

extension Background {
  /// What reports say about it.
  var facts: [String: Double] { ["backgroundPixels": Double(count), "shrinkage": shrinkage] }
}

/// Targets against a background: `C⁻¹ s` and `sᵀ C⁻¹ s` of every one.
struct TargetFilters {
  /// Names of the targets.
  let names: [String]
  /// `C⁻¹ s`, one list of weights per target.
  let filters: [[Double]]
  /// `sᵀ C⁻¹ s`.
  let energies: [Double]

  /// Filters of targets.
  ///
  /// - Parameter isCentred: whether s = t − μ, else s = t.
  /// - Throws: `DetectionError.badTarget` for one that cannot be told from the background.
  init(_ targets: SpectralLibrary, _ background: Background, isCentred: Bool = true) throws {
    try TargetFilters.check(targets, bands: background.mean.count)
    names = targets.names
    filters = (0..<targets.count).map { background.inverse(targets[$0], isCentred: isCentred) }
    energies = try (0..<targets.count).map { k in
      let white = background.whitened(targets[k], isCentred: isCentred)
      let energy = white.reduce(0) { $0 + $1 * $1 }
      guard energy > 1e-12, energy.isFinite else {
        throw DetectionError.badTarget(
          name: targets.names[k], reason: "is the mean of the scene, from which nothing tells it",
          advice: "give a spectrum of the material alone, or leave pixels of it out of the background")
      }
      return energy
    }
  }

  /// - Throws: `DetectionError.badTarget`.
  static func check(_ targets: SpectralLibrary, bands: Int) throws {
    precondition(targets.bands == bands, "targets of \(targets.bands) bands for \(bands)")
    for k in 0..<targets.count where !targets[k].allSatisfy(\.isFinite) || targets[k].allSatisfy({ $0 == 0 }) {
      throw DetectionError.badTarget(
        name: targets.names[k], reason: "has no values, or none but 0, on the bands that are used",
        advice: "check its bands and no-data values")
    }
  }
}

extension [String] {
  /// Bands of scores, one for every name.
  func scores(_ method: String) -> [DetectionBand] { map { DetectionBand("\(method): \($0)") } }
}
