import COpenBLAS
import HSINumerics

/// Single-precision products of small or square matrices on OpenBLAS; skinny ones have kernels of their own.
enum Products {
  /// `c = scale · op(a) · op(b) + keep · c`, row-major, c `m × n`, inner size `k`; rows without gaps.
  static func multiply(
    _ a: UnsafePointer<Float>, _ left: Transposition, _ b: UnsafePointer<Float>,
    _ right: Transposition, _ c: UnsafeMutablePointer<Float>, m: Int, n: Int, k: Int, scale: Float = 1,
    keep: Float = 0
  ) {
    guard m > 0, n > 0 else { return }
    guard k > 0 else {
      for i in 0..<(m * n) { c[i] *= keep }
      return
    }
    BLAS.prepare()
    let lda = left == .none ? k : m
    let ldb = right == .none ? n : k
    // Pieces of rows whose size depends on the problem alone, so that the result does not depend on the threads.
    let piece = max(32, (m + 15) / 16)
    let isSmall = 2 * m * n * k < 4_000_000
    Parallel.forEachChunk(of: m, chunk: isSmall ? m : piece) { _, rows in
      let start = left == .none ? a + rows.lowerBound * lda : a + rows.lowerBound
      cblas_sgemm(
        CblasRowMajor, left == .none ? CblasNoTrans : CblasTrans, right == .none ? CblasNoTrans : CblasTrans,
        Int32(rows.count), Int32(n), Int32(k), scale, start, Int32(lda), b, Int32(ldb), keep,
        c + rows.lowerBound * n, Int32(n))
    }
  }
}
