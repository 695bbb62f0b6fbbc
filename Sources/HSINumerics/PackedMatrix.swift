import CKernels

/// A right factor of products with pixels, laid out once for the kernel: `depth × columns`.
public final class PackedMatrix: Sendable {
  /// Values of a row that is multiplied.
  public let depth: Int
  /// Values of a row that comes out.
  public let columns: Int
  private let packed: [Float]

  /// A matrix of values in row-major order.
  public init(depth: Int, columns: Int, values: [Float]) {
    precondition(values.count == depth * columns)
    self.depth = depth
    self.columns = columns
    var packed = [Float](repeating: 0, count: hsi_gemm_packed_size(depth, columns))
    hsi_gemm_pack(values, columns, depth, columns, &packed)
    self.packed = packed
  }

  /// The transpose of a matrix of `columns` rows.
  public convenience init(transposing values: [Float], rows: Int, columns: Int) {
    var turned = [Float](repeating: 0, count: values.count)
    for i in 0..<rows { for j in 0..<columns { turned[j * rows + i] = values[i * columns + j] } }
    self.init(depth: columns, columns: rows, values: turned)
  }

  /// `out[n, k] = Σ x[n, l] · self[l, k]`, rows without gaps; added to what is there where `accumulating`. A row has the same bits
  /// whatever rows share the call. Runs on the calling thread.
  public func multiply(
    _ x: UnsafePointer<Float>, rows: Int, _ out: UnsafeMutablePointer<Float>, accumulating: Bool = false
  ) {
    hsi_gemm(x, depth, packed, out, columns, rows, columns, depth, accumulating ? 1 : 0)
  }
}
