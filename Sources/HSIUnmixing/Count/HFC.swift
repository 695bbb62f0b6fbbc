import Foundation
import HSICore
import HSINumerics

/// Virtual dimensionality by the eigenvalue test of Harsanyi, Farrand and Chang (HFC).
///
/// Sorted eigenvalues `λ̂` of the correlation and `λ` of the covariance matrix (divided by N − 1) differ by signal
/// only. Component i counts when `λ̂_i − λ_i > τ_i = −Φ⁻¹(P_F) · sqrt(2(λ̂_i² + λ_i²)/N)`.
/// One pass over the scene, N·L² + O(L³) flops.
public struct HFC: CountEstimator {
  public static let description = MethodDescription(
    id: "hfc", name: "Harsanyi–Farrand–Chang virtual dimensionality (HFC)", task: .count,
    citation:
      "C.-I. Chang and Q. Du, Estimation of number of spectrally distinct signal sources in hyperspectral "
      + "imagery, IEEE TGRS 42(3), 2004",
    cost: "N L² + L³, one pass",
    advice:
      "A lower bound with a controlled false-alarm rate; assumes white noise, so prefer NWHFC for raw data.",
    parameters: [falseAlarm])

  /// P_F, shared with `NWHFC`.
  static let falseAlarm = ParameterDescription(
    "pf", 1e-3, in: 1e-12...0.5, "false-alarm probability of each test; smaller counts fewer")

  private let probability: Double

  public init(_ parameters: MethodParameters) throws { probability = parameters.value("pf") }

  public func count(_ scene: any StripSource, _ context: RunContext) throws -> CountEstimate {
    let claim = context.claimThreads()
    defer { claim.release() }
    let statistics = try SceneStatistics(scene, context, precision: .double)
    try requirePixels(statistics, 2, purpose: "counting endmembers with HFC")
    return try virtualDimensionality(
      statistics.correlation, statistics.covariance, pixels: statistics.count, falseAlarm: probability)
  }
}

/// The test of HFC on given correlation and covariance (divided by N) matrices; `evidence` holds `λ̂ − λ − τ`.
func virtualDimensionality(
  _ correlation: Matrix<Double>, _ covariance: Matrix<Double>, pixels: Int, falseAlarm: Double
) throws -> CountEstimate {
  let n = Double(pixels)
  let correlated = try correlation.symmetricEigenvalues()
  let centred = try covariance.symmetricEigenvalues().map { $0 * n / (n - 1) }
  let quantile = -normalQuantile(falseAlarm)
  let excess = zip(correlated, centred).map { a, b in
    a - b - quantile * (2 * (a * a + b * b) / n).squareRoot()
  }
  return CountEstimate(count: excess.count { $0 > 0 }, evidence: excess)
}

/// `Φ⁻¹(p)` of the standard normal distribution by Newton's method on `erfc`, full precision for 1e-300 < p < 1.
func normalQuantile(_ p: Double) -> Double {
  guard p > 0, p < 1 else { return p <= 0 ? -.infinity : .infinity }
  if p > 0.5 { return -normalQuantile(1 - p) }
  // Newton on log Φ, which is concave: no overshoot from the left tail's asymptote.
  var x = p < 0.4 ? -(-2 * log(p)).squareRoot() : 0
  for _ in 0..<100 {
    let distribution = 0.5 * erfc(-x / 2.0.squareRoot())
    let density = exp(-x * x / 2) / (2 * Double.pi).squareRoot()
    let step = distribution / density * log(distribution / p)
    x -= step
    if abs(step) < 1e-15 * max(1, abs(x)) { break }
  }
  return x
}
