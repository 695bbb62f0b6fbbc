import CKernels
import Foundation
import HSITestSupport
import Testing

extension NeuralKernelTests {
  /// Elementwise kernels against double.
  @Suite struct ElementwiseKernelTests {
    /// One activation: kind, value, derivative, whether the gradient wants the output, relative error of the value within
    /// |x| < 10 and absolute error (over 1 + |x|) everywhere.
    struct Activation: Sendable, CustomTestStringConvertible {
      let testDescription: String
      let kind: Int
      let value: @Sendable (Double) -> Double
      let slope: @Sendable (Double) -> Double
      var fromOutput = false
      var relative = 1e-6
    }
    static let root = (2 / Double.pi).squareRoot()
    static let activations = [
      Activation(
        testDescription: "leaky ReLU", kind: HSI_LEAKY_RELU, value: { $0 > 0 ? $0 : 0.0625 * $0 },
        slope: { $0 > 0 ? 1 : 0.0625 }),
      Activation(
        testDescription: "GELU", kind: HSI_GELU, value: { $0 * normalDistribution($0) },
        slope: { normalDistribution($0) + $0 * normalDensity($0) }, relative: 5e-6),
      Activation(
        testDescription: "GELU, tanh form", kind: HSI_GELU_TANH,
        value: { $0 * logistic(2 * root * ($0 + 0.044715 * $0 * $0 * $0)) },
        slope: {
          let s = logistic(2 * root * ($0 + 0.044715 * $0 * $0 * $0))
          return s + $0 * s * (1 - s) * 2 * root * (1 + 0.134145 * $0 * $0)
        }, relative: 2e-5),
      Activation(
        testDescription: "SiLU", kind: HSI_SILU, value: { $0 * logistic($0) },
        slope: { logistic($0) + $0 * logistic($0) * (1 - logistic($0)) }),
      Activation(
        testDescription: "sigmoid", kind: HSI_SIGMOID, value: logistic,
        slope: { logistic($0) * (1 - logistic($0)) }, fromOutput: true),
      Activation(
        testDescription: "tanh", kind: HSI_TANH, value: { tanh($0) }, slope: { 1 - tanh($0) * tanh($0) },
        fromOutput: true, relative: 3e-7),
      Activation(
        testDescription: "erf", kind: HSI_ERF, value: { erf($0) },
        slope: { 2 / Double.pi.squareRoot() * exp(-$0 * $0) }, relative: 3e-7),
      Activation(
        testDescription: "exp", kind: HSI_EXP, value: { exp($0) }, slope: { exp($0) }, fromOutput: true,
        relative: 2e-7),
    ]

    @Test(arguments: activations)
    func activationsAreAccurateOverTheWholeRange(_ f: Activation) {
      // Dense near zero, all orders of magnitude, both signs, the ends of the range of exp.
      var points: [Float] = [0, -0.0, 1e-30, -1e-30, 30, -30, 80, -80]
      for i in 0..<6000 { points.append(Float(i - 3000) / 250) }
      for i in -60...6 { points += [0.7 * Float(pow(2, Double(i))), -0.7 * Float(pow(2, Double(i)))] }
      let x = Floats(points)
      let dy = Floats(points.count, seed: 1)
      atEveryKernelLevel { level in
        let (y, dx) = (Floats(zeros: points.count), Floats(zeros: points.count))
        #expect(hsi_activation_forward(Int32(f.kind), x.pointer, x.count, 0.0625, y.pointer) == 0)
        let known = f.fromOutput ? y : x
        #expect(
          hsi_activation_backward(Int32(f.kind), known.pointer, dy.pointer, x.count, 0.0625, dx.pointer) == 0)
        var (worst, worstSlope) = (0.0, 0.0)
        for i in 0..<x.count {
          let (value, slope) = (f.value(x[i]), f.slope(x[i]) * dy[i])
          let exact = abs(x[i]) < 10 || f.kind == HSI_EXP
          let size = exact ? max(abs(value), 1e-37) : 1 + abs(x[i])
          worst = max(worst, abs(y[i] - value) / size / f.relative)
          // From the output the slope inherits its rounding: absolute 1 ULP of 1.
          let slopeSize = f.kind == HSI_EXP ? max(abs(slope), 1e-37) : (1 + abs(slope))
          worstSlope = max(worstSlope, abs(dx[i] - slope) / slopeSize)
        }
        #expect(worst < 1, "level \(level)")
        #expect(worstSlope < 3e-6, "level \(level)")
      }
    }

    @Test func unknownActivationsAreRefused() {
      #expect(hsi_activation_forward(99, [0], 1, 0, Floats(zeros: 1).pointer) == -1)
      #expect(hsi_activation_backward(-1, [0], [0], 1, 0, Floats(zeros: 1).pointer) == -1)
    }

    @Test(arguments: oddSizes + [1000, 40_000])
    func arithmeticAndSums(count: Int) {
      let a = Floats(count, seed: 1)
      let b = Floats(count, seed: 2)
      let (da, db) = (a.doubles, b.doubles)
      // Expected values are made here: closures inside expectations within a closure are not told apart reliably by the
      // compiler (6.3).
      let sum = (0..<count).map { da[$0] + db[$0] }
      let product = (0..<count).map { da[$0] * db[$0] }
      let scaled = (0..<count).map { 3 * da[$0] - 1 }
      let moved = (0..<count).map { 3 * da[$0] - 1 + 0.5 * db[$0] }
      let halfDifference = (0..<count).map { 0.5 * (da[$0] - db[$0]) }
      let signs = (0..<count).map { da[$0] > db[$0] ? 0.25 : -0.25 }
      var (squares, squaredError, absoluteError) = (0.0, 0.0, 0.0)
      for i in 0..<count {
        squares += da[i] * da[i]
        squaredError += (da[i] - db[i]) * (da[i] - db[i])
        absoluteError += abs(da[i] - db[i])
      }
      atEveryKernelLevel { level in
        let y = Floats(zeros: count)
        let scratch = Scratch(hsi_sum_scratch_size(count))
        hsi_add(a.pointer, b.pointer, count, y.pointer)
        #expect(relativeError(y, sum) < 1e-7, "level \(level)")
        hsi_multiply(a.pointer, b.pointer, count, y.pointer)
        #expect(relativeError(y, product) < 1e-7, "level \(level)")
        hsi_scale(a.pointer, count, 3, -1, y.pointer)
        #expect(relativeError(y, scaled) < 2e-7, "level \(level)")
        hsi_axpy(b.pointer, count, 0.5, y.pointer)
        #expect(relativeError(y, moved) < 3e-7, "level \(level)")

        let foundSquares = hsi_sum_of_squares(a.pointer, count, scratch.pointer)
        #expect(abs(foundSquares - squares) <= 1e-6 * squares, "level \(level)")
        let square = hsi_squared_error(a.pointer, b.pointer, count, 0.25, y.pointer, scratch.pointer)
        #expect(abs(square - squaredError) <= 1e-6 * squaredError, "level \(level)")
        #expect(relativeError(y, halfDifference) < 2e-7, "level \(level)")
        let absolute = hsi_absolute_error(a.pointer, b.pointer, count, 0.25, y.pointer, scratch.pointer)
        #expect(abs(absolute - absoluteError) <= 1e-6 * absoluteError, "level \(level)")
        #expect(relativeError(y, signs) == 0, "level \(level)")
      }
    }

    @Test(arguments: [false, true], [7, 33])
    func adamFollowsTheFormula(decoupled: Bool, count: Int) {
      atEveryKernelLevel { level in
        let (w, m, v) = (Floats(count, seed: 1), Floats(zeros: count), Floats(zeros: count))
        var (rw, rm, rv) = (w.doubles, m.doubles, v.doubles)
        for step in 1...20 {
          let g = Floats(count, seed: UInt64(100 + step))
          var settings = hsi_adam(
            learning_rate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.1,
            decoupled: decoupled ? 1 : 0, gradient_scale: 0.5, step: step)
          hsi_adam_step(&settings, w.pointer, g.pointer, count, m.pointer, v.pointer)
          for i in 0..<count {
            var d = 0.5 * g[i]
            if decoupled { rw[i] *= 1 - 0.01 * 0.1 } else { d += 0.1 * rw[i] }
            rm[i] = 0.9 * rm[i] + 0.1 * d
            rv[i] = 0.999 * rv[i] + 0.001 * d * d
            rw[i] -=
              0.01 * rm[i] / (1 - pow(0.9, Double(step)))
              / ((rv[i] / (1 - pow(0.999, Double(step)))).squareRoot() + 1e-8)
          }
        }
        #expect(relativeError(w, rw) < 1e-6, "level \(level)")
        #expect(relativeError(m, rm) < 1e-6, "level \(level)")
        #expect(relativeError(v, rv) < 1e-6, "level \(level)")
      }
    }

    @Test(arguments: [false, true])
    func momentumFollowsTheFormula(nesterov: Bool) {
      let count = 19
      let (w, v) = (Floats(count, seed: 1), Floats(zeros: count))
      var (rw, rv) = (w.doubles, v.doubles)
      for step in 1...5 {
        let g = Floats(count, seed: UInt64(100 + step))
        hsi_sgd_step(0.1, 0.9, 0.01, 2, nesterov ? 1 : 0, w.pointer, g.pointer, count, v.pointer)
        for i in 0..<count {
          let d = 2 * g[i] + 0.01 * rw[i]
          rv[i] = 0.9 * rv[i] + d
          rw[i] -= 0.1 * (nesterov ? d + 0.9 * rv[i] : rv[i])
        }
      }
      #expect(relativeError(w, rw) < 1e-6)
    }

    @Test func resultsDoNotDependOnThreads() {
      let count = 100_001
      let (a, b) = (Floats(count, seed: 1), Floats(count, seed: 2))
      expectSameForAnyThreads {
        let y = Floats(zeros: count)
        let scratch = Scratch(hsi_sum_scratch_size(count))
        let sum = hsi_squared_error(a.pointer, b.pointer, count, 1, y.pointer, scratch.pointer)
        hsi_activation_forward(Int32(HSI_GELU), a.pointer, count, 0, y.pointer)
        return [[Float(sum)], y.values]
      }
    }
  }
}
