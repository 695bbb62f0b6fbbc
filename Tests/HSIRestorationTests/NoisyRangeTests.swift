import Foundation
import HSICore
import HSINumerics
import Testing

@testable import HSIRestoration

@Suite struct NoisyRangeTests {
  /// Squares of 12 × 12 pixels between 0 and 1, bands that fade into each other.
  private func clean(lines: Int = 60, samples: Int = 72, bands: Int = 9) -> Cube {
    let pixels = PixelMatrix(rows: lines * samples, columns: bands)
    for place in 0..<(lines * samples) {
      let square = place / samples / 12 * 6 + place % samples / 12
      for b in 0..<bands {
        // Square 0 is 0 and square 29 is 1 in every band.
        pixels[place, b] =
          square == 0 ? 0 : square == 29 ? 1 : Float(0.5 + 0.4 * sin(Double(square) + 0.1 * Double(b)))
      }
    }
    return Cube(
      shape: CubeShape(lines: lines, samples: samples, bands: bands), metadata: CubeMetadata(bands: bands),
      pixels: pixels,
      positions: (0..<Int32(lines * samples)).map { $0 })
  }

  private func extremes(_ cube: Cube) throws -> DataRange {
    var extent = DataRange.Accumulator()
    extent.add(cube.pixels)
    return try extent.range()
  }

  private func noisy(_ model: NoiseModel) -> Cube {
    let cube = clean()
    let noise = NoiseRealisation(model, bands: cube.shape.bands, samples: cube.shape.samples, seed: 3)
    noise.add(to: cube.pixels, positions: cube.positions, window: cube.shape.window)
    return cube
  }

  @Test func withoutNoiseTheExtremesStand() throws {
    let cube = clean()
    let found = NoisyRange.estimate(cube, extremes: try extremes(cube), noise: nil)
    #expect(found.range == DataRange.unit)
  }

  /// Noise of σ 50 stretches the extremes to more than twice the range; the estimate stays near it.
  @Test(arguments: [10.0, 30, 50, 70]) func noiseIsTakenOut(_ sigma: Double) throws {
    let cube = noisy(.gaussian(sigma))
    let wide = try extremes(cube)
    let found = NoisyRange.estimate(cube, extremes: wide, noise: nil)
    let error = max(abs(found.range.low), abs(found.range.high - 1))
    #expect(error < 0.06 + 0.1 * sigma / 70, "\(found)")
    #expect(wide.width - 1 > 4 * abs(found.range.width - 1), "\(wide) \(found)")
    #expect(abs(found.noise * 255 / sigma - 1) < 0.1)
  }

  /// Values far outside in single pixels do not move it.
  @Test func outliersDoNotMatter() throws {
    let cube = noisy(.gaussian(10))
    let before = NoisyRange.estimate(cube, extremes: try extremes(cube), noise: nil).range
    for place in stride(from: 0, to: cube.count, by: 7) {
      cube.pixels[place, place % 9] = place % 2 == 0 ? 40 : -40
    }
    let after = NoisyRange.estimate(cube, extremes: try extremes(cube), noise: nil).range
    #expect(abs(after.low - before.low) < 0.05 && abs(after.high - before.high) < 0.05, "\(before) \(after)")
  }

  /// Nothing to estimate from: the extremes.
  @Test func tooSmallAScene() throws {
    let pixels = PixelMatrix(rows: 4, columns: 2, values: [0, 1, 2, 3, 4, 5, 6, 7])
    let cube = Cube(
      shape: CubeShape(lines: 2, samples: 2, bands: 2), metadata: CubeMetadata(bands: 2), pixels: pixels,
      positions: [0, 1, 2, 3])
    #expect(NoisyRange.estimate(cube, extremes: try extremes(cube), noise: nil).range == (try extremes(cube)))
  }
}
