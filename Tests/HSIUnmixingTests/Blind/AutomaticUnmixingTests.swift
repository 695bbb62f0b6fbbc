import Foundation
import HSICore
import HSINumerics
import Testing

@testable import HSIUnmixing

@Suite struct AutomaticUnmixingTests {
  /// Mixtures of four smooth spectra with pure pixels, brightness of a given spread, and white noise.
  private func scene(
    spread: Double, noise: Double = 0.002, purity: Double = 1, bands: Int = 60, pixels: Int = 2000, seed: UInt64 = 1
  ) -> (cube: Cube, abundances: PixelMatrix) {
    var random = CounterRandom(seed: seed, stream: 3)
    let spectra = Matrix<Double>(rows: 4, columns: bands) { k, l in
      let phase = Double(k + 1) * 2.3 * Double(l) / Double(bands)
      return 0.4 + 0.25 * cos(phase + Double(k))
    }
    let matrix = PixelMatrix(rows: pixels, columns: bands)
    let abundances = PixelMatrix(rows: pixels, columns: 4)
    for n in 0..<pixels {
      var a = (0..<4).map { _ in pow(random.uniform(), 4) + 1e-3 }
      if n < 40 { a = (0..<4).map { $0 == n % 4 ? 1 : 0 } }
      let sum = a.reduce(0, +)
      a = a.map { purity * $0 / sum + (1 - purity) / 4 }
      let light = max(0.2, 1 + spread * random.normal())
      for k in 0..<4 { abundances[n, k] = Float(a[k]) }
      for l in 0..<bands {
        let value = (0..<4).reduce(0.0) { $0 + a[$1] * spectra[$1, l] }
        matrix[n, l] = Float(max(0, light * value + noise * random.normal()))
      }
    }
    return (Cube(lines: pixels / 50, samples: 50, pixels: matrix), abundances)
  }

  @Test(arguments: [0.0, 0.05, 0.1, 0.25]) func brightnessIsMeasured(spread: Double) throws {
    let measured = try BrightnessSpread.measure(scene(spread: spread).cube.pixels, count: 4)
    // Weights by energy favour bright pixels: the spread of b under weights b² is smaller for large ones.
    #expect(abs(measured - spread) < 0.006 + 0.25 * spread, "\(measured) for \(spread)")
  }

  @Test func brightnessDoesNotDependOnUnits() throws {
    let pixels = scene(spread: 0.1).cube.pixels
    let once = try BrightnessSpread.measure(pixels, count: 4)
    for i in 0..<(pixels.rows * pixels.columns) { pixels.pointer[i] *= 10_000 }
    #expect(abs(try BrightnessSpread.measure(pixels, count: 4) - once) < 1e-4)
  }
}
