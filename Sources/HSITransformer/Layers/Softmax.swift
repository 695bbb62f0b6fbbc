import Foundation

/// Softmax over the last axis.
enum Softmax {
  /// `a_i = exp(t_i − max t) / Σ exp(t_j − max t)` in place, every row by itself.
  static func rows(_ tensor: Tensor) {
    guard let columns = tensor.shape.last, columns > 0 else { return }
    for row in 0..<(tensor.count / columns) {
      let t = tensor.output + row * columns
      var largest = -Float.infinity
      for i in 0..<columns { largest = max(largest, t[i]) }
      var sum = 0.0
      for i in 0..<columns {
        let value = expf(t[i] - largest)
        t[i] = value
        sum += Double(value)
      }
      let inverse = Float(1 / sum)
      for i in 0..<columns { t[i] *= inverse }
    }
  }

  /// Gradient of the logits from that of the output, in place: `dt = a ⊙ (da − Σ a ⊙ da)`.
  static func rowsBackward(_ gradient: Tensor, output: UnsafePointer<Float>, rows: Int, columns: Int) {
    for row in 0..<rows {
      let g = gradient.output + row * columns
      let a = output + row * columns
      var dot = 0.0
      for i in 0..<columns { dot += Double(a[i]) * Double(g[i]) }
      for i in 0..<columns { g[i] = a[i] * (g[i] - Float(dot)) }
    }
  }
}
