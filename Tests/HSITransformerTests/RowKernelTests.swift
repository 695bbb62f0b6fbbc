import CKernels
import Foundation
import HSITestSupport
import Testing

extension NeuralKernelTests {
  /// Layer normalisation and softmax against their formulas in double.
  @Suite struct RowKernelTests {
    @Test(arguments: oddSizes + [64, 200])
    func layerNormAndItsGradient(channels c: Int) {
      let rows = 70
      let x = Floats(rows * c, seed: 1, shift: 2)
      let r = Floats(rows * c, seed: 2)
      let dy = Floats(rows * c, seed: 3)
      let add = Floats(rows * c, seed: 4)
      let gamma = Floats(c, seed: 5)
      let beta = Floats(c, seed: 6)
      // The kernel rounds the sum to single precision before anything else.
      let s = (0..<rows * c).map { Double(x.pointer[$0] + r.pointer[$0]) }
      var (y, dx) = ([Double](repeating: 0, count: rows * c), [Double](repeating: 0, count: rows * c))
      var (dgamma, dbeta) = ([Double](repeating: 0, count: c), [Double](repeating: 0, count: c))
      let epsilon = Double(Float(1e-5))
      for n in 0..<rows {
        let row = s[n * c..<(n + 1) * c]
        let mean = row.reduce(0, +) / Double(c)
        let inverse =
          1 / (row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(c) + epsilon).squareRoot()
        var (m, p) = (0.0, 0.0)
        for k in 0..<c {
          let hat = (s[n * c + k] - mean) * inverse
          y[n * c + k] = gamma[k] * hat + beta[k]
          dgamma[k] += dy[n * c + k] * hat
          dbeta[k] += dy[n * c + k]
          m += gamma[k] * dy[n * c + k] / Double(c)
          p += gamma[k] * dy[n * c + k] * hat / Double(c)
        }
        for k in 0..<c {
          let hat = (s[n * c + k] - mean) * inverse
          dx[n * c + k] = add[n * c + k] + inverse * (gamma[k] * dy[n * c + k] - m - hat * p)
        }
      }
      atEveryKernelLevel { level in
        let (sum, out, statistics) = (
          Floats(zeros: rows * c), Floats(zeros: rows * c), Floats(zeros: 2 * rows)
        )
        hsi_layer_norm_forward(
          x.pointer, r.pointer, rows, c, gamma.pointer, beta.pointer, 1e-5, sum.pointer, out.pointer,
          statistics.pointer)
        #expect(relativeError(sum, s) == 0, "level \(level)")
        #expect(relativeError(out, y) < 3e-6, "level \(level)")
        let again = Floats(x.values)
        hsi_layer_norm_forward(
          x.pointer, r.pointer, rows, c, gamma.pointer, beta.pointer, 1e-5, nil, again.pointer, nil)
        #expect(again.values == out.values, "level \(level)")
        let (dg, db) = (Floats(zeros: c), Floats(zeros: c))
        let scratch = Scratch(hsi_layer_norm_backward_scratch_size(rows, c))
        hsi_layer_norm_backward(
          sum.pointer, dy.pointer, statistics.pointer, rows, c, gamma.pointer, add.pointer, out.pointer,
          dg.pointer,
          db.pointer, scratch.pointer)
        // A single channel has no variance: its gradient is rounding times 1 / sqrt(epsilon).
        #expect(relativeError(out, dx) < (c == 1 ? 1e-4 : 3e-5), "level \(level)")
        if c > 1 { #expect(relativeError(dg, dgamma) < 3e-6, "level \(level)") }
        #expect(relativeError(db, dbeta) < 1e-6, "level \(level)")
      }
    }

    @Test(arguments: oddSizes + [200], [Float(1), -0.5])
    func softmaxAndItsGradient(columns: Int, scale: Float) {
      let rows = 23
      let x = Floats(rows * columns, seed: 1, scale: 20)
      let dy = Floats(rows * columns, seed: 2)
      var (y, dx) = ([Double](repeating: 0, count: x.count), [Double](repeating: 0, count: x.count))
      for n in 0..<rows {
        let e = (0..<columns).map { exp(Double(scale) * x[n * columns + $0]) }
        let total = e.reduce(0, +)
        var product = 0.0
        for k in 0..<columns {
          y[n * columns + k] = e[k] / total
          product += e[k] / total * dy[n * columns + k]
        }
        for k in 0..<columns {
          dx[n * columns + k] = Double(scale) * y[n * columns + k] * (dy[n * columns + k] - product)
        }
      }
      atEveryKernelLevel { level in
        let (out, gradient) = (Floats(zeros: x.count), Floats(zeros: x.count))
        hsi_softmax_forward(x.pointer, rows, columns, scale, out.pointer)
        #expect(relativeError(out, y) < 5e-6, "level \(level)")
        hsi_softmax_backward(out.pointer, dy.pointer, rows, columns, scale, gradient.pointer)
        if columns > 1 { #expect(relativeError(gradient, dx) < 2e-5, "level \(level)") }
      }
    }

    @Test func resultsDoNotDependOnThreads() {
      let (rows, c) = (5000, 24)
      let (x, dy, gamma) = (Floats(rows * c, seed: 1), Floats(rows * c, seed: 2), Floats(c, seed: 3))
      expectSameForAnyThreads {
        let (y, s, dx) = (Floats(zeros: rows * c), Floats(zeros: 2 * rows), Floats(zeros: rows * c))
        let (dg, db) = (Floats(zeros: c), Floats(zeros: c))
        let scratch = Scratch(hsi_layer_norm_backward_scratch_size(rows, c))
        hsi_layer_norm_forward(
          x.pointer, nil, rows, c, gamma.pointer, gamma.pointer, 1e-5, nil, y.pointer, s.pointer)
        hsi_layer_norm_backward(
          x.pointer, dy.pointer, s.pointer, rows, c, gamma.pointer, nil, dx.pointer, dg.pointer, db.pointer,
          scratch.pointer)
        return [y.values, dx.values, dg.values, db.values]
      }
    }
  }
}
