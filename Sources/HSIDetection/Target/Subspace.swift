import HSICore
import HSINumerics

/// The leading components of a background about the origin, and the rest of the space.
struct Subspace {
  /// Orthonormal components of the background, L × p.
  let basis: Matrix<Double>
  /// Orthonormal basis of what is left, L × (L − p).
  let complement: Matrix<Double>
  /// Number of pixels.
  let count: Int

  /// Share of the second moment that the components hold where their number is not given.
  private static let share = 0.9999

  /// The subspace of a scene.
  ///
  /// - Parameter targets: dimensions that are left to targets and noise at least.
  /// - Throws: `DetectionError.tooFewPixels`, `.noVariation`; `CoreError.invalidParameter` for a dimension that leaves no room.
  init(
    of source: any StripSource, room targets: Int, _ parameters: MethodParameters, _ context: RunContext
  ) throws {
    let statistics = try SceneStatistics(source, context, label: "background", precision: .double)
    guard statistics.count > 0 else {
      throw DetectionError.tooFewPixels(valid: 0, needed: 1, purpose: "a background")
    }
    let eigen = try statistics.correlation.symmetricEigen()
    let bands = statistics.mean.count
    let total = eigen.values.reduce(0) { $0 + max($1, 0) }
    guard total > 0, total.isFinite else { throw DetectionError.noVariation }
    let most = bands - targets
    var dimension = 0
    if let given = parameters["dimension"] {
      dimension = Int(clamping: given)
      guard dimension <= most else {
        throw CoreError.invalidParameter(
          name: "dimension", value: "\(dimension)",
          requirement: "at most \(max(most, 0)): \(bands) bands, of which \(targets) are for targets and noise")
      }
    } else {
      var held = 0.0
      while dimension < max(most, 0), held < Subspace.share * total {
        held += max(eigen.values[dimension], 0)
        dimension += 1
      }
    }
    count = statistics.count
    basis = eigen.vectors.selecting(columns: Array(0..<dimension))
    complement = eigen.vectors.selecting(columns: Array(dimension..<bands))
  }

  /// Coordinates of a spectrum in what is left.
  func rest(_ spectrum: some Collection<Double>) -> [Double] {
    (0..<complement.columns).map { c in
      zip(spectrum, 0..<complement.rows).reduce(0) { $0 + $1.0 * complement[$1.1, c] }
    }
  }

  /// Coordinates in what is left of all targets.
  ///
  /// - Throws: `DetectionError.badTarget` for one that lies in the background.
  func rests(_ targets: SpectralLibrary) throws -> [[Double]] {
    try (0..<targets.count).map { k in
      let rest = rest(targets[k])
      let (left, whole) = (rest.reduce(0) { $0 + $1 * $1 }, targets[k].reduce(0) { $0 + $1 * $1 })
      guard left > 1e-12 * whole else {
        throw DetectionError.badTarget(
          name: targets.names[k], reason: "lies in the \(basis.columns) components of the background",
          advice: "lower \(option: "set") dimension")
      }
      return rest
    }
  }
}

/// Orthogonal subspace projection: the share of the target in what the components of the background do not explain.
///
///     OSP(x) = tᵀ P x / (tᵀ P t),   P = I − U Uᵀ,   U: leading eigenvectors of Σ x xᵀ / N
///
/// Source: Harsanyi, Chang, "Hyperspectral image classification and dimensionality reduction: an orthogonal subspace projection
/// approach", IEEE TGRS 32(4), 1994; the background by components as in Chang, "Hyperspectral Imaging", 2003.
public struct OSP: TargetDetector, PixelDetector {
  public static let description = MethodDescription(
    id: "osp", name: "Orthogonal subspace projection", task: .target,
    citation: "Harsanyi, Chang, IEEE TGRS 32(4), 1994", cost: "N L² for the components, N L per target",
    advice: "For targets that differ from the few materials of the background.",
    parameters: [BackgroundParameters.dimension])

  public let bands: [DetectionBand]
  public let facts: [String: Double]
  private let plan: ScorePlan

  public init(
    _ targets: SpectralLibrary, in source: any StripSource, _ parameters: MethodParameters, _ context: RunContext
  ) throws {
    let claim = context.claimThreads()
    defer { claim.release() }
    try TargetFilters.check(targets, bands: source.shape.bands)
    let subspace = try Subspace(of: source, room: 1, parameters, context)
    let rests = try subspace.rests(targets)
    bands = targets.names.scores("osp")
    facts = ["backgroundPixels": Double(subspace.count), "dimension": Double(subspace.basis.columns)]
    let weights = Matrix<Double>(rows: source.shape.bands, columns: targets.count) { b, k in
      let rest = rests[k]
      let along = rest.indices.reduce(0) { $0 + subspace.complement[b, $1] * rest[$1] }
      return along / rest.reduce(0) { $0 + $1 * $1 }
    }
    plan = ScorePlan(weights, shift: nil, groups: [])
  }

  public func score(_ pixels: PixelMatrix, into values: PixelMatrix) { plan.score(pixels, norms: nil, values: values) }
}

/// Matched subspace detector: how much more of a pixel background and targets explain together than the background alone.
///
///     MSD(x) = |qᵀ x|² / |Eᵀ x|²
///
/// q: orthonormal basis of what the components U of the background leave of all targets; E: basis of the rest of the space, so that
/// [U q E] is orthogonal. Targets form one subspace: materials that vary are given as several spectra. Source: Scharf, Friedlander,
/// "Matched subspace detectors", IEEE Trans. Signal Process. 42(8), 1994.
public struct MatchedSubspace: TargetDetector, PixelDetector {
  public static let description = MethodDescription(
    id: "msd", name: "Matched subspace detector", task: .target,
    citation: "Scharf, Friedlander, IEEE Trans. Signal Process. 42(8), 1994", cost: "2 N L²",
    advice: "For a material that is given by several spectra.", parameters: [BackgroundParameters.dimension])

  public static var dependsOnUnits: Bool { false }
  public let bands = [DetectionBand("msd")]
  public let facts: [String: Double]
  public var workingBytesPerPixel: Int { 12 }
  private let plan: ScorePlan

  public init(
    _ targets: SpectralLibrary, in source: any StripSource, _ parameters: MethodParameters, _ context: RunContext
  ) throws {
    let claim = context.claimThreads()
    defer { claim.release() }
    try TargetFilters.check(targets, bands: source.shape.bands)
    let subspace = try Subspace(of: source, room: targets.count + 1, parameters, context)
    let rests = try subspace.rests(targets)
    let size = subspace.complement.columns
    // The span of the targets in what is left, by the eigenvectors of their second moment.
    let moment = Matrix<Double>(rows: size, columns: size) { i, j in
      rests.reduce(0) { sum, rest in
        sum + rest[i] * rest[j] / rest.reduce(0) { $0 + $1 * $1 }
      }
    }
    let eigen = try moment.symmetricEigen()
    var rank = eigen.values.prefix(targets.count).count { $0 > 1e-10 * max(eigen.values[0], 1e-300) }
    rank = min(rank, size - 1)
    guard rank > 0 else {
      throw DetectionError.badTarget(
        name: targets.names[0], reason: "leaves no band to tell noise by",
        advice: "use more bands, or lower \(option: "set") dimension")
    }
    facts = [
      "backgroundPixels": Double(subspace.count), "dimension": Double(subspace.basis.columns),
      "targetDimension": Double(rank),
    ]
    plan = ScorePlan(subspace.complement.multiplied(by: eigen.vectors), shift: nil, groups: [rank, size - rank])
  }

  public func score(_ pixels: PixelMatrix, into values: PixelMatrix) {
    let norms = PixelMatrix(rows: pixels.rows, columns: 3)
    plan.score(pixels, norms: norms, values: nil)
    for n in 0..<pixels.rows {
      let (target, rest) = (norms[n, 1], norms[n, 2])
      values[n, 0] = rest > 0 ? target / rest : target > 0 ? .greatestFiniteMagnitude : 0
    }
  }
}
