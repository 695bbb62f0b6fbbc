import CKernels
import HSINumerics

/// The few cosines in which a matrix gradient is largest: a subspace that is found by a transform, without a decomposition.
///
/// A matrix `[out, in]` is transformed along its rows (`out ≥ in`) or else along its columns; the `rank` frequencies of largest ℓ1
/// norm are kept, ties by number. `a` is `[out, rank]`, or `[rank, in]`.
struct CosineSubspace {
  let rows, columns, rank: Int
  /// Whether frequencies are those of rows.
  let isRight: Bool

  /// A subspace of a parameter's matrix; nil for vectors and for matrices that have less than the rank.
  init?(_ shape: [Int], rank: Int) {
    guard let rows = shape.first, shape.count > 1 else { return nil }
    let columns = shape.dropFirst().reduce(1, *)
    guard min(rows, columns) >= rank else { return nil }
    (self.rows, self.columns, self.rank) = (rows, columns, rank)
    isRight = rows >= columns
  }

  /// Length of the transformed lines.
  var length: Int { isRight ? columns : rows }
  /// Shape of a matrix in the subspace.
  var shape: [Int] { isRight ? [rows, rank] : [rank, columns] }

  /// A matrix in the subspace, and the frequencies that span it, ascending.
  func project(_ matrix: Tensor) -> (matrix: Tensor, frequencies: [Int]) {
    let transformed = matrix.copy()
    CosineTransform(rows: rows, columns: columns, along: isRight ? .rows : .columns)(transformed.output)
    let norms = norms(transformed.pointer)
    let chosen = norms.indices.sorted { norms[$0] != norms[$1] ? norms[$0] > norms[$1] : $0 < $1 }.prefix(rank).sorted()
    let result = Tensor(uninitialised: shape)
    if isRight {
      hsi_gather_columns(transformed.pointer, rows, columns, chosen.map { Int32($0) }, rank, result.output)
    } else {
      for (n, row) in chosen.enumerated() {
        (result.output + n * columns).update(from: transformed.pointer + row * columns, count: columns)
      }
    }
    return (result, chosen)
  }

  /// ℓ1 norms of the frequencies, by a product of absolute values with ones.
  private func norms(_ values: UnsafePointer<Float>) -> [Float] {
    let magnitudes = Tensor(uninitialised: [rows, columns])
    for i in 0..<(rows * columns) { magnitudes.output[i] = abs(values[i]) }
    let ones = Tensor([isRight ? rows : columns], repeating: 1)
    var result = [Float](repeating: 0, count: length)
    result.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      if isRight {
        Products.multiply(ones.pointer, .none, magnitudes.pointer, .none, base, m: 1, n: columns, k: rows)
      } else {
        Products.multiply(magnitudes.pointer, .none, ones.pointer, .none, base, m: rows, n: 1, k: columns)
      }
    }
    return result
  }

  /// `matrix = keep · matrix + scale · (what lies in the subspace, back in the whole space)`.
  func add(
    _ inner: Tensor, _ frequencies: [Int], scale: Float, keep: Float, to matrix: UnsafeMutablePointer<Float>
  ) {
    let basis = CosineSubspace.vectors(length, frequencies)
    if isRight {
      Products.multiply(
        inner.pointer, .none, basis.pointer, .none, matrix, m: rows, n: columns, k: rank, scale: scale, keep: keep)
    } else {
      Products.multiply(
        basis.pointer, .transposed, inner.pointer, .none, matrix, m: rows, n: columns, k: rank, scale: scale, keep: keep
      )
    }
  }

  /// Basis vectors of some frequencies as rows.
  private static func vectors(_ length: Int, _ frequencies: [Int]) -> Tensor {
    let basis = CosineTransform.basis(length)
    let result = Tensor(uninitialised: [frequencies.count, length])
    basis.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      for (n, k) in frequencies.enumerated() {
        (result.output + n * length).update(from: base + k * length, count: length)
      }
    }
    return result
  }
}
