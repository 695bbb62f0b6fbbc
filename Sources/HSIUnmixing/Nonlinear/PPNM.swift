import HSICore

/// Polynomial post-nonlinear mixing model (PPNM): one number per pixel for how much light is scattered twice.
///
/// `y = M a + b (M a) ∘ (M a)` with `a ≥ 0`, `1ᵀa = 1` and `|b| ≤ limit`; b = 0 is linear mixing. Starts at FCLS; a and b together by damped
/// Gauss–Newton steps under the limits, until the objective hardly falls (`hsi_bilinear.h`).
///
/// Products of spectra count in reflectance: they are divided by the value that stands for a reflectance of 1, told from the brightest value of
/// the endmembers (`MESMA.unit`).
public struct PPNM: AbundanceEstimator {
  public static let description = MethodDescription(
    id: "ppnm", name: "Polynomial post-nonlinear mixing model (PPNM)", task: .abundance,
    citation:
      "Y. Altmann, A. Halimi, N. Dobigeon and J.-Y. Tourneret, Supervised nonlinear spectral unmixing using a postnonlinear mixing "
      + "model for hyperspectral imagery, IEEE TIP 21(6), 2012; solved by damped Gauss–Newton steps",
    cost: "2 N L K² + N K⁶ T / 8",
    advice: "As GBM with one number per pixel, and materials that scatter with themselves; in reflectance.",
    parameters: BilinearSolver.parameters + [
      ParameterDescription("limit", 0.3, in: 0...1e6, "largest |b|; Altmann et al. draw b from −0.3 to 0.3")
    ])

  private let parameters: MethodParameters

  public init(_ parameters: MethodParameters) throws { self.parameters = parameters }

  public func prepare(_ endmembers: SpectralLibrary, weights: [Double]?) throws -> any AbundanceSolver {
    let limit = parameters.value("limit")
    return try BilinearSolver(
      endmembers, weights: weights, isPolynomial: true, limits: -limit...limit, parameters: parameters, method: "PPNM")
  }
}
