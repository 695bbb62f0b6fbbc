extension Tape {
  /// A weighted sum of the errors of vectors, `Σ_i w_i e_i` with
  ///
  ///     e_i = Σ_k v_ik |x_ik − t_ik|^p / (Σ_k v_ik + 10⁻⁸),    p = 2 or 1
  ///
  /// over the last axis. All values are valid (v = 1) and the mean is exact, or, with `skipsZeros`, those whose target is not 0. Sums in
  /// double precision. Targets that were made on the tape get their gradient.
  ///
  /// - Parameters:
  ///   - x: `[…, K]`; target: as many values.
  ///   - weights: one per vector.
  ///   - isAbsolute: p = 1; the gradient at 0 is 0.
  public func weightedVectorError(
    _ x: Variable, _ target: Variable, weights: Tensor, isAbsolute: Bool = false, skipsZeros: Bool = false
  ) -> Variable {
    let width = x.shape.last ?? 1
    precondition(
      x.value.count == target.value.count && weights.count * width == x.value.count,
      "loss of \(x.shape) against \(target.shape), weights \(weights.shape)")
    let direction = Tensor(uninitialised: x.shape)
    let (values, wanted, slope) = (x.value.pointer, target.value.pointer, direction.output)
    var total = 0.0
    for row in 0..<weights.count {
      let range = (row * width)..<((row + 1) * width)
      var (sum, valid) = (0.0, 0.0)
      for i in range where !skipsZeros || wanted[i] != 0 {
        let difference = Double(values[i]) - Double(wanted[i])
        sum += isAbsolute ? abs(difference) : difference * difference
        valid += 1
      }
      let factor = Double(weights.pointer[row]) / (skipsZeros ? valid + 1e-8 : valid)
      total += factor * sum
      for i in range {
        let difference = Double(values[i]) - Double(wanted[i])
        let counts = !skipsZeros || wanted[i] != 0
        let sign: Double = difference > 0 ? 1 : difference < 0 ? -1 : 0
        slope[i] = counts ? Float(factor * (isAbsolute ? sign : 2 * difference)) : 0
      }
    }
    return record(Tensor([], [Float(total)]), inputs: [x, target]) {
      WeightedVectorError(x: x, target: target, direction: direction)
    }
  }
}

private struct WeightedVectorError: TapeOperation {
  let x: Variable
  let target: Variable
  let direction: Tensor

  func backward(_ gradient: Tensor, _ gradients: inout Gradients) {
    for (variable, sign) in [(x, Float(1)), (target, -1)] where variable.needsGradient {
      let result = Tensor.zeros(variable.shape)
      Elementwise.add(direction.reshaped(variable.shape), scale: sign * gradient.scalar, into: result)
      gradients.add(result, to: variable)
    }
  }
}
