import COpenBLAS

/// Numbers that dense products and factors are made of.
public protocol DenseScalar: BinaryFloatingPoint & Sendable {
  /// `c = left(a) · right(b)`: c is m × n and a, b as transposed are m × k and k × n, row-major without gaps.
  static func multiply(
    _ a: UnsafePointer<Self>, _ left: Transposition, _ b: UnsafePointer<Self>, _ right: Transposition,
    into c: UnsafeMutablePointer<Self>, m: Int, n: Int, k: Int)
  /// The lower triangle of `c = a · aᵀ`, a being n × k.
  static func gram(_ a: UnsafePointer<Self>, into c: UnsafeMutablePointer<Self>, n: Int, k: Int)
  /// The lower triangle of `c = c + alpha · aᵀ · a`, a being k × n.
  static func addOuter(
    _ a: UnsafePointer<Self>, alpha: Self, to c: UnsafeMutablePointer<Self>, n: Int, k: Int)
  /// Replaces the lower triangle of a symmetric positive definite matrix by its Cholesky factor; false where it is not one.
  static func factorise(_ a: UnsafeMutablePointer<Self>, order: Int) -> Bool
  /// `b = L⁻¹ b` for a lower triangle L (order × order) and b, order × columns.
  static func solveLower(_ l: UnsafePointer<Self>, order: Int, _ b: UnsafeMutablePointer<Self>, columns: Int)
  /// Sum of the squares of values.
  static func sumOfSquares(_ values: UnsafePointer<Self>, count: Int) -> Self
}

extension Float: DenseScalar {
  public static func multiply(
    _ a: UnsafePointer<Float>, _ left: Transposition, _ b: UnsafePointer<Float>, _ right: Transposition,
    into c: UnsafeMutablePointer<Float>, m: Int, n: Int, k: Int
  ) {
    cblas_sgemm(
      CblasRowMajor, left.blas, right.blas, Int32(m), Int32(n), Int32(k), 1, a, Int32(left == .none ? k : m), b,
      Int32(right == .none ? n : k), 0, c, Int32(n))
  }

  public static func gram(_ a: UnsafePointer<Float>, into c: UnsafeMutablePointer<Float>, n: Int, k: Int) {
    cblas_ssyrk(CblasRowMajor, CblasLower, CblasNoTrans, Int32(n), Int32(k), 1, a, Int32(k), 0, c, Int32(n))
  }

  public static func addOuter(
    _ a: UnsafePointer<Float>, alpha: Float, to c: UnsafeMutablePointer<Float>, n: Int, k: Int
  ) {
    cblas_ssyrk(CblasRowMajor, CblasLower, CblasTrans, Int32(n), Int32(k), alpha, a, Int32(n), 1, c, Int32(n))
  }

  public static func factorise(_ a: UnsafeMutablePointer<Float>, order: Int) -> Bool {
    var (n, info) = (Int32(order), Int32(0))
    // The lower triangle of rows is the upper one of columns.
    spotrf_("U", &n, a, &n, &info)
    return info == 0
  }

  public static func solveLower(
    _ l: UnsafePointer<Float>, order: Int, _ b: UnsafeMutablePointer<Float>, columns: Int
  ) {
    cblas_strsm(
      CblasRowMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, Int32(order), Int32(columns), 1, l,
      Int32(order), b, Int32(columns))
  }

  public static func sumOfSquares(_ values: UnsafePointer<Float>, count: Int) -> Float {
    cblas_sdot(Int32(count), values, 1, values, 1)
  }
}

extension Double: DenseScalar {
  public static func multiply(
    _ a: UnsafePointer<Double>, _ left: Transposition, _ b: UnsafePointer<Double>, _ right: Transposition,
    into c: UnsafeMutablePointer<Double>, m: Int, n: Int, k: Int
  ) {
    BLAS.multiply(a, left, b, right, into: c, m: m, n: n, k: k)
  }

  public static func gram(_ a: UnsafePointer<Double>, into c: UnsafeMutablePointer<Double>, n: Int, k: Int) {
    cblas_dsyrk(CblasRowMajor, CblasLower, CblasNoTrans, Int32(n), Int32(k), 1, a, Int32(k), 0, c, Int32(n))
  }

  public static func addOuter(
    _ a: UnsafePointer<Double>, alpha: Double, to c: UnsafeMutablePointer<Double>, n: Int, k: Int
  ) {
    cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, Int32(n), Int32(k), alpha, a, Int32(n), 1, c, Int32(n))
  }

  public static func factorise(_ a: UnsafeMutablePointer<Double>, order: Int) -> Bool {
    var (n, info) = (Int32(order), Int32(0))
    dpotrf_("U", &n, a, &n, &info)
    return info == 0
  }

  public static func solveLower(
    _ l: UnsafePointer<Double>, order: Int, _ b: UnsafeMutablePointer<Double>, columns: Int
  ) {
    cblas_dtrsm(
      CblasRowMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, Int32(order), Int32(columns), 1, l,
      Int32(order), b, Int32(columns))
  }
  public static func sumOfSquares(_ values: UnsafePointer<Double>, count: Int) -> Double {
    cblas_ddot(Int32(count), values, 1, values, 1)
  }
}
