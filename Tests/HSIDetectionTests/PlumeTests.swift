import Foundation
import HSICore
import HSIDetection
import HSINumerics
import Testing

@Suite struct PlumeTests {
  private struct Fixture: Decodable {
    struct Plume: Decodable {
      let lines, samples, bands, rounds: Int
      let absorption: [Double]
      let pixels: [Float]
      let amounts: [Double]
      let enhancements: [String: [Double]]
    }
    let plume: Plume
  }

  private func load() throws -> (Fixture.Plume, Cube) {
    let url = try #require(Bundle.module.url(forResource: "Fixtures/detection", withExtension: "json"))
    let plume = try JSONDecoder().decode(Fixture.self, from: Data(contentsOf: url)).plume
    let pixels = PixelMatrix(rows: plume.lines * plume.samples, columns: plume.bands, values: plume.pixels)
    return (plume, Cube(lines: plume.lines, samples: plume.samples, pixels: pixels))
  }

  private func run(_ filter: PlumeFilter, _ cube: Cube, _ context: RunContext = RunContext()) throws -> [Float] {
    var all: [Float] = []
    try filter.detect(in: cube, context) { all += $0[.detection]?.values ?? [] }
    return all
  }

  @Test(arguments: ["plain", "sparse", "logarithmic"]) func reference(_ kind: String) throws {
    let (plume, cube) = try load()
    var filter = PlumeFilter(absorption: plume.absorption)
    filter.byColumn = true
    filter.shrinkage = 0
    filter.iterations = kind == "sparse" ? plume.rounds : 0
    filter.isLogarithmic = kind == "logarithmic"
    let wanted = try #require(plume.enhancements[kind])
    let found = try run(filter, cube)
    let error = zip(found, wanted).map { abs(Double($0) - $1) }.max() ?? .infinity
    #expect(error < 2e-3, "\(kind): \(error)")
    for threads in [1, 2] { #expect(try run(filter, cube, RunContext(threads: threads)) == found) }
  }

  /// The plume is found in the column that has it, and nowhere else.
  @Test func sparseEnhancementsStandAlone() throws {
    let (plume, cube) = try load()
    var filter = PlumeFilter(absorption: plume.absorption)
    filter.byColumn = true
    let found = try run(filter, cube)
    let total = (0..<cube.count).reduce(0.0) { $0 + Double(found[2 * $1]) }
    let inside = (0..<cube.count).reduce(0.0) { $0 + (plume.amounts[$1] > 0 ? Double(found[2 * $1]) : 0) }
    #expect(inside > 0.9 * plume.amounts.reduce(0, +) && total < 2 * inside, "\(inside) of \(total)")
    #expect((0..<cube.count).allSatisfy { found[2 * $0] >= 0 && found[2 * $0 + 1] > 0 })
  }

  @Test func hardScenes() throws {
    let (plume, cube) = try load()
    var filter = PlumeFilter(absorption: plume.absorption)
    filter.byColumn = true
    let two = Cube(
      lines: 2, samples: 3, pixels: PixelMatrix(rows: 6, columns: plume.bands, values: Array(plume.pixels[..<36])))
    #expect(throws: DetectionError.self) { try run(filter, two) }
    let constant = Cube(
      lines: 5, samples: 1,
      pixels: PixelMatrix(rows: 5, columns: plume.bands, values: [Float](repeating: 2, count: 30)))
    #expect(throws: DetectionError.self) { try run(filter, constant) }
    #expect(throws: CoreError.self) { try run(filter, cube, RunContext(memory: MemoryBudget(bytes: 1000))) }
    // A pixel below 0 has no logarithm.
    filter.isLogarithmic = true
    let dark = PixelMatrix(rows: cube.count, columns: plume.bands, values: plume.pixels)
    dark[4, 2] = -1
    let found = try run(filter, Cube(lines: plume.lines, samples: plume.samples, pixels: dark))
    #expect(found[8].isNaN && found[9].isNaN && found[10].isFinite)
  }
}
