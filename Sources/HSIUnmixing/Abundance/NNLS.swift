import HSICore
import HSINumerics

/// Nonnegative least squares: `min ‖W^½(y − Ma)‖²` subject to `a ≥ 0`, exact (`NonnegativeQuadraticProgram`).
///
/// 2 L K flops per pixel for `b = MᵀWy`, then a few K-dimensional solves.
public struct NNLS: AbundanceEstimator {
  public static let description = MethodDescription(
    id: "nnls", name: "Nonnegative least squares (NNLS, NCLS)", task: .abundance,
    citation: "C. L. Lawson and R. J. Hanson, Solving Least Squares Problems, 1974, chapter 23",
    cost: "2 N L K + N K³ at most",
    advice: "Where brightness varies (shadow, slopes): sums below one then measure illumination.",
    aliases: ["ncls"])

  public init(_ parameters: MethodParameters) throws {}

  public func prepare(_ endmembers: SpectralLibrary, weights: [Double]?) throws -> any AbundanceSolver {
    ProgramSolver(try LinearUnmixing(endmembers, weights: weights, method: "NNLS"), sumToOne: false)
  }
}
