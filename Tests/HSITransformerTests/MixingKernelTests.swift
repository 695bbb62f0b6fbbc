import CKernels
import Testing

extension NeuralKernelTests {
  /// Mixing of planes against the definition in double.
  @Suite struct MixingKernelTests {
    @Test(arguments: zip(oddSizes + [200], [5, 49, 33, 31, 300, 16, 145, 1, 129, 70]))
    func mixingAndProductsFollowTheDefinition(planes: Int, values: Int) {
      let a = Floats(planes * planes, seed: 1)
      let x = Floats(planes * values, seed: 2)
      let u = Floats(planes * values, seed: 3)
      var mixed = [[Double]](repeating: [Double](repeating: 0, count: planes * values), count: 2)
      var products = [Double](repeating: 0, count: planes * planes)
      for d in 0..<planes {
        for j in 0..<planes {
          for n in 0..<values {
            mixed[0][d * values + n] += a[d * planes + j] * x[j * values + n]
            mixed[1][d * values + n] += a[j * planes + d] * x[j * values + n]
            products[d * planes + j] += u[d * values + n] * x[j * values + n]
          }
        }
      }
      let twice = mixed.map { $0.map { 2 * $0 } }
      atEveryKernelLevel { level in
        for transposed in 0..<2 {
          let y = Floats(zeros: planes * values)
          hsi_mix_planes(a.pointer, x.pointer, planes, values, Int32(transposed), 0, y.pointer)
          #expect(relativeError(y, mixed[transposed]) < 2e-6, "level \(level)")
          hsi_mix_planes(a.pointer, x.pointer, planes, values, Int32(transposed), 1, y.pointer)
          #expect(relativeError(y, twice[transposed]) < 2e-6, "level \(level)")
        }
        let found = Floats(zeros: planes * planes)
        let scratch = Scratch(hsi_plane_products_scratch_size(planes, values))
        hsi_plane_products(u.pointer, x.pointer, planes, values, found.pointer, scratch.pointer)
        #expect(relativeError(found, products) < 1e-6, "level \(level)")
      }
    }

    @Test(arguments: oddSizes + [64, 130])
    func meansAndTheirGradient(channels: Int) {
      let (planes, pixels) = (3, 211)
      let x = Floats(planes * pixels * channels, seed: 1, shift: 3)
      let vectors = Floats(planes * channels, seed: 2)
      var means = [Double](repeating: 0, count: planes * channels)
      var added = x.doubles
      for d in 0..<planes {
        for n in 0..<pixels {
          for c in 0..<channels {
            means[d * channels + c] += x[(d * pixels + n) * channels + c] / Double(pixels)
            added[(d * pixels + n) * channels + c] += 0.25 * vectors[d * channels + c]
          }
        }
      }
      atEveryKernelLevel { level in
        let found = Floats(zeros: planes * channels)
        hsi_plane_means(x.pointer, planes, pixels, channels, found.pointer)
        #expect(relativeError(found, means) < 2e-7, "level \(level)")
        let sum = Floats(x.values)
        hsi_add_plane_vectors(sum.pointer, planes, pixels, channels, vectors.pointer, 0.25)
        #expect(relativeError(sum, added) < 1e-7, "level \(level)")
      }
    }

    @Test func resultsDoNotDependOnThreads() {
      let (planes, values) = (31, 9000)
      let a = Floats(planes * planes, seed: 1)
      let x = Floats(planes * values, seed: 2)
      expectSameForAnyThreads {
        let y = Floats(zeros: planes * values)
        let p = Floats(zeros: planes * planes)
        let scratch = Scratch(hsi_plane_products_scratch_size(planes, values))
        hsi_mix_planes(a.pointer, x.pointer, planes, values, 0, 0, y.pointer)
        hsi_plane_products(x.pointer, x.pointer, planes, values, p.pointer, scratch.pointer)
        return [y.values, p.values]
      }
    }
  }
}
