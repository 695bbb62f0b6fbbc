import HSICore

/// Directions in which a covariance is largest in units of a noise covariance (minimum noise fraction).
///
/// With `N = U D Uᵀ` and V the eigenvectors of `D^{−½} Uᵀ S U D^{−½}`, the directions are the columns of `A = U D^{−½} V`, in which the noise
/// is white with unit variance, and `U D^{½} V` turns components back into spectra. Eigenvalues of N below 1e-9 of the largest count as
/// that, so that dependent bands do not stop it. The coefficient of largest magnitude of each direction is positive. Cost 20 L³.
/// Source: A. A. Green, M. Berman, P. Switzer and M. D. Craig, IEEE TGRS 26(1), 1988.
public struct NoiseFractions: Sendable {
  /// Variances in units of the noise, descending: signal plus one.
  public let values: [Double]
  /// A, bands × components.
  public let directions: Matrix<Double>
  /// `U D^{½} V`, bands × components; its transpose times A is the identity.
  public let spectra: Matrix<Double>

  /// The directions of a covariance S and a noise covariance N, both L × L and in the same units.
  ///
  /// - Throws: `NumericsError.singular` where the noise is 0 everywhere or eigenvalues are not found.
  public init(covariance: Matrix<Double>, noise: Matrix<Double>) throws {
    precondition(covariance.rows == noise.rows && covariance.columns == noise.columns)
    let bands = covariance.rows
    let own = try noise.symmetricEigen()
    guard let largest = own.values.first else {
      (values, directions, spectra) = ([], covariance, covariance)
      return
    }
    guard largest > 0, largest.isFinite else {
      throw NumericsError.singular(operation: "whitening of noise", size: bands)
    }
    let floor = max(1e-9 * largest, .leastNormalMagnitude)
    let deviations = own.values.map { max($0, floor).squareRoot() }
    let whitening = Matrix<Double>(rows: bands, columns: bands) { own.vectors[$0, $1] / deviations[$1] }
    let white = whitening.multiplied(by: covariance, .transposed, .none).multiplied(by: whitening)
    let eigen = try white.symmetricEigen()
    let raw = whitening.multiplied(by: eigen.vectors)
    let colouring = Matrix<Double>(rows: bands, columns: bands) { own.vectors[$0, $1] * deviations[$1] }
    let back = colouring.multiplied(by: eigen.vectors)
    let signs = (0..<bands).map { k -> Double in
      let peak = (0..<bands).reduce(0.0) { abs(raw[$1, k]) > abs($0) ? raw[$1, k] : $0 }
      return peak < 0 ? -1 : 1
    }
    values = eigen.values
    directions = Matrix(rows: bands, columns: bands) { signs[$1] * raw[$0, $1] }
    spectra = Matrix(rows: bands, columns: bands) { signs[$1] * back[$0, $1] }
  }
}
