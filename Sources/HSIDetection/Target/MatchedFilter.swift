import HSICore
import HSINumerics

/// Matched filter: the share of the target in a pixel if all else is background, 0 in the mean and 1 at the target.
///
///     MF(x) = sᵀ C⁻¹ (x − μ) / (sᵀ C⁻¹ s),   s = t − μ
///
/// ```swift
/// let parameters = try MethodParameters([:], for: MatchedFilter.description)
/// let filter = try MatchedFilter(library, in: cube, parameters, RunContext())
/// try filter.detect(in: cube, RunContext()) { strip in print(strip[.detection]!.values.max() ?? 0) }
/// ```
///
/// Source: Manolakis, Marden, Shaw, "Hyperspectral image processing for automatic target detection applications", Lincoln Laboratory
/// Journal 14(1), 2003.
public struct MatchedFilter: TargetDetector, PixelDetector {
  public static let description = MethodDescription(
    id: "mf", name: "Matched filter", task: .target,
    citation: "Manolakis, Marden, Shaw, Lincoln Lab. J. 14(1), 2003", cost: "N L² for the background, N L per target",
    advice: "How much of a material is in a pixel, where it is rare: the score is its share.",
    parameters: [BackgroundParameters.shrinkage, BackgroundParameters.exclude], aliases: ["matched-filter"])

  public let bands: [DetectionBand]
  public let facts: [String: Double]
  private let plan: ScorePlan

  public init(
    _ targets: SpectralLibrary, in source: any StripSource, _ parameters: MethodParameters, _ context: RunContext
  ) throws {
    let background = try BackgroundParameters.background(of: source, parameters, context)
    let filters = try TargetFilters(targets, background)
    bands = filters.names.scores("mf")
    facts = background.facts
    let weights = Matrix<Double>(rows: background.mean.count, columns: targets.count) { b, k in
      filters.filters[k][b] / filters.energies[k]
    }
    plan = ScorePlan(weights, shift: background.mean, groups: [])
  }

  public func score(_ pixels: PixelMatrix, into values: PixelMatrix) { plan.score(pixels, norms: nil, values: values) }
}
