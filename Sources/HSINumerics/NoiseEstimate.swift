import HSICore

/// Noise of every band by linear prediction from all other bands, from second moments alone.
///
/// With `R = Σ y yᵀ` and `P = (R + εI)⁻¹`, the regression of band i on the others has coefficients
/// `β_j = −P_ji / P_ii`, so all L regressions are one inverse: the residuals are `W = D P Y` with
/// `D = diag(1 / P_ii)`. Their second moments need no second look at the pixels:
/// `W Wᵀ / N = C R Cᵀ / N` with `C = D P`, and those of the signal `Y − W` are `(I − C) R (I − C)ᵀ / N`.
/// Cost about 5 L³ flops. Source: Bioucas-Dias and Nascimento, HySime, IEEE TGRS 46(8), 2008, section III.
///
/// The statistics must be in double precision (`SceneStatistics.Precision.double`): noise is the small end of the
/// spectrum of R.
public struct NoiseEstimate: Sendable {
  /// `W Wᵀ / N`, L × L.
  public let noise: Matrix<Double>
  /// `(Y − W)(Y − W)ᵀ / N`, L × L.
  public let signal: Matrix<Double>
  /// `Y Yᵀ / N`, L × L.
  public let correlation: Matrix<Double>

  /// Noise variance per band.
  public var variances: [Double] { (0..<noise.rows).map { max(0, noise[$0, $0]) } }

  /// Estimates from accumulated statistics.
  ///
  /// - Parameter regularisation: what is added to the diagonal of `Y Yᵀ`, as a share of its mean, so that linearly dependent
  ///   bands do not stop the inversion. The authors' program has 1e-6 whatever the units, and counts depend on them.
  /// - Throws: `NumericsError.singular`.
  public init(_ statistics: SceneStatistics, regularisation: Double = 1e-10) throws {
    try self.init(
      correlation: statistics.correlation, count: statistics.count, regularisation: regularisation)
  }

  /// Estimates from second moments `Y Yᵀ / N` of `count` = N pixels; centred moments give regressions with intercept.
  ///
  /// - Throws: `NumericsError.singular`.
  public init(correlation: Matrix<Double>, count: Int, regularisation: Double = 1e-10) throws {
    let n = Double(count)
    let bands = correlation.rows
    let trace = (0..<bands).reduce(0) { $0 + correlation[$1, $1] }
    let epsilon = max(regularisation * trace * n / Double(max(bands, 1)), .leastNormalMagnitude)
    var regularised = correlation.map { $0 * n }
    for i in 0..<bands { regularised[i, i] += epsilon }
    let inverse = try regularised.inversePositiveDefinite()
    let residual = Matrix<Double>(rows: bands, columns: bands) { inverse[$0, $1] / inverse[$0, $0] }
    let prediction = Matrix<Double>(rows: bands, columns: bands) { ($0 == $1 ? 1 : 0) - residual[$0, $1] }
    self.correlation = correlation
    noise = residual.multiplied(by: correlation).multiplied(by: residual, .none, .transposed)
    signal = prediction.multiplied(by: correlation).multiplied(by: prediction, .none, .transposed)
  }
}
