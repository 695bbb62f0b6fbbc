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
    #expect(try #require(result.facts["thickestHaze"]) > 0.2)
  }

  /// The same figure from the pixels, by projections instead of covariances.
  @Test func evidenceIsAPartialCorrelation() throws {
    // Some noise, without which the long bands explain all of the short ones.
    let smooth = try RestorationScene.degraded("haze", ["strength": 0.6], clean)
    let hazy = SyntheticScene.with(
      smooth, smooth.pixels.values.enumerated().map { $1 + 0.004 * Float(sin(Double($0 * $0 % 7919))) })
    let result = try RestorationScene.restored("dark-object", [:], hazy)
    let bands = hazy.shape.bands
    func column(_ value: (Int) -> Double) -> [Double] {
      let values = (0..<hazy.count).map(value)
      let mean = values.reduce(0, +) / Double(values.count)
      return values.map { $0 - mean }
    }
    // 16 bands: the shortest one, and the longer eight, whose twelve components are all of them.
    var basis: [[Double]] = []
    func without(_ vector: [Double]) -> [Double] {
      basis.reduce(vector) { left, unit in
        let share = zip(left, unit).reduce(0) { $0 + $1.0 * $1.1 }
        return zip(left, unit).map { $0 - share * $1 }
      }
    }
    for b in (bands / 2)..<bands {
      let left = without(without(column { Double(hazy.pixels[$0, b]) }))
      let length = left.reduce(0) { $0 + $1 * $1 }.squareRoot()
      basis.append(left.map { $0 / length })
    }
    let s = without(column { Double(hazy.pixels[$0, 0]) })
    let d = without(column { Double(hazy.pixels[$0, 0]) - Double(result.scene.pixels[$0, 0]) })
    func product(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
    let expected = product(d, s) / (product(d, d) * product(s, s)).squareRoot()
    let found = try #require(result.facts["hazeEvidence"])
    #expect(abs(found - expected) < 0.02, "\(found) \(expected)")
  }

  @Test func hazeIsToldFromSurfaces() throws {
    // Bright in the short bands only, from place to place: haze; in all of them: surfaces.
    let hazy = try RestorationScene.degraded("haze", ["strength": 0.75], clean)
    let evidence = try #require(RestorationScene.restored("dark-object", [:], hazy).facts["hazeEvidence"])
    #expect(evidence > HazeEvidence.doubtful, "\(evidence)")
    let surfaces = try RestorationScene.restored("dark-object", [:], clean)
    #expect(surfaces.unchanged != nil || surfaces.facts["hazeEvidence"]! < evidence, "\(surfaces.facts)")
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
