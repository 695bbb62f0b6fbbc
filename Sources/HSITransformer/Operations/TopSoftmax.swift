import Foundation

extension Tape {
  /// Softmax over the `count` greatest values of the last axis; all others weigh nothing. Of equal values the first ones count.
  ///
  /// - Parameter count: from 1; more than there are, or less than 1, means all.
  public func topSoftmax(_ x: Variable, count: Int) -> Variable {
    let columns = x.shape.last ?? 1
    let kept = count < 1 ? columns : min(count, columns)
    let y = Tensor.zeros(x.shape)
    for row in 0..<(x.value.count / max(columns, 1)) {
      let (from, to) = (x.value.pointer + row * columns, y.output + row * columns)
      let chosen = (0..<columns).sorted { (from[$1], $0) < (from[$0], $1) }.prefix(kept)
      guard let first = chosen.first else { continue }
      let largest = from[first]
      for i in chosen { to[i] = exp(from[i] - largest) }
      let sum = chosen.reduce(Float(0)) { $0 + to[$1] }
      for i in chosen { to[i] /= sum }
    }
    return record(y, inputs: [x]) { TopSoftmax(x: x, y: y) }
  }
}

private struct TopSoftmax: TapeOperation {
  let x: Variable
  let y: Tensor

  /// As for a softmax: where the output is zero, so is the gradient.
  func backward(_ gradient: Tensor, _ gradients: inout Gradients) {
    let dx = gradient.copy()
    let columns = y.shape.last ?? 1
    Softmax.rowsBackward(dx, output: y.pointer, rows: y.count / max(columns, 1), columns: columns)
    gradients.add(dx, to: x)
  }
}
