import COpenBLAS
import HSICore

/// Whether a factor is used as it is or transposed.
public enum Transposition: Sendable {
  case none, transposed

  var blas: CBLAS_TRANSPOSE { self == .none ? CblasNoTrans : CblasTrans }
}

extension Matrix where Scalar == Double {
  /// `op(self) · op(other)`. Cost 2·m·n·k flops.
  public func multiplied(by other: Matrix, _ left: Transposition = .none, _ right: Transposition = .none) -> Matrix {
    let m = left == .none ? rows : columns
    let k = left == .none ? columns : rows
    let n = right == .none ? other.columns : other.rows
    precondition(k == (right == .none ? other.rows : other.columns), "inner sizes differ")
    var result = Matrix(rows: m, columns: n)
    guard m > 0, n > 0, k > 0 else { return result }
    BLAS.prepare()
    result.values.withUnsafeMutableBufferPointer { c in
      cblas_dgemm(
        CblasRowMajor, left.blas, right.blas, Int32(m), Int32(n), Int32(k), 1, values, Int32(columns),
        other.values, Int32(other.columns), 0, c.baseAddress, Int32(n))
    }
    return result
  }

  /// `self · vector`.
  public func multiplied(by vector: [Double]) -> [Double] {
    multiplied(by: Matrix(rows: vector.count, columns: 1, values: vector)).values
  }

  /// `selfᵀ · self`.
  public var gram: Matrix { multiplied(by: self, .transposed, .none) }
}

/// Process-wide settings of OpenBLAS.
public enum BLAS {
  private static let once: Void = {
    BLASKernels.choose()
    openblas_set_num_threads(1)
  }()

  /// Sets OpenBLAS to one thread, parallelism is ours (`Parallel`), and to kernels of this processor. Called by everything here that
  /// uses BLAS.
  public static func prepare() { _ = once }

  /// `c += a · b` in single precision on memory of the caller: a is m × k, b k × n, c m × n, row-major with the given
  /// distances between rows. Runs on the calling thread.
  public static func multiplyAdd(
    _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ c: UnsafeMutablePointer<Float>, m: Int, n: Int,
    k: Int,
    strides: (a: Int, b: Int, c: Int)
  ) {
    prepare()
    cblas_sgemm(
      CblasRowMajor, CblasNoTrans, CblasNoTrans, Int32(m), Int32(n), Int32(k), 1, a, Int32(strides.a), b,
      Int32(strides.b), 1, c, Int32(strides.c))
  }

  /// `c = a · b + beta · c` in double precision on memory of the caller: c is m × n and a, b as transposed are m × k and k × n,
  /// row-major without gaps. Runs on the calling thread.
  public static func multiply(
    _ a: UnsafePointer<Double>, _ left: Transposition = .none, _ b: UnsafePointer<Double>,
    _ right: Transposition = .none, into c: UnsafeMutablePointer<Double>, m: Int, n: Int, k: Int, beta: Double = 0
  ) {
    prepare()
    cblas_dgemm(
      CblasRowMajor, left.blas, right.blas, Int32(m), Int32(n), Int32(k), 1, a, Int32(left == .none ? k : m), b,
      Int32(right == .none ? n : k), beta, c, Int32(n))
  }

  /// The name of the kernels that OpenBLAS chose, e.g. `Cooperlake`, and its version.
  public static var configuration: (core: String, version: String) {
    prepare()
    let text = String(cString: openblas_get_config())
    let version = text.split(separator: " ").dropFirst().first.map(String.init) ?? "unknown"
    return (String(cString: openblas_get_corename()), version)
  }
}
