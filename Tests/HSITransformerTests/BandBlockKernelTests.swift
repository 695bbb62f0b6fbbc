import CKernels
import HSITestSupport
import Testing

extension NeuralKernelTests {
  /// The transformer block of HSDT against its formula and derivative in double.
  @Suite struct BandBlockKernelTests {
    struct Case: Sendable {
      let planes: Int
      let pixels: Int
      let channels: Int
      let hasFeedForward: Bool
    }
    static let cases = [
      Case(planes: 1, pixels: 5, channels: 16, hasFeedForward: true),
      Case(planes: 31, pixels: 50, channels: 16, hasFeedForward: true),
      Case(planes: 13, pixels: 33, channels: 7, hasFeedForward: true),
      Case(planes: 200, pixels: 13, channels: 17, hasFeedForward: false),
      Case(planes: 33, pixels: 1, channels: 1, hasFeedForward: true),
      Case(planes: 5, pixels: 230, channels: 64, hasFeedForward: false),
      Case(planes: 3, pixels: 101, channels: 33, hasFeedForward: true),
      Case(planes: 2, pixels: 0, channels: 4, hasFeedForward: true),
    ]

    /// One block with its values; the reference is the composition of the definitions.
    struct Block {
      let shape: Case
      let layer: FeedForwardKernelTests.Layer
      let a, m, x, skip, dy: Floats
      private var count: Int { shape.planes * shape.pixels * shape.channels }

      init(_ shape: Case) {
        self.shape = shape
        let c = shape.channels
        layer = FeedForwardKernelTests.Layer(channels: c)
        a = Floats(shape.planes * shape.planes, seed: 1, scale: 1 / Double(shape.planes).squareRoot())
        m = Floats(c * c, seed: 2, scale: 1 / Double(c).squareRoot())
        x = Floats(shape.planes * shape.pixels * c, seed: 3)
        skip = Floats(shape.planes * shape.pixels * c, seed: 4)
        dy = Floats(shape.planes * shape.pixels * c, seed: 5)
      }

      private func packed(transposed: Bool) -> Floats {
        let c = shape.channels
        let result = Floats(zeros: hsi_gemm_packed_size(c, c))
        if transposed {
          hsi_gemm_pack_transposed(m.pointer, c, c, result.pointer)
        } else {
          hsi_gemm_pack(m.pointer, c, c, c, result.pointer)
        }
        return result
      }

      /// y, r, then dx and the gradients of a, m and (w1, b1, w2, b2, w3, b3).
      func run() -> [Floats] {
        let c = shape.channels
        var block = hsi_band_block(planes: shape.planes, pixels: shape.pixels, channels: c)
        let (y, r) = (Floats(zeros: count), Floats(zeros: count))
        let ffn = shape.hasFeedForward ? layer.packed.pointer : nil
        let flag: Int32 = shape.hasFeedForward ? 1 : 0
        let (matrix, transposed) = (packed(transposed: false), packed(transposed: true))
        let forward = Scratch { hsi_band_block_forward_scratch_size(&block, flag, $0) }
        hsi_band_block_forward(
          &block, a.pointer, transposed.pointer, ffn, x.pointer, shape.hasFeedForward ? skip.pointer : nil,
          shape.hasFeedForward ? r.pointer : nil, y.pointer, forward.pointer, forward.threads)
        let g = [count, a.count, c * c, 2 * c * c, 2 * c, 2 * c * c, c, 2 * c * c, 2 * c].map { Floats(zeros: $0) }
        var targets = hsi_band_block_gradients(
          a: g[1].pointer, m: g[2].pointer, ffn: FeedForwardKernelTests.Layer.gradients(g[3...]))
        let backward = Scratch { hsi_band_block_backward_scratch_size(&block, flag, $0) }
        hsi_band_block_backward(
          &block, a.pointer, matrix.pointer, ffn, x.pointer, r.pointer, dy.pointer, g[0].pointer,
          &targets, backward.pointer, backward.threads)
        return [y, shape.hasFeedForward ? r : y] + g
      }

      func reference() -> [[Double]] {
        let (planes, width, c) = (shape.planes, shape.pixels * shape.channels, shape.channels)
        let rows = planes * shape.pixels
        var mixed = [Double](repeating: 0, count: count)
        for d in 0..<planes {
          for j in 0..<planes { for n in 0..<width { mixed[d * width + n] += a[d * planes + j] * x[j * width + n] } }
        }
        var r = x.doubles
        for n in 0..<rows { for o in 0..<c { for i in 0..<c { r[n * c + o] += m[o * c + i] * mixed[n * c + i] } } }
        var y = r
        var dr = dy.doubles
        var ffn = [2 * c * c, 2 * c, 2 * c * c, c, 2 * c * c, 2 * c].map { [Double](repeating: 0, count: $0) }
        if shape.hasFeedForward {
          let result = layer.reference(r, dr, rows: rows)
          y = zip(result.y, skip.doubles).map { $0 + $1 }
          dr = result.gradients[0]
          ffn = Array(result.gradients[1...])
        }
        var dm = [Double](repeating: 0, count: c * c)
        var dz = [Double](repeating: 0, count: count)
        for n in 0..<rows {
          for o in 0..<c {
            for i in 0..<c {
              dm[o * c + i] += dr[n * c + o] * mixed[n * c + i]
              dz[n * c + i] += dr[n * c + o] * m[o * c + i]
            }
          }
        }
        var da = [Double](repeating: 0, count: planes * planes)
        var dx = dr
        for d in 0..<planes {
          for j in 0..<planes {
            for n in 0..<width {
              da[d * planes + j] += dz[d * width + n] * x[j * width + n]
              dx[j * width + n] += a[d * planes + j] * dz[d * width + n]
            }
          }
        }
        return [y, r, dx, da, dm] + ffn
      }
    }

    @Test(arguments: cases) func blockAndGradientsFollowTheFormula(_ shape: Case) {
      let block = Block(shape)
      let expected = block.reference()
      atEveryKernelLevel { level in
        for (i, found) in block.run().enumerated() {
          let scale = expected[i].contains { $0 != 0 }
          #expect(
            scale ? relativeError(found, expected[i]) < 3e-6 : found.values.allSatisfy { $0 == 0 },
            "level \(level), \(i)")
        }
      }
    }

    @Test func resultsDoNotDependOnThreads() {
      let block = Block(Case(planes: 31, pixels: 700, channels: 16, hasFeedForward: true))
      expectSameForAnyThreads { block.run().map(\.values) }
    }
  }
}
