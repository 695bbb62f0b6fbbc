import HSINumerics

extension Tape {
  /// The product of every matrix of `a` with the one of `b` in its place, `y_n = a_n b_n`, or `a_n b_nᵀ`.
  ///
  /// - Parameters:
  ///   - a: `[N, m, k]`.
  ///   - b: `[N, k, …]` whose later axes together are the n columns; `[N, n, k]` when `transposingSecond`.
  ///   - shape: the shape of the result, `N · m · n` values; `[N, m, n]` when nil.
  public func matrixProduct(
    _ a: Variable, _ b: Variable, transposingSecond: Bool = false, shape: [Int]? = nil
  ) -> Variable {
    let step = MatrixProduct(a: a, b: b, isTransposed: transposingSecond)
    let y = step.forward()
    return record(shape.map { y.reshaped($0) } ?? y, inputs: [a, b]) { step }
  }
}

private struct MatrixProduct: TapeOperation {
  let a: Variable
  let b: Variable
  let isTransposed: Bool
  private let matrices: Int
  private let m: Int
  private let k: Int
  private let n: Int

  init(a: Variable, b: Variable, isTransposed: Bool) {
    self.a = a
    self.b = b
    self.isTransposed = isTransposed
    precondition(a.shape.count == 3 && b.shape.count >= 3, "products of \(a.shape) and \(b.shape)")
    (matrices, m, k) = (a.shape[0], a.shape[1], a.shape[2])
    n = isTransposed ? b.shape[1] : b.shape[2...].reduce(1, *)
    precondition(b.value.count == matrices * k * n && b.shape[0] == matrices, "products of \(a.shape) and \(b.shape)")
  }

  /// `c_n = op(u_n) op(v_n)` of all matrices.
  private func products(
    _ u: Tensor, _ left: Transposition, _ v: Tensor, _ right: Transposition, m: Int, n: Int, k: Int, _ shape: [Int]
  ) -> Tensor {
    let y = Tensor(uninitialised: shape)
    for i in 0..<matrices {
      Products.multiply(
        u.pointer + i * m * k, left, v.pointer + i * k * n, right, y.output + i * m * n, m: m, n: n, k: k)
    }
    return y
  }

  func forward() -> Tensor {
    products(a.value, .none, b.value, isTransposed ? .transposed : .none, m: m, n: n, k: k, [matrices, m, n])
  }

  func backward(_ gradient: Tensor, _ gradients: inout Gradients) {
    if a.needsGradient {
      gradients.add(
        products(gradient, .none, b.value, isTransposed ? .none : .transposed, m: m, n: k, k: n, a.shape), to: a)
    }
    guard b.needsGradient else { return }
    gradients.add(
      isTransposed
        ? products(gradient, .transposed, a.value, .none, m: n, n: k, k: m, b.shape)
        : products(a.value, .transposed, gradient, .none, m: k, n: n, k: m, b.shape), to: b)
  }
}
