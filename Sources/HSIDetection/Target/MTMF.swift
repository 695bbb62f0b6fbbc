import HSICore
import HSINumerics

/// Mixture tuned matched filter: the matched filter in coordinates of unit noise, and how little a pixel looks like a mixture of
/// background and target in that share.
///
///     z = (x − μ) D^−½ V   (D: noise variances of the bands; V: eigenvectors of the covariance in units of noise, with values λ)
///     MF = zᵀ Λ⁻¹ t / (tᵀ Λ⁻¹ t)
///     infeasibility = sqrt(mean over c of ((z_c − MF t_c) / ((1 − b) sqrt(max(λ_c, 1)) + b))²),   b = MF brought into [0, 1]
///
/// A mixture scatters like the background where it is background, and like noise where it is target; a pixel of infeasibility far above
/// 1 is something else. Source: Boardman, DiPietro, "Hyperspectral target detection: mixture tuned matched filtering, past, present and
/// future", Proc. SPIE 8048, 2011. Noise by regression of every band on the others (`NoiseEstimate`), coordinates by `NoiseFractions`.
public struct MTMF: TargetDetector, PixelDetector {
  public static let description = MethodDescription(
    id: "mtmf", name: "Mixture tuned matched filter", task: .target,
    citation: "Boardman, DiPietro, Proc. SPIE 8048, 2011", cost: "2 N L²",
    advice: "As mf, with a second band by which false alarms of high score are told: infeasibility.")

  public let bands: [DetectionBand]
  public let facts: [String: Double]
  private let plan: ScorePlan
  private let filters: [Float]
  private let targets: [Float]
  private let deviations: [Float]

  /// Variances below this share of the noise are not divided by.
  private static let least = 1e-3

  public init(
    _ targets: SpectralLibrary, in source: any StripSource, _ parameters: MethodParameters, _ context: RunContext
  ) throws {
    let claim = context.claimThreads()
    defer { claim.release() }
    let size = source.shape.bands
    try TargetFilters.check(targets, bands: size)
    let statistics = try SceneStatistics(source, context, label: "background", precision: .double)
    guard statistics.count >= 2 else {
      throw DetectionError.tooFewPixels(valid: statistics.count, needed: 2, purpose: "a background")
    }
    let covariance = statistics.covariance
    let level = (0..<size).map { covariance[$0, $0] }.max() ?? 0
    guard level > 0, level.isFinite else { throw DetectionError.noVariation }
    let variances = try NoiseEstimate(correlation: covariance, count: statistics.count).variances
    let noise = Matrix<Double>(rows: size, columns: size) { $0 == $1 ? variances[$0] : 0 }
    let fractions = try NoiseFractions(covariance: covariance, noise: noise)
    let values = fractions.values.map { max($0, MTMF.least) }
    let matrix = fractions.directions
    var (filters, coordinates): ([Float], [Float]) = ([], [])
    for k in 0..<targets.count {
      let difference = zip(targets[k], statistics.mean).map { $0 - $1 }
      let z = (0..<size).map { c in (0..<size).reduce(0) { $0 + difference[$1] * matrix[$1, c] } }
      let energy = zip(z, values).reduce(0) { $0 + $1.0 * $1.0 / $1.1 }
      guard energy > 1e-12 else {
        throw DetectionError.badTarget(
          name: targets.names[k], reason: "is the mean of the scene, from which nothing tells it",
          advice: "give a spectrum of the material alone")
      }
      filters += zip(z, values).map { Float($0 / ($1 * energy)) }
      coordinates += z.map { Float($0) }
    }
    (self.filters, self.targets) = (filters, coordinates)
    deviations = values.map { Float(max($0, 1).squareRoot()) }
    plan = ScorePlan(matrix, shift: statistics.mean, groups: [])
    bands = targets.names.flatMap {
      [DetectionBand("mf: \($0)"), DetectionBand("infeasibility: \($0)", isScore: false)]
    }
    facts = [
      "backgroundPixels": Double(statistics.count), "signalComponents": Double(fractions.values.count { $0 > 2 }),
    ]
  }

  public func score(_ pixels: PixelMatrix, into values: PixelMatrix) {
    plan.scoreMixtures(pixels, filters: filters, targets: targets, deviations: deviations, into: values)
  }
}
