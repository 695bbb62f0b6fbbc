import CKernels
import HSINumerics

extension Tape {
  /// A linear map of Kronecker products without the products:
  ///
  ///     y[b, c, n] = W concat_h (1/r) Σ_k u[b, c, h, k] ⊗ v[b, n, h, k] + w
  ///
  /// W is contracted with the positions first, `M_n[(h, k, a), o] = (1/r) Σ_j W[o, (h, a, j)] v[n, (h, k, j)]`, and that with the bands,
  /// `y[c, n] = Σ u[c, (h, k, a)] M_n[(h, k, a)]`: `r N D² + r C N D h d` multiplications instead of `C N D²`, and working memory of
  /// some positions instead of the grid.
  ///
  /// - Parameters:
  ///   - u: `[B, C, heads · rank · d]`; v: `[B, N, heads · rank · e]`.
  ///   - layer: a map of heads · d · e inputs whose adapters are matrices.
  /// - Returns: `[B, C, N, outputs]`.
  func kroneckerProjection(_ u: Variable, _ v: Variable, by layer: Linear, heads: Int, rank: Int) -> Variable {
    let step = KroneckerProjection(u: u, v: v, layer: layer, heads: heads, rank: rank)
    return record(step.forward(), inputs: [u, v], parameters: layer.parameters) { step }
  }
}

private struct KroneckerProjection: TapeOperation {
  let u: Variable
  let v: Variable
  let layer: Linear
  let heads: Int
  let rank: Int
  private let matrix: Tensor
  private let batch, first, second: Int
  /// Values of a band and of a position, and of one part of one head of them.
  private let bandWidth, positionWidth, d, e: Int
  /// Positions of a piece: what its contracted matrices take fits in a cache.
  private let piece: Int

  init(u: Variable, v: Variable, layer: Linear, heads: Int, rank: Int) {
    (self.u, self.v, self.layer, self.heads, self.rank) = (u, v, layer, heads, rank)
    matrix = layer.foldedWeight
    (batch, first, second) = (u.shape[0], u.shape[1], v.shape[1])
    (bandWidth, positionWidth) = (u.shape[2], v.shape[2])
    (d, e) = (bandWidth / (heads * rank), positionWidth / (heads * rank))
    precondition(
      v.shape[0] == batch && heads * d * e == layer.input && heads * rank * d == bandWidth
        && heads * rank * e == positionWidth, "Kronecker products of \(u.shape) and \(v.shape) for \(layer.weight.name)"
    )
    piece = max(1, min(second, min(64, (1 << 18) / (bandWidth * layer.output))))
    BLAS.prepare()
  }

  private var output: Int { layer.output }
  private var pieces: Int { (second + piece - 1) / piece }

  /// The sample and the positions of an item.
  private func place(_ item: Int) -> (sample: Int, positions: Range<Int>) {
    let start = item % pieces * piece
    return (item / pieces, start..<min(start + piece, second))
  }

  /// `M[(h, k, a)][n][o]` of some positions of a sample.
  private func contract(_ b: Int, _ positions: Range<Int>, _ target: UnsafeMutablePointer<Float>) {
    let count = positions.count
    for run in 0..<(heads * rank) {
      let values = v.value.pointer + (b * second + positions.lowerBound) * positionWidth + run * e
      for a in 0..<d {
        StridedProducts.multiply(
          values, positionWidth, .none, matrix.pointer + (run / rank * d + a) * e, layer.input, .transposed,
          target + (run * d + a) * count * output, output, m: count, n: output, k: e, scale: 1 / Float(rank))
      }
    }
  }

  func forward() -> Tensor {
    let y = Tensor(uninitialised: [batch, first, second, output])
    guard y.count > 0 else { return y }
    let bias = layer.bias?.value.pointer
    Parallel.forEach(batch * pieces) { item in
      let (b, positions) = place(item)
      let columns = positions.count * output
      let contracted = Tensor(uninitialised: [bandWidth * columns])
      contract(b, positions, contracted.output)
      let target = y.output + (b * first * second + positions.lowerBound) * output
      if let bias {
        for c in 0..<first {
          for n in 0..<positions.count { (target + (c * second + n) * output).update(from: bias, count: output) }
        }
      }
      StridedProducts.multiply(
        u.value.pointer + b * first * bandWidth, bandWidth, .none, contracted.pointer, columns, .none, target,
        second * output, m: first, n: columns, k: bandWidth, keep: bias == nil ? 0 : 1)
    }
    return y
  }

  func backward(_ gradient: Tensor, _ gradients: inout Gradients) {
    if let bias = layer.bias, bias.isTrainable {
      let sum = Tensor(uninitialised: [output])
      RepeatedView(gradient.shape, [output], 0..<3).sum(gradient.pointer, scale: 1, sum.output)
      bias.accumulate(sum)
    }
    let wantsMatrix = layer.wantsWeightGradient
    // Sums over items in parts whose number depends on the shapes alone.
    let items = batch * pieces
    let parts = max(1, min(items, 8))
    let bandParts = u.needsGradient ? Tensor(uninitialised: [items, first, bandWidth]) : nil
    let dv = v.needsGradient ? Tensor(uninitialised: v.shape) : nil
    let matrixParts = wantsMatrix ? Tensor.zeros([parts, output * layer.input]) : nil
    let factor = 1 / Float(rank)
    Parallel.forEach(parts) { part in
      let scratch = Tensor(uninitialised: [bandWidth * piece * output])
      for item in (part * items / parts)..<((part + 1) * items / parts) {
        let (b, positions) = place(item)
        let (count, columns) = (positions.count, positions.count * output)
        let dy = gradient.pointer + (b * first * second + positions.lowerBound) * output
        if let bandParts {
          contract(b, positions, scratch.output)
          StridedProducts.multiply(
            dy, second * output, .none, scratch.pointer, columns, .transposed,
            bandParts.output + item * first * bandWidth, bandWidth, m: first, n: bandWidth, k: columns)
        }
        guard dv != nil || matrixParts != nil else { continue }
        StridedProducts.multiply(
          u.value.pointer + b * first * bandWidth, bandWidth, .transposed, dy, second * output, .none, scratch.output,
          columns, m: bandWidth, n: columns, k: first)
        for run in 0..<(heads * rank) {
          let place = (b * second + positions.lowerBound) * positionWidth + run * e
          for a in 0..<d {
            let slice = scratch.pointer + (run * d + a) * columns
            let column = (run / rank * d + a) * e
            if let dv {
              StridedProducts.multiply(
                slice, output, .none, matrix.pointer + column, layer.input, .none, dv.output + place, positionWidth,
                m: count, n: e, k: output, scale: factor, keep: a == 0 ? 0 : 1)
            }
            if let matrixParts {
              StridedProducts.multiply(
                slice, output, .transposed, v.value.pointer + place, positionWidth, .none,
                matrixParts.output + part * output * layer.input + column, layer.input, m: output, n: e, k: count,
                scale: factor, keep: 1)
            }
          }
        }
      }
    }
    if let bandParts {
      let du = Tensor(uninitialised: u.shape)
      let size = first * bandWidth
      for b in 0..<batch {
        for i in 0..<size {
          var sum: Float = 0
          for item in (b * pieces)..<((b + 1) * pieces) { sum += bandParts.pointer[item * size + i] }
          du.output[b * size + i] = sum
        }
      }
      gradients.add(du, to: u)
    }
    if let dv { gradients.add(dv, to: v) }
    if let matrixParts {
      let sum = Tensor.zeros([output, layer.input])
      for part in 0..<parts { hsi_axpy(matrixParts.pointer + part * sum.count, sum.count, 1, sum.output) }
      layer.accumulate(foldedGradient: sum)
    }
  }
}
