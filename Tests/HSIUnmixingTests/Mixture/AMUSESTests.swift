import Foundation
import HSICore
import HSINumerics
import HSITestSupport
import Testing

@testable import HSIUnmixing

/// AMUSES against the package of its authors' institute (`amuses_reference.py`).
@Suite struct AMUSESTests {
  private static func scene(_ fixture: Fixture) -> Cube {
    // The package reads pixels down the columns; the order does not matter.
    MethodFixtures.cube(fixture["scene"], lines: 15)
  }

  private static func library(_ fixture: Fixture) -> SpectralLibrary {
    let values = fixture["library"]
    return SpectralLibrary(
      names: (0..<values.shape[0]).map { "spectrum \($0)" }, axis: SpectralAxis(count: values.shape[1]),
      values: values.values)
  }

  @Test("Distances, order and choices are those of the package", arguments: ["usual", "few", "many"])
  func package(name: String) throws {
    let fixture = try MethodFixtures.load("amuses")
    var settings = AMUSES.Settings()
    switch name {
    case "few":
      (settings.leastEigenvectors, settings.kept, settings.relevant, settings.low, settings.high) = (
        4, 0.8, 0.1, 0.002, 0.05
      )
    case "many": (settings.relevant, settings.low, settings.high) = (0.3, 0.0001, 0.003)
    default: break
    }
    let found = try AMUSES(Self.scene(fixture), Self.library(fixture), settings: settings, RunContext())
    #expect(Double(found.eigenvectors) == fixture[name + ".eigenvectors"].values[0])
    let distances = fixture[name + ".distances"].values
    #expect(found.nearest == fixture[name + ".nearest"].values.map { Int($0) })
    // The package regularises its regressions by 1e-6 whatever the units, which alone moves distances by 3e-6.
    #expect(MethodFixtures.distance(found.nearest.map { found.distances[$0] }, distances) < 5e-6)
    #expect(found.selection == fixture[name + ".selection"].values.map { Int($0) })
  }

  @Test("Brightness of the pixels, height of strips and number of threads do not matter")
  func invariances() throws {
    let fixture = try MethodFixtures.load("amuses")
    let (scene, library) = (Self.scene(fixture), Self.library(fixture))
    let plain = try AMUSES(scene, library, RunContext(threads: 1))
    let brighter = PixelMatrix(rows: scene.count, columns: library.bands, values: scene.pixels.values)
    for n in 0..<brighter.rows { for l in 0..<library.bands { brighter[n, l] *= n % 2 == 0 ? 2 : 0.25 } }
    let other = try AMUSES(Cube(lines: 15, samples: 20, pixels: brighter), library, RunContext(threads: 3))
    #expect(plain.distances == other.distances && plain.selection == other.selection)
    let strips = try AMUSES(PlainSource(scene), library, RunContext(threads: 2, memory: MemoryBudget(bytes: 70 << 20)))
    #expect(strips.selection == plain.selection)
    #expect(MethodFixtures.distance(strips.distances, plain.distances) < 1e-9)
  }

  @Test("A spectrum of the scene is near, twins are one, and pixels without light say nothing")
  func meaning() throws {
    let spectra = MethodFixtures.spectra(bands: 30, count: 6, seed: 5)
    let mixed = MethodFixtures.mixture(
      lines: 12, samples: 20, spectra: spectra.selecting(columns: [0, 1, 2]), noise: 0.001, seed: 4)
    var library = MethodFixtures.library(spectra)
    library = SpectralLibrary(
      names: library.names + ["twin"], axis: library.axis, values: library.values + Array(library[1]).map { 0.7 * $0 })
    var settings = AMUSES.Settings()
    (settings.leastEigenvectors, settings.kept) = (3, 1)
    let found = try AMUSES(mixed.cube, library, settings: settings, RunContext())
    #expect(Set(found.nearest.prefix(4)) == [0, 1, 2, 6])
    #expect(found.selection.contains(1) != found.selection.contains(6))
    let dark = PixelMatrix(rows: mixed.cube.count, columns: 30, values: mixed.cube.pixels.values)
    for n in stride(from: 0, to: dark.rows, by: 3) { for l in 0..<30 { dark[n, l] = 0 } }
    let darker = try AMUSES(Cube(lines: 12, samples: 20, pixels: dark), library, settings: settings, RunContext())
    #expect(darker.distances.allSatisfy { $0.isFinite })
    #expect(Set(darker.nearest.prefix(4)) == [0, 1, 2, 6])
  }

  @Test("One band, two bands, one spectrum, constant and dark scenes")
  func edges() throws {
    func cube(_ value: Float, bands: Int) -> Cube {
      Cube(
        lines: 2, samples: 3,
        pixels: PixelMatrix(rows: 6, columns: bands, values: [Float](repeating: value, count: 6 * bands)))
    }
    func library(bands: Int, count: Int) -> SpectralLibrary {
      MethodFixtures.library(MethodFixtures.spectra(bands: bands, count: count, seed: 2))
    }
    for bands in [1, 2, 7] {
      let found = try? AMUSES(cube(0.4, bands: bands), library(bands: bands, count: 1), RunContext())
      #expect(found?.selection ?? [0] == [0])
    }
    #expect(throws: UnmixingError.self) { try AMUSES(cube(0, bands: 7), library(bands: 7, count: 3), RunContext()) }
    #expect(throws: UnmixingError.self) { try AMUSES(cube(0.4, bands: 6), library(bands: 7, count: 3), RunContext()) }
    var bad = library(bands: 7, count: 3)
    bad.values[9] = .nan
    #expect(throws: UnmixingError.self) { try AMUSES(cube(0.4, bands: 7), bad, RunContext()) }
    bad.values = bad.values.map { _ in 0 }
    #expect(throws: UnmixingError.self) { try AMUSES(cube(0.4, bands: 7), bad, RunContext()) }
  }
}
