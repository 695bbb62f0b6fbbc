import HSICore
import HSINumerics

/// Noise-whitened HFC: bands are divided by their noise standard deviation before the test of `HFC`.
///
/// The noise comes from inter-band regression (`NoiseEstimate`); dividing bands by σ scales both matrices by
/// `1/(σ_i σ_j)`, so one pass over the scene suffices. Bands without noise (constant or exact copies) are left out.
public struct NWHFC: CountEstimator {
  public static let description = MethodDescription(
    id: "nwhfc", name: "Noise-whitened HFC virtual dimensionality (NWHFC)", task: .count,
    citation:
      "C.-I. Chang and Q. Du, Estimation of number of spectrally distinct signal sources in hyperspectral "
      + "imagery, IEEE TGRS 42(3), 2004",
    cost: "N L² + L³, one pass",
    advice: "Like HFC for scenes whose noise differs between bands.", parameters: [HFC.falseAlarm])

  private let probability: Double

  public init(_ parameters: MethodParameters) throws { probability = parameters.value("pf") }

  public func count(_ scene: any StripSource, _ context: RunContext) throws -> CountEstimate {
    let claim = context.claimThreads()
    defer { claim.release() }
    return try count(SceneStatistics(scene, context, precision: .double))
  }

  /// The count from statistics in double precision.
  func count(_ statistics: SceneStatistics) throws -> CountEstimate {
    try requirePixels(statistics, 2, purpose: "counting endmembers with NWHFC")
    let deviations = try NoiseEstimate(statistics).variances.map { $0.squareRoot() }
    let floor = 1e-12 * (deviations.max() ?? 0)
    let kept = deviations.indices.filter { deviations[$0] > floor }
    guard !kept.isEmpty else { throw UnmixingError.noVariation(detail: "no band has any noise to whiten") }
    let (correlation, covariance) = (statistics.correlation, statistics.covariance)
    func whitened(_ matrix: Matrix<Double>) -> Matrix<Double> {
      Matrix(rows: kept.count, columns: kept.count) { i, j in
        matrix[kept[i], kept[j]] / (deviations[kept[i]] * deviations[kept[j]])
      }
    }
    return try virtualDimensionality(
      whitened(correlation), whitened(covariance), pixels: statistics.count, falseAlarm: probability)
  }
}
