import HSICore
import HSINumerics

/// Fully constrained least squares: `min ‖W^½(y − Ma)‖²` subject to `a ≥ 0` and `1ᵀa = 1`, both exact
/// (`NonnegativeQuadraticProgram`).
///
/// 2 L K flops per pixel for `b = MᵀWy`, then a few K-dimensional solves.
public struct FCLS: AbundanceEstimator {
  public static let description = MethodDescription(
    id: "fcls", name: "Fully constrained least squares (FCLS)", task: .abundance,
    citation:
      "D. C. Heinz and C.-I. Chang, Fully constrained least squares linear spectral mixture analysis, IEEE TGRS "
      + "39(3), 2001",
    cost: "2 N L K + N K³ at most",
    advice: "The default for known endmembers. Read it beside the residual and the UCLS sum, which it hides.")

  public init(_ parameters: MethodParameters) throws {}

  public func prepare(_ endmembers: SpectralLibrary, weights: [Double]?) throws -> any AbundanceSolver {
    ProgramSolver(try LinearUnmixing(endmembers, weights: weights, method: "FCLS"), sumToOne: true)
  }
}
