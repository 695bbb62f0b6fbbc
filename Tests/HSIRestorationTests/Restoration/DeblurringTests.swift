import Foundation
import HSICore
import HSINumerics
import Testing

@testable import HSIRestoration

@Suite(.serialized) struct DeblurringTests {
  static let names = Restorers.for(.deblur).descriptions.map(\.id)
  private let clean = RestorationScene.clean(lines: 48, samples: 50, bands: 12)

  /// Gain in PSNR over the blurred scene with a little noise, in dB.
  @Test(
    arguments: names,
    [
      ("gaussian-blur", 0.0, 9.0, 0.0, 3.0), ("motion-blur", 1, 9, 30, 3), ("square-blur", 2, 5, 0, 3),
      ("circle-blur", 3, 7, 0, 3),
    ])
  func sharpens(_ name: String, _ blur: (id: String, kind: Double, size: Double, angle: Double, gain: Double)) throws {
    for mirror in [0.0, 1] {
      var values = ["size": blur.size]
      if blur.kind == 1 { values["angle"] = blur.angle }
      let blurred = try RestorationScene.degraded(blur.id, values.merging(["mirror": mirror]) { $1 }, clean)
      let noisy = SyntheticScene.noisy(blurred, sigma: 0.001)
      let known = values.merging(["kind": blur.kind, "zeros": 1 - mirror]) { $1 }
      let result = try RestorationScene.restored(name, known, noisy)
      let (before, after) = try (
        RestorationScene.quality(noisy, clean), RestorationScene.quality(result.scene, clean)
      )
      #expect(after > before + blur.gain, "\(name) \(blur.id) mirror \(mirror): \(before) → \(after)")
    }
  }

  @Test(arguments: names) func anyScaleOfNumbers(_ name: String) throws {
    let blurred = SyntheticScene.noisy(
      try RestorationScene.degraded("gaussian-blur", ["mirror": 1], clean), sigma: 0.002)
    let plain = try RestorationScene.restored(name, [:], blurred).scene.pixels.values
    let large = SyntheticScene.with(blurred, blurred.pixels.values.map { $0 * 8192 })
    let result = try RestorationScene.restored(name, [:], large).scene.pixels.values
    #expect(try #require(zip(result, plain).map { abs($0 / 8192 - $1) }.max()) < 1e-3)
  }

  @Test(arguments: names) func nothingToSharpen(_ name: String) throws {
    let one = Cube(lines: 1, samples: 1, pixels: PixelMatrix(rows: 1, columns: 3, values: [1, 2, 3]))
    let level = Cube(
      lines: 5, samples: 6, pixels: PixelMatrix(rows: 30, columns: 2, values: [Float](repeating: 3, count: 60)))
    for scene in [one, level] {
      let result = try RestorationScene.restored(name, [:], scene)
      #expect(result.unchanged != nil && result.scene.pixels.values == scene.pixels.values)
    }
    let point = try RestorationScene.restored(name, ["size": 1], clean)
    #expect(point.unchanged != nil && point.scene.pixels.values == clean.pixels.values)
    #expect(throws: CoreError.self) { try Restorers.all.named(name, ["size": 8]) }
    #expect(throws: CoreError.self) { try Restorers.all.named(name, ["kind": 0.5]) }
    // A kernel larger than the scene.
    let small = RestorationScene.clean(lines: 5, samples: 4, bands: 3)
    let result = try RestorationScene.restored(name, ["size": 21], small)
    #expect(result.scene.pixels.values.allSatisfy { $0.isFinite })
  }

  /// The product of spectra is the sum over the neighbourhood.
  @Test func spectraOfBlurs() throws {
    let kernel = try BlurKernel(.motion, size: 5, angle: 30)
    let scene = RestorationScene.clean(lines: 20, samples: 22, bands: 1)
    let direct = try kernel.blurred(scene, mirrors: true, RunContext())
    let blur = PlaneBlur(kernel, lines: 20, samples: 22)
    let transform = blur.transform
    let plane = PixelMatrix(rows: transform.lines, columns: transform.samples)
    let spectrum = PixelMatrix(rows: 1, columns: transform.spectrumCount)
    blur.load(scene.pixels.pointer, into: plane.pointer)
    transform.forward(plane.pointer, spectrum.pointer)
    for i in 0..<(transform.spectrumCount / 2) {
      let (a, b) = (blur.spectrum[2 * i], blur.spectrum[2 * i + 1])
      let (re, im) = (spectrum.pointer[2 * i], spectrum.pointer[2 * i + 1])
      spectrum.pointer[2 * i] = a * re - b * im
      spectrum.pointer[2 * i + 1] = a * im + b * re
    }
    transform.inverse(spectrum.pointer, plane.pointer)
    let image = PixelMatrix(rows: 20, columns: 22)
    blur.crop(
      plane.pointer, factor: Float(kernel.sum) / Float(transform.lines * transform.samples), into: image.pointer)
    for line in 2..<18 {
      for sample in 2..<20 { #expect(abs(image[line, sample] - direct[line * 22 + sample, 0]) < 1e-5) }
    }
  }
}
