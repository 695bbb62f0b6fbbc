import HSICore
import HSINumerics

/// Unconstrained least squares: `a = (MᵀWM)⁻¹ MᵀWy`.
///
/// The pseudo-inverse is formed once from singular values of `W^½M`, so linearly dependent endmembers give the
/// solution of least norm instead of an error. 2 L K flops per pixel.
public struct UCLS: AbundanceEstimator {
  public static let description = MethodDescription(
    id: "ucls", name: "Unconstrained least squares (UCLS)", task: .abundance,
    citation:
      "D. C. Heinz and C.-I. Chang, Fully constrained least squares linear spectral mixture analysis, IEEE TGRS "
      + "39(3), 2001",
    cost: "2 N L K",
    advice: "To judge endmembers: negative values and sums far from one reveal wrong or missing ones.")

  public init(_ parameters: MethodParameters) throws {}

  public func prepare(_ endmembers: SpectralLibrary, weights: [Double]?) throws -> any AbundanceSolver {
    let model = try LinearUnmixing(endmembers, weights: weights, method: "UCLS")
    let inverse = try model.rootWeighted.leastSquares(.identity(model.endmembers.rows), rcond: 1e-12)  // K × L
    let projection = Matrix<Double>(rows: inverse.columns, columns: inverse.rows) { l, k in
      inverse[k, l] * (weights?[l].squareRoot() ?? 1)
    }
    return AffineSolver(projection: projection, constant: [Double](repeating: 0, count: inverse.rows))
  }
}
