import CKernels
import HSITestSupport
import Testing

extension NeuralKernelTests {
  /// Bilinear resampling against its definition, its gradient as the adjoint.
  @Suite struct ResampleKernelTests {
    private func taps(_ i: Int, _ n: Int, _ m: Int, _ corners: Bool) -> (low: Int, high: Int, weight: Double) {
      let position =
        corners
        ? (m > 1 ? Double(i) * Double(n - 1) / Double(m - 1) : 0)
        : max(0, (Double(i) + 0.5) * Double(n) / Double(m) - 0.5)
      let low = min(Int(position + 1e-6), n - 1)
      return (low, min(low + 1, n - 1), max(0, position - Double(low)))
    }

    @Test(
      arguments: [
        (5, 7, 8, 10, 14), (1, 1, 3, 2, 2), (9, 4, 16, 3, 11), (8, 8, 17, 31, 33), (3, 3, 4100, 6, 6),
        (1, 9, 31, 1, 1),
        (6, 5, 1, 6, 5), (40, 30, 2, 7, 5),
      ], [true, false])
    func forwardFollowsTheDefinitionAndBackwardIsItsAdjoint(shape: (Int, Int, Int, Int, Int), corners: Bool) {
      let (rows, columns, c, outRows, outColumns) = shape
      let planes = 2
      let x = Floats(planes * rows * columns * c, seed: 1)
      let dy = Floats(planes * outRows * outColumns * c, seed: 2)
      var y = [Double](repeating: 0, count: dy.count)
      var dx = [Double](repeating: 0, count: x.count)
      for p in 0..<planes {
        for i in 0..<outRows {
          let r = taps(i, rows, outRows, corners)
          for j in 0..<outColumns {
            let s = taps(j, columns, outColumns, corners)
            for (row, rowWeight) in [(r.low, 1 - r.weight), (r.high, r.weight)] {
              for (column, columnWeight) in [(s.low, 1 - s.weight), (s.high, s.weight)] {
                for k in 0..<c {
                  let to = ((p * outRows + i) * outColumns + j) * c + k
                  let from = ((p * rows + row) * columns + column) * c + k
                  y[to] += rowWeight * columnWeight * x[from]
                  dx[from] += rowWeight * columnWeight * dy[to]
                }
              }
            }
          }
        }
      }
      atEveryKernelLevel { level in
        let (found, gradient) = (Floats(zeros: y.count), Floats(zeros: dx.count))
        hsi_resize_bilinear(
          x.pointer, planes, rows, columns, c, outRows, outColumns, corners ? 1 : 0, found.pointer)
        #expect(relativeError(found, y) < 3e-6, "level \(level)")
        hsi_resize_bilinear_backward(
          dy.pointer, planes, rows, columns, c, outRows, outColumns, corners ? 1 : 0, gradient.pointer)
        #expect(relativeError(gradient, dx) < 3e-6, "level \(level)")
      }
    }

    @Test func twiceTheSizeIsTheGeneralCase() {
      let x = Floats(3 * 4 * 5 * 16, seed: 1)
      let (a, b) = (Floats(zeros: 4 * x.count), Floats(zeros: 4 * x.count))
      hsi_upsample_twice(x.pointer, 3, 4, 5, 16, a.pointer)
      hsi_resize_bilinear(x.pointer, 3, 4, 5, 16, 8, 10, 1, b.pointer)
      #expect(a.values == b.values)
      let (dx, dy) = (Floats(zeros: x.count), Floats(4 * x.count, seed: 2))
      hsi_upsample_twice_backward(dy.pointer, 3, 4, 5, 16, dx.pointer)
      let left = zip(a.doubles, dy.doubles).reduce(0) { $0 + $1.0 * $1.1 }
      let right = zip(x.doubles, dx.doubles).reduce(0) { $0 + $1.0 * $1.1 }
      #expect(abs(left - right) < 1e-4)
    }
  }
}
