import CKernels

extension Tape {
  /// Softmax over the last axis.
  public func softmax(_ x: Variable) -> Variable {
    let y = x.value.copy()
    Softmax.rows(y)
    return record(y, inputs: [x]) { SoftmaxStep(x: x, y: y) }
  }
}

/// Softmax over the last axis.
enum Softmax {
  /// `a_i = exp(t_i − max t) / Σ exp(t_j − max t)` in place, every row by itself.
  static func rows(_ tensor: Tensor) {
    guard let columns = tensor.shape.last, columns > 0 else { return }
    rows(tensor.output, rows: tensor.count / columns, columns: columns)
  }

  /// The same for rows in memory.
  static func rows(_ values: UnsafeMutablePointer<Float>, rows: Int, columns: Int) {
    hsi_softmax_forward(values, rows, columns, 1, values)
  }

  /// Gradient of the logits from that of the output, in place: `dt = a ⊙ (da − Σ a ⊙ da)`.
  static func rowsBackward(_ gradient: Tensor, output: UnsafePointer<Float>, rows: Int, columns: Int) {
    hsi_softmax_backward(output, gradient.pointer, rows, columns, 1, gradient.output)
  }
}

private struct SoftmaxStep: TapeOperation {
  let x: Variable
  let y: Tensor
  func backward(_ gradient: Tensor, _ gradients: inout Gradients) {
    let dx = gradient.copy()
    let columns = y.shape.last ?? 1
    Softmax.rowsBackward(dx, output: y.pointer, rows: y.count / max(columns, 1), columns: columns)
    gradients.add(dx, to: x)
  }
}
