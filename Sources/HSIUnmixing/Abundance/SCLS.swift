import HSICore
import HSINumerics

/// Sum-to-one constrained least squares: `min ‖W^½(y − Ma)‖²` subject to `1ᵀa = 1`.
///
/// Written as `a = 1/K + Z t` with an orthonormal basis Z of the vectors that sum to zero, which equals the usual
/// `a_u − G⁻¹1 (1ᵀa_u − 1)/(1ᵀG⁻¹1)` and stays defined when G is singular. 2 L K flops per pixel.
public struct SCLS: AbundanceEstimator {
  public static let description = MethodDescription(
    id: "scls", name: "Sum-to-one constrained least squares (SCLS)", task: .abundance,
    citation:
      "D. C. Heinz and C.-I. Chang, Fully constrained least squares linear spectral mixture analysis, IEEE TGRS "
      + "39(3), 2001",
    cost: "2 N L K",
    advice: "As UCLS where fractions must add up; negative values still show wrong endmembers.")

  public init(_ parameters: MethodParameters) throws {}

  public func prepare(_ endmembers: SpectralLibrary, weights: [Double]?) throws -> any AbundanceSolver {
    let model = try LinearUnmixing(endmembers, weights: weights, method: "SCLS")
    let (bands, count) = (model.endmembers.rows, model.endmembers.columns)
    let mean = [Double](repeating: 1 / Double(count), count: count)
    guard count > 1 else {
      return AffineSolver(projection: Matrix(rows: bands, columns: 1), constant: mean)
    }
    // Helmert's orthonormal contrasts.
    let basis = Matrix<Double>(rows: count, columns: count - 1) { i, j in
      let norm = Double((j + 1) * (j + 2)).squareRoot()
      return i <= j ? 1 / norm : i == j + 1 ? -Double(j + 1) / norm : 0
    }
    let contrasts = model.rootWeighted.multiplied(by: basis)
    let inverse = basis.multiplied(by: try contrasts.leastSquares(.identity(bands), rcond: 1e-12))  // K × L
    let projection = Matrix<Double>(rows: bands, columns: count) { l, k in
      inverse[k, l] * (weights?[l].squareRoot() ?? 1)
    }
    let offset = projection.transposed.multiplied(by: model.endmembers.multiplied(by: mean))
    return AffineSolver(projection: projection, constant: zip(mean, offset).map(-))
  }
}
