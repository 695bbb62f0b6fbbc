import CKernels
import HSICore
import HSITestSupport
import Testing

extension NeuralKernelTests {
  /// Linear layers against the definition in double.
  @Suite struct LinearKernelTests {
    @Test(arguments: oddSizes, [1, 8, 16, 31, 49])
    func forwardAndGradientFollowTheDefinition(input: Int, output: Int) {
      let rows = 117
      let x = Floats(rows * input, seed: 1)
      let w = Floats(output * input, seed: 2)
      let b = Floats(output, seed: 3)
      let r = Floats(rows * output, seed: 4)
      let dy = Floats(rows * output, seed: 5)
      let packed = Floats(zeros: hsi_gemm_packed_size(input, output))
      hsi_gemm_pack_transposed(w.pointer, output, input, packed.pointer)

      var y = [Double](repeating: 0, count: rows * output)
      var dw = [Double](repeating: 1, count: output * input)
      var db = [Double](repeating: 1, count: output)
      for n in 0..<rows {
        for o in 0..<output {
          y[n * output + o] =
            b[o] + r[n * output + o] + (0..<input).reduce(0) { $0 + w[o * input + $1] * x[n * input + $1] }
          db[o] += dy[n * output + o]
          for i in 0..<input { dw[o * input + i] += dy[n * output + o] * x[n * input + i] }
        }
      }
      let plain = zip(y, 0...).map { $0 - b[$1 % output] - r[$1] }
      atEveryKernelLevel { level in
        let found = Floats(zeros: rows * output)
        hsi_linear_forward(
          x.pointer, rows, input, packed.pointer, b.pointer, output, r.pointer, found.pointer)
        #expect(relativeError(found, y) < 1e-6, "level \(level)")
        hsi_linear_forward(x.pointer, rows, input, packed.pointer, nil, output, nil, found.pointer)
        #expect(relativeError(found, plain) < 1e-6, "level \(level)")
        let foundW = Floats([Float](repeating: 1, count: output * input))
        let foundB = Floats([Float](repeating: 1, count: output))
        let scratch = Scratch(hsi_linear_weight_gradient_scratch_size(rows, input, output))
        hsi_linear_weight_gradient(
          x.pointer, dy.pointer, rows, input, output, foundW.pointer, foundB.pointer, scratch.pointer)
        #expect(relativeError(foundW, dw) < 2e-6, "level \(level)")
        #expect(relativeError(foundB, db) < 2e-6, "level \(level)")
      }
    }

    /// A matrix whose own rows are split among the threads.
    @Test func largeMatricesHaveTheSameGradient() {
      let (rows, input, output) = (150, 260, 257)
      let x = Floats(rows * input, seed: 1)
      let dy = Floats(rows * output, seed: 2)
      let dw = Floats(zeros: input * output)
      let scratch = Scratch(hsi_linear_weight_gradient_scratch_size(rows, input, output))
      hsi_linear_weight_gradient(x.pointer, dy.pointer, rows, input, output, dw.pointer, nil, scratch.pointer)
      var random = CounterRandom(seed: 3)
      for _ in 0..<2000 {
        let o = Int(random.uniform() * Double(output))
        let i = Int(random.uniform() * Double(input))
        let expected = (0..<rows).reduce(0) { $0 + dy[$1 * output + o] * x[$1 * input + i] }
        #expect(abs(dw[o * input + i] - expected) < 1e-4)
      }
    }

    @Test func resultsDoNotDependOnThreads() {
      let (rows, input, output) = (5000, 16, 24)
      let x = Floats(rows * input, seed: 1)
      let dy = Floats(rows * output, seed: 2)
      let packed = Floats(input * 32, seed: 3)
      expectSameForAnyThreads {
        let y = Floats(zeros: rows * output)
        let dw = Floats(zeros: input * output)
        let db = Floats(zeros: output)
        let scratch = Scratch(hsi_linear_weight_gradient_scratch_size(rows, input, output))
        hsi_linear_forward(x.pointer, rows, input, packed.pointer, nil, output, nil, y.pointer)
        hsi_linear_weight_gradient(
          x.pointer, dy.pointer, rows, input, output, dw.pointer, db.pointer, scratch.pointer)
        return [y.values, dw.values, db.values]
      }
    }
  }
}
