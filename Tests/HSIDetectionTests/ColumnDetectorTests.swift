import Foundation
import HSICore
import HSIDetection
import HSINumerics
import HSITestSupport
import Testing

/// Backgrounds of groups of columns, against `Fixtures/columns.py` and on simulated stripes.
@Suite struct ColumnDetectorTests {
  private struct Fixture: Decodable {
    let lines, samples, bands, width: Int
    let shrinkage: Double
    let pixels: [Float]
    let positions: [Int32]
    let targets: [Double]
    let scores: [String: [Double]]

    static func load() throws -> Fixture {
      let url = try #require(Bundle.module.url(forResource: "Fixtures/columns", withExtension: "json"))
      return try JSONDecoder().decode(Fixture.self, from: Data(contentsOf: url))
    }

    var cube: Cube {
      Cube(
        shape: CubeShape(lines: lines, samples: samples, bands: bands), metadata: CubeMetadata(bands: bands),
        pixels: PixelMatrix(rows: positions.count, columns: bands, values: pixels), positions: positions)
    }

    var library: SpectralLibrary {
      SpectralLibrary(names: ["one", "two"], axis: SpectralAxis(count: bands), values: targets)
    }
  }

  /// A detector by columns of either register.
  private func columns(
    _ id: String, _ targets: SpectralLibrary, in source: any StripSource, width: Int, _ values: [String: Double] = [:],
    _ context: RunContext = RunContext()
  ) throws -> any Detector {
    if let type = Detectors.target.find(id) {
      return try Detectors.targetByColumns(
        id, targets, in: source, columnsPerGroup: width, MethodParameters(values, for: type.description), context)
    }
    let type = try Detectors.anomaly.entry(id)
    return try Detectors.anomalyByColumns(
      id, in: source, columnsPerGroup: width, MethodParameters(values, for: type.description), context)
  }

  private static let methods = ["ace", "mf", "cem", "glrt", "amf", "mtmf", "rx"]

  @Test func methodsOfCovariances() { #expect(Detectors.withColumns == Self.methods) }

  @Test(arguments: methods) func reference(_ id: String) throws {
    let fixture = try Fixture.load()
    let wanted = try #require(fixture.scores[id])
    let values = id == "mtmf" ? [:] : ["shrinkage": 0.0]
    try atEveryKernelLevel { _ in
      let detector = try columns(id, fixture.library, in: fixture.cube, width: fixture.width, values)
      expectNear(try detector.scores(fixture.cube), wanted, id)
      #expect(detector.facts["columnGroups"] == 2 && detector.facts["backgroundPixels"] == 202)
    }
  }

  @Test func shrunkReference() throws {
    let fixture = try Fixture.load()
    let wanted = try #require(fixture.scores["rx-shrunk"])
    let detector = try columns(
      "rx", fixture.library, in: fixture.cube, width: 1, ["shrinkage": fixture.shrinkage])
    expectNear(try detector.scores(fixture.cube), wanted, "rx")
    #expect(detector.facts["columnGroups"] == 7 && detector.facts["highestShrinkage"] == fixture.shrinkage)
  }

  private func expectNear(_ found: [Float], _ wanted: [Double], _ name: String) {
    #expect(found.count == wanted.count)
    let size = wanted.map(abs).max() ?? 0
    let error = zip(found, wanted).map { abs(Double($0) - $1) }.max() ?? .infinity
    #expect(error < 2e-5 * size, "\(name): \(error) of \(size)")
  }

  /// Strips of one line, threads and a budget that takes the columns in several lots: the same bits. One group of all columns: the
  /// bits of the detector without groups.
  @Test(arguments: methods) func invariance(_ id: String) throws {
    let fixture = try Fixture.load()
    let (cube, library) = (fixture.cube, fixture.library)
    let whole = try columns(id, library, in: cube, width: 2).scores(cube)
    #expect(whole.allSatisfy { $0.isFinite })
    let strips = LineSource(cube)
    #expect(try columns(id, library, in: strips, width: 2).scores(strips) == whole, "strips")
    for threads in [1, 3] {
      let context = RunContext(threads: threads)
      #expect(try columns(id, library, in: cube, width: 2, [:], context).scores(cube, context) == whole, "threads")
    }
    let small = RunContext(memory: MemoryBudget(bytes: 8000))
    #expect(try columns(id, library, in: cube, width: 2, [:], small).scores(cube) == whole, "lots")
    for width in [7, 100] {
      #expect(
        try columns(id, library, in: cube, width: width).scores(cube) == detector(id, library, in: cube).scores(cube))
    }
  }

  /// A scene of two materials whose columns have offsets of their own in every band, with targets of a tenth of a third material.
  private func striped(_ lines: Int, _ samples: Int) -> (cube: Cube, library: SpectralLibrary, isTarget: [Bool]) {
    let bands = 8
    var random = CounterRandom(seed: 21)
    func material(_ kind: Int, _ b: Int) -> Double {
      [0.3 + 0.02 * Double(b), 0.6 - 0.03 * Double(b), 0.2 + 0.4 * Double(b % 2)][kind]
    }
    let stripes = (0..<(samples * bands)).map { _ in 0.05 * random.normal() }
    let isTarget = (0..<(lines * samples)).map { $0 % 97 == 13 }
    let pixels = PixelMatrix(rows: lines * samples, columns: bands)
    for n in 0..<pixels.rows {
      let share = random.uniform()
      for b in 0..<bands {
        var value = share * material(0, b) + (1 - share) * material(1, b)
        if isTarget[n] { value = 0.9 * value + 0.1 * material(2, b) }
        pixels[n, b] = Float(value + 0.01 * random.normal() + stripes[n % samples * bands + b])
      }
    }
    let library = SpectralLibrary(
      names: ["stuff"], axis: SpectralAxis(count: bands), values: (0..<bands).map { material(2, $0) })
    return (Cube(lines: lines, samples: samples, pixels: pixels), library, isTarget)
  }

  private func area(_ detector: any Detector, _ cube: Cube, _ isTarget: [Bool]) throws -> Double {
    let (targets, background) = (ScoreHistogram(), ScoreHistogram())
    let scores = try detector.scores(cube)
    for n in isTarget.indices { (isTarget[n] ? targets : background).add(scores[n * detector.bands.count]) }
    return ROC(targets: targets, background: background).area
  }

  /// What stripes hide is found where every column has its background; groups of columns lie between.
  @Test(arguments: methods) func stripes(_ id: String) throws {
    let (cube, library, isTarget) = striped(80, 24)
    let plain = try area(detector(id, library, in: cube), cube, isTarget)
    let pairs = try area(columns(id, library, in: cube, width: 2), cube, isTarget)
    let context = RunContext()
    let single = try area(columns(id, library, in: cube, width: 1, [:], context), cube, isTarget)
    #expect(plain < 0.85 && single > plain + 0.1 && single > 0.9, "\(id): \(plain), \(pairs), \(single)")
    #expect(pairs > plain, "\(id): \(plain), \(pairs), \(single)")
    #expect(context.warnings.warnings.isEmpty)
  }

  /// Too few pixels are said, with the width that would do; where none is enough, refused with the same remedy.
  @Test func fewPixels() throws {
    let (cube, library, _) = striped(6, 24)
    let context = RunContext()
    let scores = try columns("ace", library, in: cube, width: 1, [:], context).scores(cube)
    #expect(scores.allSatisfy { $0.isFinite })
    let warnings = context.warnings.warnings
    #expect(warnings.map(\.identifier) == ["W-COLUMN-FEW"])
    #expect(warnings.first?.message.contains("24 of 24 groups") == true)
    #expect(warnings.first?.message.contains("to 3 or more") == true, "\(warnings)")
    let wider = RunContext()
    _ = try columns("ace", library, in: cube, width: 3, [:], wider)
    #expect(wider.warnings.warnings.isEmpty)
    // Nothing regularises these.
    for (id, values) in [("mtmf", [:]), ("rx", ["shrinkage": 0])] as [(String, [String: Double])] {
      do {
        _ = try columns(id, library, in: cube, width: 1, values)
        Issue.record("\(id) is not refused")
      } catch DetectionError.tooFewInColumns(let most, let needed, let width) {
        #expect(most == 6 && needed == 16 && width == 3)
      }
      _ = try columns(id, library, in: cube, width: 3, values)
    }
    let two = Cube(
      lines: 2, samples: 2, pixels: PixelMatrix(rows: 4, columns: 8, values: Array(cube.pixels.values[..<32])))
    let error = #expect(throws: DetectionError.self) { try columns("rx", library, in: two, width: 1) }
    #expect(error?.identifier == "E-FEW-PIXELS" && error?.advice?.contains("2 or more") == true)
  }

  /// A dead column, and one of two pixels, have no scores; the others have theirs.
  @Test(arguments: methods) func deadColumns(_ id: String) throws {
    let (cube, library, _) = striped(40, 6)
    let bands = cube.shape.bands
    for line in 0..<40 { for b in 0..<bands { cube.pixels[line * 6 + 2, b] = 0.25 } }
    let kept = (0..<cube.count).filter { $0 % 6 != 4 || $0 < 12 }
    let pixels = PixelMatrix(rows: kept.count, columns: bands, values: kept.flatMap { Array(cube.pixels.row($0)) })
    let scene = Cube(shape: cube.shape, metadata: cube.metadata, pixels: pixels, positions: kept.map { Int32($0) })
    let context = RunContext()
    let made = try columns(id, library, in: scene, width: 1, [:], context)
    let scores = try made.scores(scene)
    for (n, place) in kept.enumerated() {
      #expect(scores[n * made.bands.count].isNaN == [2, 4].contains(place % 6), "\(id) at \(place)")
    }
    #expect(context.warnings.warnings.map(\.identifier) == ["W-COLUMN-NONE"])
    #expect(context.warnings.warnings.first?.message.contains("2 of 6") == true)
    #expect(made.facts["groupsWithoutScores"] == 2)
  }

  @Test func refusals() throws {
    let (cube, library, _) = striped(40, 6)
    for id in ["sam", "osp", "local-rx", "crd"] {
      #expect(throws: CoreError.self, "\(id)") { try columns(id, library, in: cube, width: 1) }
    }
    for width in [0, -1, Int.min] {
      #expect(throws: CoreError.self) { try columns("ace", library, in: cube, width: width) }
    }
    #expect(throws: CoreError.self) {
      try columns("ace", library, in: cube, width: 1, [:], RunContext(memory: MemoryBudget(bytes: 1000)))
    }
    let constant = Cube(
      lines: 5, samples: 3, pixels: PixelMatrix(rows: 15, columns: 8, values: [Float](repeating: 2, count: 120)))
    #expect(throws: DetectionError.self) { try columns("rx", library, in: constant, width: 1) }
    let empty = Cube(
      shape: CubeShape(lines: 3, samples: 3, bands: 8), metadata: CubeMetadata(bands: 8),
      pixels: PixelMatrix(rows: 0, columns: 8), positions: [])
    #expect(throws: DetectionError.self) { try columns("rx", library, in: empty, width: 1) }
    var random = CounterRandom(seed: 2)
    for (lines, samples) in [(1, 40), (40, 1), (1, 1)] {
      let noise = PixelMatrix(
        rows: lines * samples, columns: 8, values: (0..<(lines * samples * 8)).map { _ in Float(random.normal()) })
      let scene = Cube(lines: lines, samples: samples, pixels: noise)
      for id in Self.methods {
        do {
          #expect(try columns(id, library, in: scene, width: 1).scores(scene).allSatisfy { !$0.isInfinite })
        } catch let error as any HSIError {
          #expect(!error.problem.isEmpty)
        }
      }
    }
  }

  /// What is excluded is what is most unlike its own column.
  @Test func excludedPixels() throws {
    let (cube, library, isTarget) = striped(80, 24)
    let made = try columns("rx", library, in: cube, width: 4, ["exclude": 0.05])
    let kept = try #require(made.facts["backgroundPixels"])
    #expect(abs(kept / Double(cube.count) - 0.95) < 0.01, "\(kept)")
    let plain = try columns("rx", library, in: cube, width: 4)
    let (robust, first) = (try made.scores(cube), try plain.scores(cube))
    let places = isTarget.indices.filter { isTarget[$0] }
    #expect(places.reduce(0) { $0 + robust[$1] } > places.reduce(0) { $0 + first[$1] })
  }
}
