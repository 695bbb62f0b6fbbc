import Foundation
import HSICore
import HSINumerics
import Testing

@testable import HSIRestoration

@Suite(.serialized) struct PhotonNoiseTests {
  private let clean = RestorationScene.clean(lines: 48, samples: 50, bands: 16)

  @Test(arguments: [10.0, 100]) func removesPhotonNoise(_ peak: Double) throws {
    let noisy = try RestorationScene.degraded("poisson", ["peak": peak], clean)
    let before = try RestorationScene.quality(noisy, clean)
    for values in [[:], ["gain": peak]] {
      let result = try RestorationScene.restored("anscombe-fasthyde", values, noisy)
      let after = try RestorationScene.quality(result.scene, clean)
      #expect(after > before + 8, "\(peak) \(values): \(before) → \(after)")
      #expect(try abs(log(#require(result.facts["gain"]) / peak)) < 0.4)
    }
  }

  /// The inverse gives the mean of photons, whatever it is: its error is below a hundredth of the noise.
  @Test(arguments: [0.0, 0.5, 1, 2, 5, 20, 200]) func inverse(_ mean: Double) {
    // E[2 √(k + 3/8)] by the sum over the distribution.
    var (chance, sum) = (exp(-mean), 0.0)
    for k in 0..<2000 {
      sum += chance * 2 * (Double(k) + 0.375).squareRoot()
      chance *= mean / Double(k + 1)
    }
    #expect(abs(AnscombeFastHyDe.inverse(sum) - mean) < 0.05 * max(mean, 0.5).squareRoot())
  }

  @Test func nothingToRemove() throws {
    let one = Cube(lines: 1, samples: 1, pixels: PixelMatrix(rows: 1, columns: 3, values: [1, 2, 3]))
    let level = Cube(
      lines: 8, samples: 8, pixels: PixelMatrix(rows: 64, columns: 2, values: [Float](repeating: 2, count: 128)))
    for scene in [one, level] {
      let result = try RestorationScene.restored("anscombe-fasthyde", [:], scene)
      #expect(result.unchanged != nil && result.scene.pixels.values == scene.pixels.values)
    }
  }
}
