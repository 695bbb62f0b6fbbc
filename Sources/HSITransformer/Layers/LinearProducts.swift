import CKernels

/// Products of rows with matrices `[out, in]`. Small matrices are packed once per version; large ones, of which packed copies
/// would double the memory of a network, column by column while they are used. Both give the same bits.
enum LinearProducts {
  /// Values from which a matrix is large.
  static let large = 1 << 16

  /// `y = x Mᵀ + bias + residual`.
  static func forward(
    _ x: UnsafePointer<Float>, rows: Int, _ matrix: Tensor, _ version: Int, _ pack: PackedWeights,
    bias: UnsafePointer<Float>?, residual: UnsafePointer<Float>?, _ y: UnsafeMutablePointer<Float>
  ) {
    let (output, input) = (matrix.shape[0], matrix.count / matrix.shape[0])
    guard matrix.count < large else {
      let scratch = ThreadScratch { hsi_linear_unpacked_scratch_size(input, $0) }
      hsi_linear_forward_unpacked(
        x, rows, input, matrix.pointer, 1, bias, output, residual, y, scratch.pointer,
        scratch.threads)
      return
    }
    let packed = pack.get(version: version, count: hsi_gemm_packed_size(input, output)) {
      hsi_gemm_pack_transposed(matrix.pointer, output, input, $0)
    }
    hsi_linear_forward(x, rows, input, packed.pointer, bias, output, residual, y)
  }

  /// `dx = dy M + residual`.
  static func dataGradient(
    _ dy: UnsafePointer<Float>, rows: Int, _ matrix: Tensor, _ version: Int, _ pack: PackedWeights,
    residual: UnsafePointer<Float>?, _ dx: UnsafeMutablePointer<Float>
  ) {
    let (output, input) = (matrix.shape[0], matrix.count / matrix.shape[0])
    guard matrix.count < large else {
      let scratch = ThreadScratch { hsi_linear_unpacked_scratch_size(output, $0) }
      hsi_linear_forward_unpacked(
        dy, rows, output, matrix.pointer, 0, nil, input, residual, dx, scratch.pointer,
        scratch.threads)
      return
    }
    let packed = pack.get(version: version, count: hsi_gemm_packed_size(output, input)) {
      hsi_gemm_pack(matrix.pointer, input, output, input, $0)
    }
    hsi_linear_forward(dy, rows, output, packed.pointer, nil, input, residual, dx)
  }
}
