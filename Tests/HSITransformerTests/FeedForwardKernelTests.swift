import CKernels
import Foundation
import HSITestSupport
import Testing

extension NeuralKernelTests {
  /// The feed-forward layer of HSDT against its formula and derivative in double.
  @Suite struct FeedForwardKernelTests {
    struct Layer {
      let c: Int
      let w1, b1, w2, b2, w3, b3: Floats
      let packed: Floats

      init(channels c: Int) {
        self.c = c
        let scale = 1 / Double(c).squareRoot()
        w1 = Floats(2 * c * c, seed: 11, scale: scale)
        b1 = Floats(2 * c, seed: 12)
        w2 = Floats(2 * c * c, seed: 13, scale: scale)
        b2 = Floats(c, seed: 14)
        w3 = Floats(2 * c * c, seed: 15, scale: scale)
        b3 = Floats(2 * c, seed: 16)
        packed = Floats(zeros: hsi_smffn_packed_size(c))
        hsi_smffn_pack(
          c, w1.pointer, b1.pointer, w2.pointer, b2.pointer, w3.pointer, b3.pointer, packed.pointer)
      }

      func forward(_ x: Floats, rows: Int) -> Floats {
        let y = Floats(zeros: rows * c)
        let scratch = Scratch { hsi_smffn_forward_scratch_size(c, $0) }
        hsi_smffn_forward(x.pointer, rows, c, packed.pointer, y.pointer, scratch.pointer, scratch.threads)
        return y
      }

      /// dx and the gradients of w1, b1, w2, b2, w3, b3.
      func backward(_ x: Floats, _ dy: Floats, rows: Int) -> [Floats] {
        let g = [rows * c, 2 * c * c, 2 * c, 2 * c * c, c, 2 * c * c, 2 * c].map { Floats(zeros: $0) }
        let scratch = Scratch { hsi_smffn_backward_scratch_size(rows, c, $0) }
        var target = Layer.gradients(g[1...])
        hsi_smffn_backward(
          x.pointer, dy.pointer, rows, c, packed.pointer, g[0].pointer, &target, scratch.pointer, scratch.threads)
        return g
      }

      /// Where the gradients of w1, b1, w2, b2, w3, b3 go.
      static func gradients(_ g: ArraySlice<Floats>) -> hsi_smffn_gradients {
        let p = g.map(\.pointer)
        return hsi_smffn_gradients(w1: p[0], b1: p[1], w2: p[2], b2: p[3], w3: p[4], b3: p[5])
      }

      /// The same in double.
      func reference(_ x: [Double], _ dy: [Double], rows: Int) -> (y: [Double], gradients: [[Double]]) {
        var y = [Double](repeating: 0, count: rows * c)
        var g = [rows * c, 2 * c * c, 2 * c, 2 * c * c, c, 2 * c * c, 2 * c].map {
          [Double](repeating: 0, count: $0)
        }
        for n in 0..<rows {
          let h = (0..<2 * c).map { i in b1[i] + (0..<c).reduce(0) { $0 + w1[i * c + $1] * x[n * c + $1] } }
          let m = (0..<2 * c).map { i in b3[i] + (0..<c).reduce(0) { $0 + w3[i * c + $1] * x[n * c + $1] } }
          let active = h.map { $0 * normalDistribution($0) }
          var dh = [Double](repeating: 0, count: 2 * c)
          var dm = dh
          for o in 0..<c {
            let gate = logistic(m[c + o])
            let d = dy[n * c + o]
            y[n * c + o] =
              b2[o] + m[o] * gate + (0..<2 * c).reduce(0) { $0 + w2[o * 2 * c + $1] * active[$1] }
            g[4][o] += d
            dm[o] = d * gate
            dm[c + o] = d * m[o] * gate * (1 - gate)
            for i in 0..<2 * c {
              dh[i] += d * w2[o * 2 * c + i]
              g[3][o * 2 * c + i] += d * active[i]
            }
          }
          for i in 0..<2 * c {
            dh[i] *= normalDistribution(h[i]) + h[i] * normalDensity(h[i])
            g[2][i] += dh[i]
            g[6][i] += dm[i]
            for k in 0..<c {
              g[1][i * c + k] += dh[i] * x[n * c + k]
              g[5][i * c + k] += dm[i] * x[n * c + k]
              g[0][n * c + k] += dh[i] * w1[i * c + k] + dm[i] * w3[i * c + k]
            }
          }
        }
        return (y, g)
      }
    }

    @Test(arguments: zip([1, 4, 7, 8, 16, 17, 32, 64], [33, 1, 15, 200, 101, 49, 97, 60]))
    func forwardAndGradientsFollowTheFormula(channels: Int, rows: Int) {
      let layer = Layer(channels: channels)
      let x = Floats(rows * channels, seed: 1)
      let dy = Floats(rows * channels, seed: 2)
      let expected = layer.reference(x.doubles, dy.doubles, rows: rows)
      atEveryKernelLevel { level in
        #expect(relativeError(layer.forward(x, rows: rows), expected.y) < 1e-6, "level \(level)")
        for (i, found) in layer.backward(x, dy, rows: rows).enumerated() {
          #expect(relativeError(found, expected.gradients[i]) < 2e-6, "level \(level), gradient \(i)")
        }
      }
    }

    /// The derivative of the reference, which the kernels are held against, by central differences.
    @Test func theReferenceIsTheDerivative() {
      let layer = Layer(channels: 3)
      let dy = Floats(6, seed: 2)
      let x = Floats(6, seed: 1)
      let gradient = layer.reference(x.doubles, dy.doubles, rows: 2).gradients[0]
      func loss(_ values: [Double]) -> Double {
        let y = layer.reference(values, dy.doubles, rows: 2).y
        return zip(y, dy.doubles).reduce(0) { $0 + $1.0 * $1.1 }
      }
      let step = 1.0 / 1024
      for i in 0..<6 {
        var (up, down) = (x.doubles, x.doubles)
        up[i] = Double(Float(up[i] + step))
        down[i] = Double(Float(down[i] - step))
        let difference = (loss(up) - loss(down)) / (up[i] - down[i])
        #expect(abs(difference - gradient[i]) < 1e-4 * max(1, abs(gradient[i])))
      }
    }

    @Test func resultsDoNotDependOnThreads() {
      let layer = Layer(channels: 16)
      let rows = 3000
      let x = Floats(rows * 16, seed: 1)
      let dy = Floats(rows * 16, seed: 2)
      expectSameForAnyThreads {
        [layer.forward(x, rows: rows).values] + layer.backward(x, dy, rows: rows).map { $0.values }
      }
    }
  }
}
