import Foundation
import HSICore
import HSINumerics
import HSITestSupport
import Testing

@testable import HSIRestoration

/// Scenes that take the details of a finer image.
@Suite(.serialized) struct SharpeningTests {
  static let names = Sharpeners.all.descriptions.map(\.id)
  private let clean = RestorationScene.clean(lines: 48, samples: 64, bands: 8)

  /// Means of neighbouring bands, as a sensor of few bands sees the scene.
  private static func few(_ scene: Cube, bands count: Int) -> Cube {
    let (bands, width) = (scene.shape.bands, scene.shape.bands / count)
    let pixels = PixelMatrix(rows: scene.count, columns: count)
    for n in 0..<scene.count {
      for j in 0..<count {
        for b in 0..<width { pixels[n, j] += scene.pixels.pointer[n * bands + j * width + b] / Float(width) }
      }
    }
    return Cube(lines: scene.shape.lines, samples: scene.shape.samples, pixels: pixels)
  }

  private func sharpened(_ name: String, _ small: Cube, _ fine: Cube, threads: Int = 2) throws -> Cube {
    let method = try Sharpeners.all.entry(name).make([:])
    return try Sharpening(method, fine: fine, scene: small.shape).restore(
      small, noise: nil, RunContext(threads: threads)
    ).scene
  }

  /// Better than cubic convolution by PSNR, and spectra no worse.
  @Test(arguments: names, [2.0, 4]) func beatsInterpolation(_ name: String, _ scale: Double) throws {
    let small = try RestorationScene.degraded("downsampling", ["factor": scale, "area": 1], clean)
    let plain = try RestorationScene.restored("bicubic", ["scale": scale], small).scene
    let before = try RestorationMetrics(plain, reference: clean)
    for bands in [1, 4] where bands == 4 || name != "cnmf" {
      let result = try sharpened(name, small, Self.few(clean, bands: bands))
      let after = try RestorationMetrics(result, reference: clean)
      // One band tells brightness only.
      let gain = bands == 1 ? 0.5 : 3
      #expect(after.mpsnr > before.mpsnr + gain, "\(name) ×\(scale) \(bands): \(before.mpsnr) → \(after.mpsnr)")
      #expect(
        after.sam < before.sam * (bands == 1 ? 1.5 : 1), "\(name) ×\(scale) \(bands): \(before.sam) → \(after.sam)")
    }
  }

  /// GSA of one band by the formulas of the source, in double precision with plain loops.
  @Test func gramSchmidtByHand() throws {
    let small = try RestorationScene.degraded("downsampling", ["factor": 2, "area": 1], clean)
    let pan = Self.few(clean, bands: 1)
    let plain = try RestorationScene.restored("bicubic", ["scale": 2], small).scene
    let method = try Sharpeners.all.entry("gsa").make(["components": 8])
    let found = try Sharpening(method, fine: pan, scene: small.shape).restore(small, noise: nil, RunContext()).scene
    let (n, bands, width) = (small.count, 8, small.shape.samples)
    let means = (0..<n).map { place -> Double in
      let (y, x) = (place / width * 2, place % width * 2)
      return [(0, 0), (0, 1), (1, 0), (1, 1)].reduce(0) {
        $0 + Double(pan.pixels[(y + $1.0) * 2 * width + x + $1.1, 0]) / 4
      }
    }
    // All eight components are all eight bands: the regression is the plain one with a constant.
    let design = Matrix<Double>(rows: n, columns: bands + 1) { $1 < bands ? Double(small.pixels[$0, $1]) : 1 }
    let weights = try design.leastSquares(Matrix(rows: n, columns: 1, values: means)).values
    func intensity(_ cube: Cube, _ row: Int) -> Double {
      (0..<bands).reduce(weights[bands]) { $0 + weights[$1] * Double(cube.pixels[row, $1]) }
    }
    let low = (0..<n).map { intensity(small, $0) }
    let mean = low.reduce(0, +) / Double(n)
    let variance = low.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    for band in 0..<bands {
      let gain = (0..<n).reduce(0) { $0 + (low[$1] - mean) * Double(small.pixels[$1, band]) } / variance
      for row in stride(from: 0, to: found.count, by: 37) {
        let expected = Double(plain.pixels[row, band]) + gain * (Double(pan.pixels[row, 0]) - intensity(plain, row))
        #expect(abs(Double(found.pixels[row, band]) - expected) < 1e-4)
      }
    }
  }

  /// SFIM of one band: the enlarged scene times the ratio of the regressed band and its smoothed self.
  @Test func modulationByHand() throws {
    let small = try RestorationScene.degraded("downsampling", ["factor": 2, "area": 1], clean)
    let pan = Self.few(clean, bands: 1)
    let found = try sharpened("sfim", small, pan)
    let plain = try RestorationScene.restored("bicubic", ["scale": 2], small).scene
    let means = try RestorationScene.degraded("downsampling", ["factor": 2, "area": 1], pan)
    let smooth = try RestorationScene.restored("bicubic", ["scale": 2], means).scene
    let n = Double(means.count)
    let mean = (0..<means.count).reduce(0) { $0 + Double(means.pixels[$1, 0]) } / n
    let variance = (0..<means.count).reduce(0) { $0 + pow(Double(means.pixels[$1, 0]) - mean, 2) }
    for band in [0, 5] {
      let other = (0..<means.count).reduce(0) { $0 + Double(small.pixels[$1, band]) } / n
      let slope =
        (0..<means.count).reduce(0) { $0 + (Double(means.pixels[$1, 0]) - mean) * Double(small.pixels[$1, band]) }
        / variance
      for row in stride(from: 0, to: found.count, by: 41) {
        let high = other + slope * (Double(pan.pixels[row, 0]) - mean)
        let low = other + slope * (Double(smooth.pixels[row, 0]) - mean)
        let ratio = low > 0 ? min(max(high / low, 0.2), 5) : 1
        #expect(abs(Double(found.pixels[row, band]) - Double(plain.pixels[row, band]) * ratio) < 1e-3)
      }
    }
  }

  /// The responses of the sensor come back where the bands are independent.
  @Test func responsesAreFound() {
    var random = CounterRandom(seed: 4, stream: 1)
    let scene = Matrix<Double>(rows: 60, columns: 5) { _, _ in 0.1 + random.uniform() }
    let truth = Matrix<Double>(rows: 2, columns: 5, values: [0.5, 0.5, 0, 0, 0, 0, 0, 0.2, 0.3, 0.5])
    let found = CoupledFactorisation.responses(scene, scene.multiplied(by: truth, .none, .transposed))
    for (a, b) in zip(found.values, truth.values) { #expect(abs(a - b) < 1e-5) }
  }

  @Test(arguments: names) func contract(_ name: String) throws {
    let scene = SyntheticScene.noisy(SyntheticScene.clean(lines: 18, samples: 20, bands: 8), sigma: 0.05)
    let fine = Self.few(try RestorationScene.restored("bicubic", ["scale": 2], scene).scene, bands: 4)
    let method = try Sharpeners.all.entry(name).make([:])
    #expect(try checkRestorer(Sharpening(method, fine: fine, scene: scene.shape), scene: scene) == [])
  }

  /// Where the finer image has no data the result is that of cubic convolution.
  @Test(arguments: names) func holesOfTheFineImage(_ name: String) throws {
    let small = try RestorationScene.degraded("downsampling", ["factor": 2, "area": 1], clean)
    let plain = try RestorationScene.restored("bicubic", ["scale": 2], small).scene
    let fine = SyntheticScene.dropping(Self.few(clean, bands: 4)) { $0 == 70 || $0 == 900 }
    let result = try sharpened(name, small, fine)
    for place in [70, 900] { for b in 0..<8 { #expect(result.pixels[place, b] == plain.pixels[place, b]) } }
    #expect(result.pixels.values.allSatisfy { $0.isFinite })
  }

  @Test func badGrids() throws {
    let fine = Self.few(clean, bands: 1)
    let gsa = try Sharpeners.all.entry("gsa").make([:])
    for (lines, samples) in [(24, 31), (48, 64), (24, 64), (0, 0), (32, 43), (96, 128)] {
      #expect(throws: RestorationError.self) {
        try Sharpening(gsa, fine: fine, scene: CubeShape(lines: lines, samples: samples, bands: 3))
      }
    }
    #expect(throws: CoreError.self) {
      try Sharpening(
        Sharpeners.all.entry("cnmf").make([:]), fine: fine, scene: CubeShape(lines: 24, samples: 32, bands: 3))
    }
  }
}
