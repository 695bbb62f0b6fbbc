import Foundation
import HSICore
import HSINumerics
import Testing

@testable import HSIRestoration

@Suite(.serialized) struct InpaintingTests {
  static let names = Restorers.for(.inpaint).descriptions.map(\.id)
  private let clean = RestorationScene.clean()

  /// PSNR reached with 70 % of the values missing, in dB, and with a fifth of the bands missing; zeros have about 8 and 16.
  @Test(arguments: [("spectral-interpolation", 25.0, 32.0), ("lrmc", 35, 32), ("fasthyin", 42, 32)])
  func fills(_ name: String, _ values: Double, _ bands: Double) throws {
    let masked = try RestorationScene.degraded("mask", ["ratio": 0.7], clean)
    let result = try RestorationScene.restored(name, [:], masked)
    let quality = try RestorationScene.quality(result.scene, clean)
    #expect(try RestorationScene.quality(RestorationScene.zeros(masked), clean) < 12)
    #expect(quality > values, "\(name): \(quality)")
    #expect(result.facts["missing"] == Double(masked.pixels.values.count { $0.isNaN }) && result.unchanged == nil)
    // What was there stays, to the bit.
    for (before, after) in zip(masked.pixels.values, result.scene.pixels.values) where before.isFinite {
      #expect(before == after)
    }
    let dead = try RestorationScene.degraded("missing-bands", ["ratio": 0.2], clean)
    let filled = try RestorationScene.restored(name, [:], dead)
    let second = try RestorationScene.quality(filled.scene, clean)
    #expect(second > bands && filled.facts["missingBands"] == 4, "\(name): \(second)")
  }

  /// Noise is removed too where that is asked for.
  @Test func fastHyInDenoises() throws {
    let noisy = SyntheticScene.noisy(clean, sigma: 0.05)
    let masked = try RestorationScene.degraded("mask", ["ratio": 0.5], noisy)
    let kept = try RestorationScene.quality(RestorationScene.restored("fasthyin", [:], masked).scene, clean)
    let result = try RestorationScene.restored("fasthyin", ["keep": 0], masked)
    let denoised = try RestorationScene.quality(result.scene, clean)
    #expect(denoised > kept + 5 && denoised > 33, "\(kept) \(denoised)")
    let sigma = try #require(result.noise).standardDeviations
    for level in sigma { #expect(abs(level - 0.05) < 0.01) }
    #expect(try #require(result.rank) >= 3 && result.rank! <= 5)
  }

  /// Pixels, bands and corners without any value together.
  @Test(arguments: names) func everyKindOfGap(_ name: String) throws {
    let holed = SyntheticScene.with(clean, clean.pixels.values)
    for row in 0..<holed.count {
      for b in [0, 7, 8] { holed.pixels[row, b] = row % 2 == 0 ? .nan : .infinity }
      if row < 3 || row % 50 == 0 { for b in 0..<24 { holed.pixels[row, b] = .nan } }
      if row % 3 == 0 { holed.pixels[row, row % 24] = -.infinity }
    }
    let result = try RestorationScene.restored(name, [:], holed)
    #expect(result.scene.pixels.values.allSatisfy { $0.isFinite })
    #expect(result.facts["emptyPixels"] == 31 && result.facts["missingBands"] == 3)
    #expect(try RestorationScene.quality(result.scene, clean) > 25)
  }

  /// Neither threads nor missing pixels beside missing values matter.
  @Test(arguments: names) func threadsAndMissingPixels(_ name: String) throws {
    let masked = try RestorationScene.degraded("mask", ["ratio": 0.6], clean)
    let holed = SyntheticScene.dropping(masked) { $0 % 17 == 3 || $0 < 45 }
    let results = try [1, 3].map { try RestorationScene.restored(name, [:], holed, RunContext(threads: $0)).scene }
    #expect(RestorationScene.bits(results[0]) == RestorationScene.bits(results[1]))
    #expect(results[0].positions == holed.positions && results[0].pixels.values.allSatisfy { $0.isFinite })
    let reference = SyntheticScene.dropping(clean) { $0 % 17 == 3 || $0 < 45 }
    #expect(try RestorationScene.quality(results[0], reference) > 25)
  }

  @Test(arguments: names) func nothingToFillAndNothingToFillFrom(_ name: String) throws {
    let complete = try RestorationScene.restored(name, [:], clean)
    #expect(complete.unchanged != nil && complete.scene.pixels.values == clean.pixels.values)
    let lost = SyntheticScene.with(clean, [Float](repeating: .nan, count: clean.pixels.values.count))
    let context = RunContext()
    let result = try RestorationScene.restored(name, [:], lost, context)
    #expect(result.unchanged != nil && context.warnings.warnings.map(\.identifier) == ["W-UNCHANGED"])
    #expect(RestorationScene.bits(result.scene) == RestorationScene.bits(lost))
  }

  /// One pixel, one band, one value: there is always an answer, and it is finite.
  @Test(arguments: names) func hardlyAnything(_ name: String) throws {
    for (lines, samples, bands) in [(1, 1, 5), (1, 2, 2), (4, 5, 1), (2, 2, 3)] {
      let values = (0..<(lines * samples * bands)).map { $0 == 0 ? 0.25 : Float.nan }
      let scene = Cube(
        lines: lines, samples: samples, pixels: PixelMatrix(rows: lines * samples, columns: bands, values: values))
      let result = try RestorationScene.restored(name, [:], scene).scene.pixels.values
      #expect(result.allSatisfy { $0.isFinite } && result[0] == 0.25, "\(lines) × \(samples) × \(bands): \(result)")
    }
    let level = SyntheticScene.with(clean, clean.pixels.values.enumerated().map { $0.offset % 7 == 0 ? .nan : 0.5 })
    for value in try RestorationScene.restored(name, [:], level).scene.pixels.values {
      #expect(abs(value - 0.5) < 1e-4)
    }
  }

  /// Learned from pairs of bands, the subspace and the noise are those of the scene.
  @Test func factorsOfIncompletePixels() throws {
    let noisy = SyntheticScene.noisy(RestorationScene.clean(lines: 60, samples: 60), sigma: 0.02)
    let masked = try RestorationScene.degraded("mask", ["ratio": 0.6], noisy)
    let model = try FactorAnalysis.learn(
      masked, bands: Array(0..<24), levels: nil, rank: nil, rounds: 30, RunContext())
    #expect(model.rank == 3 || model.rank == 4)
    for variance in model.variances { #expect(abs(variance.squareRoot() - 0.02) < 0.004) }
  }

  @Test func curves() {
    func filled(_ values: [Float], _ curve: SpectralGaps.Curve, wavelengths: [Double]) -> [Float] {
      let pixels = PixelMatrix(rows: 1, columns: values.count, values: values)
      SpectralGaps(SpectralAxis(wavelengths: wavelengths), curve).fill(pixels)
      return pixels.values
    }
    let axis: [Double] = [500, 400, 700, 600, 800]
    #expect(filled([.nan, 1, 4, .nan, .nan], .linear, wavelengths: axis) == [2, 1, 4, 3, 4])
    // A straight line stays one; a step is not overshot.
    let line = filled([.nan, 1, 4, .nan, 5], .monotone, wavelengths: axis)
    #expect(abs(line[0] - 2) < 1e-6 && abs(line[3] - 3) < 1e-6)
    let step = filled([0, 0, .nan, .nan, 1, 1], .monotone, wavelengths: [0, 1, 2, 3, 4, 5])
    #expect(step[2] > 0 && step[2] < step[3] && step[3] < 1 && abs(step[2] + step[3] - 1) < 1e-6)
  }
}
