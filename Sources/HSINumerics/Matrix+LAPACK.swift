import COpenBLAS
import HSICore

/// Errors of linear algebra.
public enum NumericsError: HSIError {
  /// A matrix that had to be positive definite is not, or a factorisation failed.
  case singular(operation: String, size: Int)
  /// Sizes that do not fit.
  case shape(operation: String, left: String, right: String)

  public var category: ErrorCategory { .processing }
  public var identifier: String {
    switch self {
    case .singular: "E-SINGULAR"
    case .shape: "E-SHAPE"
    }
  }
  public var problem: String {
    switch self {
    case .singular(let operation, let size): "\(operation) failed: the \(size) × \(size) matrix is singular"
    case .shape(let operation, let left, let right): "\(operation): shapes \(left) and \(right) do not fit"
    }
  }
  public var advice: String? {
    switch self {
    case .singular: "spectra or bands are linearly dependent: remove duplicates, or use fewer endmembers"
    case .shape: nil
    }
  }
}

/// Eigenvalues and eigenvectors of a symmetric matrix.
public struct SymmetricEigen: Sendable {
  /// Eigenvalues, descending.
  public let values: [Double]
  /// Eigenvectors as columns, in the order of `values`; the entry of largest magnitude of each is positive.
  public let vectors: Matrix<Double>
}

extension Matrix where Scalar == Double {
  /// Eigen-decomposition of a symmetric matrix (LAPACK dsyevd). Cost about 9 n³.
  ///
  /// Signs are fixed (largest-magnitude entry positive, first one in a tie), so that results can be compared.
  public func symmetricEigen() throws -> SymmetricEigen {
    precondition(rows == columns)
    BLAS.prepare()
    let n = rows
    guard n > 0 else { return SymmetricEigen(values: [], vectors: self) }
    var a = values
    var w = [Double](repeating: 0, count: n)
    var size = Int32(n)
    var info: Int32 = 0
    var lwork: Int32 = -1
    var liwork: Int32 = -1
    var work = [0.0]
    var iwork: [Int32] = [0]
    dsyevd_("V", "U", &size, &a, &size, &w, &work, &lwork, &iwork, &liwork, &info)
    lwork = Int32(work[0])
    liwork = iwork[0]
    work = [Double](repeating: 0, count: Int(lwork))
    iwork = [Int32](repeating: 0, count: Int(liwork))
    dsyevd_("V", "U", &size, &a, &size, &w, &work, &lwork, &iwork, &liwork, &info)
    guard info == 0 else { throw NumericsError.singular(operation: "eigen-decomposition", size: n) }
    // Column-major: vector j is a[j·n ..< (j+1)·n], eigenvalues ascending.
    var vectors = Matrix(rows: n, columns: n)
    for j in 0..<n {
      let source = n - 1 - j
      var largest = 0
      for i in 1..<n where abs(a[source * n + i]) > abs(a[source * n + largest]) { largest = i }
      let sign: Double = a[source * n + largest] < 0 ? -1 : 1
      for i in 0..<n { vectors[i, j] = sign * a[source * n + i] }
    }
    return SymmetricEigen(values: w.reversed(), vectors: vectors)
  }

  /// Eigenvalues of a symmetric matrix, descending (LAPACK dsyevd). Cost about 4/3 n³.
  public func symmetricEigenvalues() throws -> [Double] {
    precondition(rows == columns)
    BLAS.prepare()
    guard rows > 0 else { return [] }
    var a = values
    var w = [Double](repeating: 0, count: rows)
    var size = Int32(rows)
    var info: Int32 = 0
    var work = [Double](repeating: 0, count: 66 * rows + 1)  // room for blocked tridiagonalisation
    var lwork = Int32(work.count)
    var liwork: Int32 = 1
    var iwork: [Int32] = [0]
    dsyevd_("N", "U", &size, &a, &size, &w, &work, &lwork, &iwork, &liwork, &info)
    guard info == 0 else { throw NumericsError.singular(operation: "eigenvalues", size: rows) }
    return w.reversed()
  }

  /// Solution `X` of `self · X = right` for a symmetric positive definite matrix (Cholesky).
  public func solvedPositiveDefinite(_ right: Matrix) throws -> Matrix {
    precondition(rows == columns && right.rows == rows)
    BLAS.prepare()
    var a = values
    var b = right.transposed.values  // row-major transpose = column-major right-hand sides
    var n = Int32(rows)
    var nrhs = Int32(right.columns)
    var info: Int32 = 0
    dpotrf_("U", &n, &a, &n, &info)
    guard info == 0 else { throw NumericsError.singular(operation: "Cholesky solve", size: rows) }
    dpotrs_("U", &n, &nrhs, &a, &n, &b, &n, &info)
    return Matrix(rows: right.columns, columns: rows, values: b).transposed
  }

  /// Inverse of a symmetric positive definite matrix (Cholesky).
  public func inversePositiveDefinite() throws -> Matrix {
    precondition(rows == columns)
    BLAS.prepare()
    var a = values
    var n = Int32(rows)
    var info: Int32 = 0
    dpotrf_("U", &n, &a, &n, &info)
    guard info == 0 else { throw NumericsError.singular(operation: "inversion", size: rows) }
    dpotri_("U", &n, &a, &n, &info)
    guard info == 0 else { throw NumericsError.singular(operation: "inversion", size: rows) }
    // The upper triangle of the column-major result is the lower one of our row-major view.
    return Matrix(rows: rows, columns: rows) { i, j in i >= j ? a[i * rows + j] : a[j * rows + i] }
  }

  /// `|det|` of a square matrix (LU); 0 when singular.
  public var absoluteDeterminant: Double {
    precondition(rows == columns)
    BLAS.prepare()
    var a = values
    var n = Int32(rows)
    var pivots = [Int32](repeating: 0, count: rows)
    var info: Int32 = 0
    dgetrf_(&n, &n, &a, &n, &pivots, &info)
    return (0..<rows).reduce(1.0) { $0 * abs(a[$1 * rows + $1]) }
  }

  /// Minimum-norm least-squares solution `X` of `self · X ≈ right` by singular values (LAPACK dgelsd).
  ///
  /// - Parameter rcond: singular values below `rcond · σ₁` count as zero; negative means machine precision.
  public func leastSquares(_ right: Matrix, rcond: Double = -1) throws -> Matrix {
    precondition(right.rows == rows)
    BLAS.prepare()
    var m = Int32(rows)
    var n = Int32(columns)
    var nrhs = Int32(right.columns)
    var a = transposed.values
    let ldb = max(rows, columns)
    var b = [Double](repeating: 0, count: ldb * right.columns)
    for j in 0..<right.columns { for i in 0..<rows { b[j * ldb + i] = right[i, j] } }
    var lda = m
    var leading = Int32(ldb)
    var s = [Double](repeating: 0, count: min(rows, columns))
    var cutoff = rcond
    var rank: Int32 = 0
    var info: Int32 = 0
    var lwork: Int32 = -1
    var work = [0.0]
    var iwork: [Int32] = [0]
    dgelsd_(&m, &n, &nrhs, &a, &lda, &b, &leading, &s, &cutoff, &rank, &work, &lwork, &iwork, &info)
    lwork = Int32(work[0])
    work = [Double](repeating: 0, count: Int(lwork))
    iwork = [Int32](repeating: 0, count: max(1, Int(iwork[0])))
    dgelsd_(&m, &n, &nrhs, &a, &lda, &b, &leading, &s, &cutoff, &rank, &work, &lwork, &iwork, &info)
    guard info == 0 else { throw NumericsError.singular(operation: "least squares", size: columns) }
    return Matrix(rows: columns, columns: right.columns) { b[$1 * ldb + $0] }
  }

  /// Moore–Penrose inverse.
  public func pseudoInverse() throws -> Matrix { try leastSquares(.identity(rows)) }
}
