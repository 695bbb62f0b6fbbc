import CKernels
import HSITestSupport
import Testing

extension NeuralKernelTests {
  /// Depthwise convolution against its definition in double.
  @Suite struct DepthwiseKernelTests {
    @Test(
      arguments: zip(oddSizes, [(1, 1), (2, 5), (5, 1), (7, 9), (4, 4), (3, 2), (9, 3), (6, 6), (3, 17)]))
    func forwardAndGradientsFollowTheDefinition(channels c: Int, size: (Int, Int)) {
      let (rows, columns) = size
      let planes = 3
      let x = Floats(planes * rows * columns * c, seed: 1)
      let dy = Floats(x.count, seed: 2)
      let w = Floats(9 * c, seed: 3)
      let b = Floats(c, seed: 4)
      var y = [Double](repeating: 0, count: x.count)
      var dx = y
      var dw = [Double](repeating: 0, count: 9 * c)
      var db = [Double](repeating: 0, count: c)
      for p in 0..<planes {
        for i in 0..<rows {
          for j in 0..<columns {
            for k in 0..<c {
              let to = ((p * rows + i) * columns + j) * c + k
              y[to] += b[k]
              db[k] += dy[to]
              for tap in 0..<9 {
                let (row, column) = (i + tap / 3 - 1, j + tap % 3 - 1)
                guard row >= 0, row < rows, column >= 0, column < columns else { continue }
                let from = ((p * rows + row) * columns + column) * c + k
                y[to] += w[k * 9 + tap] * x[from]
                dx[from] += w[k * 9 + tap] * dy[to]
                dw[k * 9 + tap] += dy[to] * x[from]
              }
            }
          }
        }
      }
      let twice = dx.map { 2 * $0 }
      atEveryKernelLevel { level in
        let (out, packed) = (Floats(zeros: x.count), Floats(zeros: 9 * c))
        hsi_depthwise_pack(w.pointer, 9, c, 0, packed.pointer)
        hsi_depthwise_forward(x.pointer, planes, rows, columns, c, packed.pointer, b.pointer, 0, out.pointer)
        #expect(relativeError(out, y) < 1e-6, "level \(level)")
        hsi_depthwise_pack(w.pointer, 9, c, 1, packed.pointer)
        hsi_depthwise_forward(dy.pointer, planes, rows, columns, c, packed.pointer, nil, 0, out.pointer)
        #expect(relativeError(out, dx) < 1e-6, "level \(level)")
        hsi_depthwise_forward(dy.pointer, planes, rows, columns, c, packed.pointer, nil, 1, out.pointer)
        #expect(relativeError(out, twice) < 1e-6, "level \(level)")
        let (foundW, foundB) = (Floats(zeros: 9 * c), Floats(zeros: c))
        let scratch = Scratch(hsi_depthwise_weight_gradient_scratch_size(planes, rows, c))
        hsi_depthwise_weight_gradient(
          x.pointer, dy.pointer, planes, rows, columns, c, foundW.pointer, foundB.pointer, scratch.pointer)
        #expect(relativeError(foundW, dw) < 1e-6, "level \(level)")
        #expect(relativeError(foundB, db) < 1e-6, "level \(level)")
      }
    }
  }
}
