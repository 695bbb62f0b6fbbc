import Foundation
import HSICore
import HSIDetection
import HSINumerics
import HSITestSupport
import Testing

/// Scores of `Fixtures/detection.py`: the package `spectral` and published formulas in double precision.
struct DetectionFixture: Decodable {
  let lines, samples, bands: Int
  let pixels: [Float]
  let targets: [Double]
  let truth: [Int]
  let areas: [String: Double]
  let scores: [String: [Double]]
  let shrinkageOf30: Double

  static func load() throws -> DetectionFixture {
    let url = try #require(Bundle.module.url(forResource: "Fixtures/detection", withExtension: "json"))
    return try JSONDecoder().decode(DetectionFixture.self, from: Data(contentsOf: url))
  }

  var cube: Cube {
    Cube(lines: lines, samples: samples, pixels: PixelMatrix(rows: lines * samples, columns: bands, values: pixels))
  }

  var library: SpectralLibrary {
    SpectralLibrary(names: ["one", "two"], axis: SpectralAxis(count: bands), values: targets)
  }
}

extension Detector {
  /// Scores of all pixels of a cube, in order.
  func scores(_ source: any StripSource, _ context: RunContext = RunContext()) throws -> [Float] {
    var all: [Float] = []
    try detect(in: source, context) { all += $0[.detection]?.values ?? [] }
    return all
  }
}

/// A detector of either register, made for a source.
func detector(
  _ id: String, _ targets: SpectralLibrary, in source: any StripSource, _ values: [String: Double] = [:],
  _ context: RunContext = RunContext()
) throws -> any Detector {
  if let type = Detectors.target.find(id) {
    return try type.init(targets, in: source, MethodParameters(values, for: type.description), context)
  }
  let type = try Detectors.anomaly.entry(id)
  return try type.init(in: source, MethodParameters(values, for: type.description), context)
}

@Suite struct DetectorTests {
  /// What the reference had, for every method of it.
  static let settings: [(String, [String: Double])] = [
    ("mf", ["shrinkage": 0]), ("ace", ["shrinkage": 0]), ("amf", ["shrinkage": 0]), ("glrt", ["shrinkage": 0]),
    ("cem", ["shrinkage": 0]), ("osp", ["dimension": 3]), ("msd", ["dimension": 3]), ("mtmf", [:]), ("sam", [:]),
    ("sid", [:]), ("rx", ["shrinkage": 0]), ("local-rx", ["inner": 3, "outer": 7, "shrinkage": 0.1]),
    ("crd", ["inner": 3, "outer": 7, "lambda": 0.01]),
  ]

  @Test(arguments: settings) func reference(_ id: String, _ values: [String: Double]) throws {
    let fixture = try DetectionFixture.load()
    let wanted = try #require(fixture.scores[id])
    try atEveryKernelLevel { _ in
      let found = try detector(id, fixture.library, in: fixture.cube, values).scores(fixture.cube)
      #expect(found.count == wanted.count)
      let size = wanted.map(abs).max() ?? 0
      let error = zip(found, wanted).map { abs(Double($0) - $1) }.max() ?? .infinity
      #expect(error < 2e-5 * size + (id == "sam" ? 2e-4 : 0), "\(id): \(error) of \(size)")
    }
  }

  /// Strips of one line, threads, other units, another order of bands: the same scores.
  @Test(arguments: (Detectors.target.descriptions + Detectors.anomaly.descriptions).map(\.id)) func invariance(
    _ id: String
  ) throws {
    let fixture = try DetectionFixture.load()
    let (cube, library) = (fixture.cube, fixture.library)
    let small = ["inner": 3.0, "outer": 7.0]
    let values = ["local-rx", "crd"].contains(id) ? small : id == "cluster-rx" ? ["clusters": 2] : [:]
    let whole = try detector(id, library, in: cube, values).scores(cube)
    #expect(whole.allSatisfy { $0.isFinite } && Set(whole).count > cube.count / 2)
    let strips = LineSource(cube)
    #expect(try detector(id, library, in: strips, values).scores(strips) == whole, "strips")
    for threads in [1, 3] {
      let context = RunContext(threads: threads)
      #expect(try detector(id, library, in: cube, values, context).scores(cube, context) == whole, "threads")
    }
    func expectNear(_ other: [Float], _ factor: Float = 1, _ name: String) {
      let size = whole.map(abs).max() ?? 0
      let error = zip(whole, other).map { abs($0 - $1 / factor) }.max() ?? .infinity
      #expect(error < 2e-3 * size, "\(id) \(name): \(error) of \(size)")
    }
    let brighter = Cube(
      lines: cube.shape.lines, samples: cube.shape.samples,
      pixels: PixelMatrix(rows: cube.count, columns: cube.shape.bands, values: fixture.pixels.map { $0 * 1024 }))
    var bright = library
    bright.values = library.values.map { $0 * 1024 }
    expectNear(try detector(id, bright, in: brighter, values).scores(brighter), id == "crd" ? 1024 : 1, "units")
    let bands = fixture.bands
    let turned = Cube(
      lines: cube.shape.lines, samples: cube.shape.samples,
      pixels: PixelMatrix(
        rows: cube.count, columns: bands,
        values: (0..<(cube.count * bands)).map { fixture.pixels[$0 / bands * bands + bands - 1 - $0 % bands] }))
    var back = library
    back.values = (0..<library.values.count).map { library.values[$0 / bands * bands + bands - 1 - $0 % bands] }
    expectNear(try detector(id, back, in: turned, values).scores(turned), 1, "order of bands")
  }

  /// Scenes that leave a detector little to go by: a score or an error of ours, and never a trap.
  @Test(arguments: (Detectors.target.descriptions + Detectors.anomaly.descriptions).map(\.id)) func hardScenes(
    _ id: String
  ) throws {
    func cube(_ lines: Int, _ samples: Int, _ bands: Int, _ value: (Int, Int) -> Float) -> Cube {
      Cube(
        lines: lines, samples: samples,
        pixels: PixelMatrix(
          rows: lines * samples, columns: bands,
          values: (0..<(lines * samples * bands)).map { value($0 / bands, $0 % bands) }))
    }
    var random = CounterRandom(seed: 5)
    let noise = (0..<4000).map { _ in Float(random.normal()) }
    let scenes: [(String, Cube)] = [
      ("one pixel", cube(1, 1, 3) { _, b in Float(b) }), ("one line", cube(1, 40, 3) { n, b in noise[3 * n + b] }),
      ("one column", cube(40, 1, 3) { n, b in noise[3 * n + b] }),
      ("two bands", cube(6, 6, 2) { n, b in noise[2 * n + b] }), ("one band", cube(6, 6, 1) { n, _ in noise[n] }),
      ("constant", cube(6, 6, 3) { _, _ in 4 }), ("zero", cube(6, 6, 3) { _, _ in 0 }),
      ("a constant band", cube(6, 6, 3) { n, b in b == 1 ? 7 : noise[3 * n + b] }),
      ("equal bands", cube(6, 6, 4) { n, b in noise[2 * n + b / 2] }),
      ("fewer pixels than bands", cube(2, 3, 20) { n, b in noise[20 * n + b] }),
      (
        "no pixel",
        Cube(
          shape: CubeShape(lines: 3, samples: 3, bands: 3), metadata: CubeMetadata(bands: 3),
          pixels: PixelMatrix(rows: 0, columns: 3), positions: [])
      ),
      (
        "a hole",
        Cube(
          shape: CubeShape(lines: 5, samples: 5, bands: 3), metadata: CubeMetadata(bands: 3),
          pixels: PixelMatrix(rows: 10, columns: 3, values: Array(noise[..<30])),
          positions: [0, 1, 2, 5, 6, 7, 12, 20, 23, 24])
      ),
    ]
    let windows = ["inner": 3.0, "outer": 5.0]
    for (name, scene) in scenes {
      let bands = scene.shape.bands
      let target = SpectralLibrary(
        names: ["t"], axis: SpectralAxis(count: bands), values: (0..<bands).map { 0.5 + Double(($0 * 7) % 3) })
      do {
        let values = ["local-rx", "crd"].contains(id) ? windows : [:]
        let made = try detector(id, target, in: scene, values)
        let scores = try made.scores(scene)
        #expect(scores.count == scene.count * made.bands.count, "\(id), \(name)")
        #expect(!scores.contains { $0.isInfinite }, "\(id), \(name)")
        if !["local-rx", "crd", "sid"].contains(id) {
          #expect(!scores.contains { $0.isNaN }, "\(id), \(name)")
        }
      } catch let error as any HSIError {
        #expect(!error.problem.isEmpty, "\(id), \(name)")
      }
    }
  }

  @Test func targetsThatTellNothing() throws {
    let fixture = try DetectionFixture.load()
    var library = fixture.library
    library.values[3] = .nan
    for id in Detectors.target.descriptions.map(\.id) {
      #expect(throws: DetectionError.self, "\(id)") { try detector(id, library, in: fixture.cube) }
    }
    #expect(throws: CoreError.self) { try detector("local-rx", library, in: fixture.cube, ["inner": 7, "outer": 5]) }
    #expect(throws: CoreError.self) { try detector("crd", library, in: fixture.cube, ["inner": 4]) }
    #expect(throws: CoreError.self) { try detector("osp", fixture.library, in: fixture.cube, ["dimension": 9]) }
  }

  /// A background without its most unlike pixels knows less of the targets.
  @Test func excludedPixels() throws {
    let fixture = try DetectionFixture.load()
    let plain = try detector("rx", fixture.library, in: fixture.cube)
    let robust = try detector("rx", fixture.library, in: fixture.cube, ["exclude": 0.02])
    #expect(robust.facts["backgroundPixels"] == Double(fixture.cube.count - 5))
    let full = 12 * fixture.samples + 2
    #expect(try robust.scores(fixture.cube)[full] > 2 * plain.scores(fixture.cube)[full])
  }
}

@Suite struct BackgroundTests {
  /// The likelihood of pixels left out, each at its own distance, has its maximum within a step or two of the approximation.
  @Test func shrinkageOfFewPixels() throws {
    let fixture = try DetectionFixture.load()
    let pixels = PixelMatrix(rows: 30, columns: fixture.bands, values: Array(fixture.pixels[..<(30 * fixture.bands)]))
    let accumulator = StatisticsAccumulator(bands: fixture.bands, precision: .double)
    accumulator.add(pixels)
    let few = try Background(accumulator.finish())
    #expect(abs(log10(few.shrinkage) - log10(fixture.shrinkageOf30)) < 0.3, "\(few.shrinkage)")
    let many = try Background(of: fixture.cube, RunContext())
    #expect(many.shrinkage < few.shrinkage)
  }

  /// White coordinates: C⁻¹ s by two ways, and unit second moments of the pixels.
  @Test func whitening() throws {
    let fixture = try DetectionFixture.load()
    let background = try Background(of: fixture.cube, shrinkage: 0, RunContext())
    let white = background.whitened(fixture.library[0])
    let filter = background.inverse(fixture.library[0])
    let energy = zip(zip(fixture.library[0], background.mean).map { $0 - $1 }, filter).reduce(0) { $0 + $1.0 * $1.1 }
    #expect(abs(white.reduce(0) { $0 + $1 * $1 } - energy) < 1e-9 * energy)
    let matrix = background.whiteningMatrix
    var sum = Matrix<Double>(rows: fixture.bands, columns: fixture.bands)
    for n in 0..<fixture.cube.count {
      let d = (0..<fixture.bands).map { Double(fixture.cube.pixels[n, $0]) - background.mean[$0] }
      let z = (0..<fixture.bands).map { c in d.indices.reduce(0) { $0 + d[$1] * matrix[$1, c] } }
      for i in z.indices { for j in z.indices { sum[i, j] += z[i] * z[j] / Double(fixture.cube.count) } }
    }
    for i in 0..<fixture.bands {
      for j in 0..<fixture.bands { #expect(abs(sum[i, j] - (i == j ? 1 : 0)) < 1e-9) }
    }
  }
}

/// A cube that is read line by line.
final class LineSource: StripSource {
  let cube: Cube
  init(_ cube: Cube) { self.cube = cube }
  var shape: CubeShape { cube.shape }
  var metadata: CubeMetadata { cube.metadata }
  var blockLines: Int { 1 }
  // So much that a strip is one line.
  var workingBytesPerLine: Int { 40 << 20 }
  func read(lines: Range<Int>, into strip: Strip) throws { try cube.read(lines: lines, into: strip) }
}
