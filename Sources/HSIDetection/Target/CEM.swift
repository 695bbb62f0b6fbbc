import HSICore
import HSINumerics

/// Constrained energy minimisation: the filter of least output that gives 1 at the target.
///
///     CEM(x) = tᵀ R⁻¹ x / (tᵀ R⁻¹ t),   R = Σ x xᵀ / N
///
/// Source: Harsanyi, "Detection and classification of subpixel spectral signatures in hyperspectral image sequences", PhD thesis,
/// University of Maryland Baltimore County, 1993; Chang, "Hyperspectral Imaging", 2003.
public struct CEM: TargetDetector, PixelDetector {
  public static let description = MethodDescription(
    id: "cem", name: "Constrained energy minimisation", task: .target,
    citation: "Harsanyi, PhD thesis, UMBC, 1993", cost: "N L² for the background, N L per target",
    advice: "As mf, but about the origin: for scenes whose background has no one mean.",
    parameters: [BackgroundParameters.shrinkage, BackgroundParameters.exclude])

  public let bands: [DetectionBand]
  public let facts: [String: Double]
  private let plan: ScorePlan

  public init(
    _ targets: SpectralLibrary, in source: any StripSource, _ parameters: MethodParameters, _ context: RunContext
  ) throws {
    let background = try BackgroundParameters.background(of: source, isCentred: false, parameters, context)
    let filters = try TargetFilters(targets, background, isCentred: false)
    bands = filters.names.scores("cem")
    facts = background.facts
    let weights = Matrix<Double>(rows: background.mean.count, columns: targets.count) { b, k in
      filters.filters[k][b] / filters.energies[k]
    }
    plan = ScorePlan(weights, shift: nil, groups: [])
  }

  public func score(_ pixels: PixelMatrix, into values: PixelMatrix) { plan.score(pixels, norms: nil, values: values) }
}
