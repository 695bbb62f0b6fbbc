import Foundation
import HSICore
import HSINumerics
import Testing

@testable import HSIRestoration

@Suite(.serialized) struct SuperResolutionTests {
  static let names = Restorers.for(.superResolve).descriptions.map(\.id)
  private let clean = RestorationScene.clean(lines: 48, samples: 64, bands: 8)

  /// PSNR above that of repeated pixels, in dB.
  @Test(arguments: names, [2.0, 4, 8]) func refines(_ name: String, _ scale: Double) throws {
    for area in [0.0, 1] {
      let small = try RestorationScene.degraded("downsampling", ["factor": scale, "area": area], clean)
      let repeated = Self.repeated(small, Int(scale))
      let result = try RestorationScene.restored(name, ["scale": scale, "area": area], small)
      let (before, after) = try (
        RestorationScene.quality(repeated, clean), RestorationScene.quality(result.scene, clean)
      )
      #expect(after > before + 0.5, "\(name) ×\(scale) area \(area): \(before) → \(after)")
    }
  }

  private static func repeated(_ scene: Cube, _ scale: Int) -> Cube {
    let (lines, samples, bands) = (scene.shape.lines * scale, scene.shape.samples * scale, scene.shape.bands)
    let pixels = PixelMatrix(rows: lines * samples, columns: bands)
    for n in 0..<(lines * samples) {
      let place = n / samples / scale * scene.shape.samples + n % samples / scale
      for b in 0..<bands { pixels[n, b] = scene.pixels[place, b] }
    }
    return Cube(lines: lines, samples: samples, pixels: pixels)
  }

  /// Back projection explains the scene: its means are those that were given.
  @Test func meansAreKept() throws {
    let small = try RestorationScene.degraded("downsampling", ["factor": 4, "area": 1], clean)
    let fine = try RestorationScene.restored("subspace-back-projection", ["scale": 4], small).scene
    let plain = try RestorationScene.restored("bicubic", ["scale": 4], small).scene
    let (first, second) = try (
      RestorationScene.degraded("downsampling", ["factor": 4, "area": 1], fine),
      RestorationScene.degraded("downsampling", ["factor": 4, "area": 1], plain)
    )
    #expect(SyntheticScene.error(first, small) < 0.3 * SyntheticScene.error(second, small))
    let (sharp, smooth) = try (RestorationScene.quality(fine, clean), RestorationScene.quality(plain, clean))
    #expect(sharp > smooth + 0.15, "\(smooth) → \(sharp)")
  }

  /// A straight slope stays one, at the places that the map says.
  @Test func aSlope() throws {
    let pixels = PixelMatrix(rows: 40, columns: 1, values: (0..<40).map { Float($0 % 8) })
    let scene = Cube(lines: 5, samples: 8, pixels: pixels)
    let area = try RestorationScene.restored("bicubic", ["scale": 2], scene).scene
    let corners = try RestorationScene.restored("bicubic", ["scale": 2, "area": 0], scene).scene
    for x in 4..<12 {
      #expect(abs(area.pixels[3 * 16 + x, 0] - (Float(x) + 0.5) / 2 + 0.5) < 0.1)
      #expect(abs(corners.pixels[3 * 16 + x, 0] - Float(x) * 7 / 15) < 0.1)
    }
    #expect(corners.pixels[0, 0] == 0 && abs(corners.pixels[15, 0] - 7) < 1e-5)
  }

  @Test(arguments: names) func badScenes(_ name: String) throws {
    let same = try RestorationScene.restored(name, ["scale": 1], clean)
    #expect(same.unchanged != nil && same.scene.pixels.values == clean.pixels.values)
    #expect(throws: CoreError.self) { try Restorers.all.named(name, ["scale": 2.5]) }
    #expect(throws: CoreError.self) { try Restorers.all.named(name, ["scale": 17]) }
    let one = Cube(lines: 1, samples: 1, pixels: PixelMatrix(rows: 1, columns: 2, values: [3, 4]))
    let four = try RestorationScene.restored(name, [:], one).scene
    #expect(four.count == 4)
    for n in 0..<4 { for b in 0..<2 { #expect(abs(four.pixels[n, b] - one.pixels[0, b]) < 1e-5) } }
    // A pixel with a missing value is repeated as it is.
    let holed = SyntheticScene.with(clean, clean.pixels.values)
    holed.pixels[70, 2] = .nan
    let result = try RestorationScene.restored(name, [:], holed).scene
    #expect(result.pixels.values.count { !$0.isFinite } == 4)
    let place = 2 * 128 + 12
    #expect(result.pixels[place, 2].isNaN && result.pixels[place, 1] == holed.pixels[70, 1])
    let lost = SyntheticScene.with(clean, [Float](repeating: .nan, count: clean.pixels.values.count))
    #expect(try RestorationScene.restored(name, [:], lost).scene.pixels.values.allSatisfy { $0.isNaN })
  }
}
