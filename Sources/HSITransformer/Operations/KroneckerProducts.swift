import HSINumerics

extension Tape {
  /// `y[b, c, n, h] = (1/r) Σ_k u[b, c, h, k] ⊗ v[b, n, h, k]`, the index of u slow.
  ///
  /// - Parameters:
  ///   - u: `[B, C, heads · rank · d]`; v: `[B, N, heads · rank · e]`.
  /// - Returns: `[B, C, N, heads · d · e]`.
  func kroneckerProducts(_ u: Variable, _ v: Variable, heads: Int, rank: Int) -> Variable {
    let step = KroneckerProducts(u: u, v: v, heads: heads, rank: rank)
    return record(step.forward(), inputs: [u, v]) { step }
  }
}

private struct KroneckerProducts: TapeOperation {
  let u: Variable
  let v: Variable
  let heads: Int
  let rank: Int

  private var batch: Int { u.shape[0] }
  private var first: Int { u.shape[1] }
  private var second: Int { v.shape[1] }
  private var d: Int { u.shape[2] / (heads * rank) }
  private var e: Int { v.shape[2] / (heads * rank) }

  /// Calls `body` with a head's vectors (rank rows each) and its part of the grid for the pairs of one outer entry.
  private func walk(outer: Int, inner: Int, _ body: @Sendable (_ b: Int, _ o: Int, _ i: Int, _ h: Int) -> Void) {
    Parallel.forEach(batch * outer) { item in
      for i in 0..<inner { for h in 0..<heads { body(item / outer, item % outer, i, h) } }
    }
  }

  private func start(u c: Int, _ b: Int, _ h: Int) -> Int { ((b * first + c) * heads + h) * rank * d }
  private func start(v n: Int, _ b: Int, _ h: Int) -> Int { ((b * second + n) * heads + h) * rank * e }
  private func start(pair c: Int, _ n: Int, _ b: Int, _ h: Int) -> Int {
    (((b * first + c) * second + n) * heads + h) * d * e
  }

  func forward() -> Tensor {
    precondition(u.shape[0] == v.shape[0], "Kronecker products of \(u.shape) and \(v.shape)")
    let y = Tensor(uninitialised: [batch, first, second, heads * d * e])
    let (d, e, factor) = (d, e, 1 / Float(rank))
    walk(outer: first, inner: second) { b, c, n, h in
      let (left, right) = (u.value.pointer + start(u: c, b, h), v.value.pointer + start(v: n, b, h))
      let target = y.output + start(pair: c, n, b, h)
      for a in 0..<d {
        for j in 0..<e {
          var sum: Float = 0
          for k in 0..<rank { sum += left[k * d + a] * right[k * e + j] }
          target[a * e + j] = factor * sum
        }
      }
    }
    return y
  }

  func backward(_ gradient: Tensor, _ gradients: inout Gradients) {
    let (d, e, factor) = (d, e, 1 / Float(rank))
    if u.needsGradient {
      let du = Tensor.zeros(u.shape)
      walk(outer: first, inner: second) { b, c, n, h in
        let (dy, right) = (gradient.pointer + start(pair: c, n, b, h), v.value.pointer + start(v: n, b, h))
        let target = du.output + start(u: c, b, h)
        for k in 0..<rank {
          for a in 0..<d {
            var sum: Float = 0
            for j in 0..<e { sum += dy[a * e + j] * right[k * e + j] }
            target[k * d + a] += factor * sum
          }
        }
      }
      gradients.add(du, to: u)
    }
    if v.needsGradient {
      let dv = Tensor.zeros(v.shape)
      walk(outer: second, inner: first) { b, n, c, h in
        let (dy, left) = (gradient.pointer + start(pair: c, n, b, h), u.value.pointer + start(u: c, b, h))
        let target = dv.output + start(v: n, b, h)
        for k in 0..<rank {
          for a in 0..<d {
            let weight = factor * left[k * d + a]
            for j in 0..<e { target[k * e + j] += weight * dy[a * e + j] }
          }
        }
      }
      gradients.add(dv, to: v)
    }
  }
}
