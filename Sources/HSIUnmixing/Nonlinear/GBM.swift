import HSICore

/// Generalised bilinear model (GBM): light that meets two materials before it is seen.
///
/// `y = M a + Σ_{i<j} γ_ij a_i a_j m_i ∘ m_j` with `a ≥ 0`, `1ᵀa = 1`, `0 ≤ γ_ij ≤ 1`; γ = 0 is linear mixing, γ = 1 the model of Fan. Starts at FCLS;
/// a and γ together by damped Gauss–Newton steps under the limits, until the objective hardly falls (`hsi_bilinear.h`).
///
/// Products of spectra count in reflectance: they are divided by the value that stands for a reflectance of 1, told from the brightest value of
/// the endmembers (`MESMA.unit`).
public struct GBM: AbundanceEstimator {
  public static let description = MethodDescription(
    id: "gbm", name: "Generalised bilinear model (GBM)", task: .abundance,
    citation:
      "A. Halimi, Y. Altmann, N. Dobigeon and J.-Y. Tourneret, Nonlinear unmixing of hyperspectral images using a generalized "
      + "bilinear model, IEEE TGRS 49(11), 2011; solved by damped Gauss–Newton steps",
    cost: "2 N L K² + N K⁶ T / 8",
    advice: "Canopies and towns, where light meets two materials; the scene must be in reflectance.",
    parameters: BilinearSolver.parameters)

  private let parameters: MethodParameters

  public init(_ parameters: MethodParameters) throws { self.parameters = parameters }

  public func prepare(_ endmembers: SpectralLibrary, weights: [Double]?) throws -> any AbundanceSolver {
    try BilinearSolver(endmembers, weights: weights, isPolynomial: false, parameters: parameters, method: "GBM")
  }
}
