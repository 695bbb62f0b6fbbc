import CKernels
import HSITestSupport
import Testing

extension NeuralKernelTests {
  /// Means of planes against the definition in double.
  @Suite struct MixingKernelTests {
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
  }
}
