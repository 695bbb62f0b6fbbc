import Foundation
import HSICore
import HSINumerics
import Testing

@testable import HSIRestoration

@Suite(.serialized) struct DehazingTests {
  private let clean = RestorationScene.clean(lines: 60, samples: 64, bands: 16)

  @Test(arguments: [0.5, 0.75, 1]) func takesHazeAway(_ strength: Double) throws {
    let hazy = try RestorationScene.degraded("haze", ["strength": strength], clean)
    let result = try RestorationScene.restored("dark-object", [:], hazy)
    let (before, after) = try (RestorationScene.quality(hazy, clean), RestorationScene.quality(result.scene, clean))
    #expect(after > before + 1.5, "\(strength): \(before) → \(after)")
    #expect(try #require(result.facts["thickest"]) > 0.2)
  }

  @Test func scenesWithoutHaze() throws {
    let one = Cube(lines: 1, samples: 1, pixels: PixelMatrix(rows: 1, columns: 3, values: [1, 2, 3]))
    let dark = Cube(
      lines: 3, samples: 4, pixels: PixelMatrix(rows: 12, columns: 2, values: [Float](repeating: -1, count: 24)))
    let level = Cube(
      lines: 3, samples: 4, pixels: PixelMatrix(rows: 12, columns: 2, values: [Float](repeating: 2, count: 24)))
    for scene in [one, dark, level] {
      let result = try RestorationScene.restored("dark-object", [:], scene)
      #expect(result.unchanged != nil && result.scene.pixels.values == scene.pixels.values)
    }
  }

  @Test func windows() {
    let filters = WindowFilters(lines: 3, samples: 4)
    let plane: [Float] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]
    #expect(filters.maximum(plane, reach: 1) == [5, 6, 7, 7, 9, 10, 11, 11, 9, 10, 11, 11])
    let mean = filters.mean(plane, reach: 1)
    #expect(mean[0] == 2.5 && mean[5] == 5 && mean[11] == 8.5)
    // A linear function of the guide passes.
    let guided = filters.guided(plane.map { 3 * $0 + 1 }, guide: plane, reach: 1, epsilon: 1e-6)
    for (a, b) in zip(guided, plane) { #expect(abs(a - 3 * b - 1) < 1e-3) }
  }
}
