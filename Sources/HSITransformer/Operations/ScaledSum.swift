import HSINumerics

extension Tape {
  /// `x + f ⊙ y`, shapes of x and y equal, f one factor per channel of the last axis. The gradient of f is a sum in double precision.
  public func scaledSum(_ x: Variable, _ y: Variable, factors f: Variable) -> Variable {
    let width = f.value.count
    precondition(
      x.value.count == y.value.count && y.shape.last == width, "sum of \(x.shape) and \(y.shape) times \(f.shape)")
    let result = Tensor(uninitialised: x.shape)
    let (a, b, factors, target) = (x.value.pointer, y.value.pointer, f.value.pointer, result.output)
    Parallel.forEachChunk(of: x.value.count / width, chunk: max(1, 16_384 / width)) { _, rows in
      for row in rows {
        let (u, v, w) = (a + row * width, b + row * width, target + row * width)
        for i in 0..<width { w[i] = u[i] + factors[i] * v[i] }
      }
    }
    return record(result, inputs: [x, y, f]) { ScaledSum(x: x, y: y, f: f) }
  }
}

private struct ScaledSum: TapeOperation {
  let x: Variable
  let y: Variable
  let f: Variable

  func backward(_ gradient: Tensor, _ gradients: inout Gradients) {
    let view = RepeatedView(y.shape, [f.value.count], 0..<(y.shape.count - 1))
    if y.needsGradient {
      let dy = Tensor(uninitialised: y.shape)
      view.combine(gradient.pointer, f.value.pointer, dy.output) { $0 * $1 }
      gradients.add(dy, to: y)
    }
    if f.needsGradient {
      let df = Tensor(uninitialised: f.shape)
      view.sum(gradient.pointer, times: y.value.pointer, scale: 1, df.output)
      gradients.add(df, to: f)
    }
    gradients.add(gradient, to: x)
  }
}
