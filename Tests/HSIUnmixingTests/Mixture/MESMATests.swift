import CKernels
import HSICore
import HSINumerics
import HSITestSupport
import Testing

@testable import HSIUnmixing

@Suite struct MESMATests {
  /// Pixels of one line, the library and its classes, and shade of `mesma_reference.py`.
  private static func load() throws -> (fixture: Fixture, cube: Cube, library: ClassLibrary, shade: [Double]) {
    let fixture = try MethodFixtures.load("mesma")
    let spectra = fixture["library"]
    let library = SpectralLibrary(
      names: (0..<spectra.shape[0]).map { "spectrum \($0)" }, axis: SpectralAxis(count: spectra.shape[1]),
      values: spectra.values)
    let classes = fixture["classes"].ints.map { ["a", "b", "c"][$0] }
    return (
      fixture, MethodFixtures.cube(fixture["Y"], lines: 12), try ClassLibrary(library, classes: classes),
      fixture["shade"].values
    )
  }

  private static let settings: [String: [String: Double]] = [
    "default": [:], "deep": ["max_level": 4, "fusion": 0.0005],
    "shade": ["min_fraction": 0, "max_fraction": 1, "max_shade": 1, "max_rmse": 0.02, "fusion": 0.003],
    "residual": ["residual": 0.02, "residual_bands": 4],
  ]

  private struct Maps {
    var fractions: [Float] = []
    var rmse: [Float] = []
    var model: [Float] = []
    var shade: [Float] = []
    var sigma: [Float] = []
    var table: MixtureModelTable?
  }

  private static func run(
    _ scene: any StripSource, _ method: MESMA, _ library: ClassLibrary, shade: [Double]? = nil, bootstrap: Int? = nil,
    _ context: RunContext = MethodFixtures.context()
  ) throws -> Maps {
    var maps = Maps()
    maps.table = try StripUnmixing.run(
      scene, method, library, shade: shade, bootstrap: bootstrap.map { .init(replicates: $0) }, context
    ) {
      maps.fractions += $0.abundances.values
      maps.rmse += $0.rmse.values
      maps.model += $0[.model]?.values ?? []
      maps.shade += $0[.shade]?.values ?? []
      maps.sigma += $0[.sigma]?.values ?? []
    }
    return maps
  }

  /// Every pixel: the same spectra, fractions and RMSE as the package, at every level of the kernels.
  @Test(arguments: ["default", "deep", "shade", "residual"])
  func matchesThePackagePixelByPixel(_ name: String) throws {
    let (fixture, cube, library, shade) = try Self.load()
    let settings = try #require(Self.settings[name])
    let models = fixture["\(name).models"]
    let (fractions, rmse) = (fixture["\(name).fractions"].values, fixture["\(name).rmse"].values)
    let count = models.shape[1]
    // The package orders classes by name.
    let order = try library.classes.map { try #require(["a", "b", "c"].firstIndex(of: $0)) }
    try atEveryKernelLevel { level in
      let found = try Self.run(cube, MESMA(settings), library, shade: name == "shade" ? shade : nil)
      var (different, distance) = (0, 0.0)
      for n in 0..<count {
        let isModelled = rmse[n] < 9000
        #expect((found.model[n * 4] > 0) == isModelled, "pixel \(n)")
        guard isModelled, found.model[n * 4] > 0 else { continue }
        var sum = 0.0
        for c in 0..<3 {
          if Int(found.model[n * 4 + 1 + c]) - 1 != Int(models.values[order[c] * count + n]) { different += 1 }
          distance = max(distance, abs(Double(found.fractions[n * 3 + c]) - fractions[order[c] * count + n]))
          sum += Double(found.fractions[n * 3 + c])
        }
        distance = max(distance, abs(Double(found.rmse[n]) - rmse[n]), abs(Double(found.shade[n]) - (1 - sum)))
      }
      #expect(different == 0, "level \(level)")
      // The package works in single precision.
      #expect(distance < 2e-4, "level \(level)")
    }
  }

  /// The same models where 1 is stored as 10000, and where the library is in another order.
  @Test func unitsAndOrderDoNotMatter() throws {
    let (_, cube, library, _) = try Self.load()
    let plain = try Self.run(cube, MESMA(["max_level": 4]), library)
    let pixels = PixelMatrix(rows: cube.count, columns: cube.shape.bands, values: cube.pixels.values.map { $0 * 10000 })
    var spectra = library.spectra
    for i in spectra.values.indices { spectra.values[i] *= 10000 }
    let order = Array(spectra.names.indices.reversed())
    let other = try ClassLibrary(
      spectra.selecting(order), classes: order.map { library.classes[library.membership[$0]] })
    let scaled = try Self.run(
      Cube(lines: cube.shape.lines, samples: cube.shape.samples, pixels: pixels), MESMA(["max_level": 4]), other)
    for n in 0..<cube.count {
      #expect((plain.model[n * 4] > 0) == (scaled.model[n * 4] > 0))
      for (c, name) in library.classes.enumerated() {
        let d = try #require(other.classes.firstIndex(of: name))
        let (a, b) = (plain.fractions[n * 3 + c], scaled.fractions[n * 3 + d])
        #expect(a.isNaN == b.isNaN && (a.isNaN || abs(a - b) < 1e-4), "pixel \(n)")
      }
    }
  }

  @Test func resultsDoNotDependOnStripsOrThreads() throws {
    let (_, cube, library, _) = try Self.load()
    let source = FileLikeSource(cube)
    let method = try MESMA(["max_level": 4, "fusion": 0.001])
    func run(_ lines: Int, threads: Int) throws -> Maps {
      try Self.run(
        source, method, library, bootstrap: 3,
        MethodFixtures.context(
          threads: threads, bytes: max(32 << 20, source.budget(lines: lines, extraBytesPerPixel: 64))))
    }
    func bits(_ maps: Maps) -> [UInt32] {
      (maps.fractions + maps.rmse + maps.model + maps.shade + maps.sigma).map(\.bitPattern)
    }
    let whole = try run(12, threads: 2)
    #expect(whole.sigma.contains { $0 > 0 })
    // One line at a time, whatever memory there is.
    let lines = OneLineSource(cube)
    let single = try Self.run(lines, method, library, bootstrap: 3, MethodFixtures.context(threads: 1))
    #expect(bits(single) == bits(whole))
    #expect(bits(try run(12, threads: 1)) == bits(whole))
    #expect(single.table?.csv == whole.table?.csv)
  }

  @Test func numbersAndTableAgree() throws {
    let (_, cube, library, _) = try Self.load()
    let found = try Self.run(cube, MESMA(), library)
    let table = try #require(found.table)
    // 12 of level 2; 4 × 3 + 4 × 5 + 3 × 5 of level 3.
    #expect(table.tried == 12 + 47)
    #expect(table.models.reduce(0) { $0 + $1.pixels } + table.unmodelled == cube.count)
    var seen = 0
    for n in 0..<cube.count {
      let number = Int(found.model[n * 4])
      guard number > 0 else { continue }
      #expect(number <= seen + 1)
      seen = max(seen, number)
      let members = table.models[number - 1].members.map { $0 < 0 ? 0 : Float(library.places[Int($0)] + 1) }
      #expect(members == Array(found.model[(n * 4 + 1)..<(n * 4 + 4)]))
    }
    #expect(seen == table.models.count)
    let lines = table.csv.split(separator: "\n")
    #expect(lines.count == table.models.count + 1)
    #expect(lines[0] == "model,endmembers,classes,pixels," + library.classes.joined(separator: ","))
  }

  /// Models of level 3 to 7 against least squares of all combinations, by elimination written out.
  @Test func highLevelsAreLeastSquares() throws {
    let (bands, classes) = (14, 6)
    var random = CounterRandom(seed: 5)
    let names = (0..<12).map { "c\($0 % classes)" }
    let library = SpectralLibrary(
      names: names, axis: SpectralAxis(count: bands), values: (0..<(12 * bands)).map { _ in random.uniform(0.05, 0.6) })
    let pixels = PixelMatrix(
      rows: 5, columns: bands, values: (0..<(5 * bands)).map { _ in Float(random.uniform(0.1, 0.5)) })
    let wide: [String: Double] = [
      "min_fraction": -1e9, "max_fraction": 1e9, "min_shade": -1e9, "max_shade": 1e9, "max_rmse": 1e9, "fusion": 0,
      "max_level": 7,
    ]
    let own = try ClassLibrary(library, classes: names)
    let found = try Self.run(Cube(lines: 1, samples: 5, pixels: pixels), MESMA(wide), own)
    for n in 0..<5 {
      // With nothing to limit it the largest model is the best: one spectrum of each of the six classes.
      var best = Double.infinity
      for choice in 0..<64 {
        let members = (0..<classes).map { choice >> $0 & 1 == 0 ? $0 : $0 + classes }
        let matrix = Matrix<Double>(rows: bands, columns: classes) { library.values[members[$1] * bands + $0] }
        let y = Matrix<Double>(rows: bands, columns: 1) { l, _ in Double(pixels[n, l]) }
        let a = try matrix.leastSquares(y, rcond: 1e-14)
        let model = matrix.multiplied(by: a)
        best = min(best, zip(model.values, y.values).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) })
      }
      #expect(abs(Double(found.rmse[n]) - (best / Double(bands)).squareRoot()) < 1e-6)
      #expect(found.table?.models[Int(found.model[n * 7]) - 1].level == 7)
    }
  }

  /// A pixel that is a spectrum of the library has that spectrum, though its shade is 0 in single precision only.
  @Test func spectraOfTheLibraryAreTheirOwnModels() throws {
    let (_, _, library, _) = try Self.load()
    let spectra = library.spectra
    let pixels = PixelMatrix(
      rows: spectra.count, columns: spectra.bands, values: spectra.values.map { Float($0 * 1.0000001) })
    let found = try Self.run(Cube(lines: 1, samples: spectra.count, pixels: pixels), MESMA(), library)
    for n in 0..<spectra.count {
      let place = Float(library.places[n] + 1)
      #expect(found.model[(n * 4 + 1)..<(n * 4 + 4)].contains(place) && found.rmse[n] < 1e-6, "spectrum \(n)")
    }
  }

  /// Scenes and libraries at the edge of what there is: none of them stops the program.
  @Test func edges() throws {
    let axis = SpectralAxis(count: 2)
    let pixels = PixelMatrix(rows: 3, columns: 2, values: [0.2, 0.3, 0.4, 0.4, 0.1, 0.5])
    let cube = Cube(lines: 3, samples: 1, pixels: pixels)
    func library(_ values: [Double], _ classes: [String]) throws -> ClassLibrary {
      try ClassLibrary(SpectralLibrary(names: classes, axis: axis, values: values), classes: classes)
    }
    // Two spectra that are one, in two classes; a spectrum of zeros; one class; more classes than bands.
    for (values, classes) in [
      ([0.2, 0.3, 0.2, 0.3], ["a", "b"]), ([0, 0, 0.2, 0.3], ["a", "b"]), ([0.2, 0.3, 0.4, 0.1], ["a", "A"]),
      ([0.2, 0.3, 0.4, 0.1, 0.5, 0.5], ["a", "b", "c"]), ([0.2, 0.3], ["a"]),
    ] as [([Double], [String])] {
      let found = try Self.run(cube, MESMA(["max_level": 7]), library(values, classes), bootstrap: 2)
      #expect(found.rmse.count == 3)
      #expect(found.fractions.allSatisfy { $0.isNaN || abs($0) < 2 })
    }
    let all = try Self.run(cube, MESMA(["max_rmse": 0]), library([0.9, 0.1], ["a"]))
    #expect(all.table?.unmodelled == 3 && all.rmse.allSatisfy(\.isNaN))
    #expect(throws: UnmixingError.self) { try library([.nan, 1], ["a"]) }
    #expect(throws: CoreError.self) { try MESMA(["min_shade": 0.5, "max_shade": 0.2]) }
    #expect(throws: UnmixingError.self) { try MESMA().prepare(library([0.9, 0.1], ["a"]), shade: [1]) }
  }

  /// σ by bootstrap: none where every class has one spectrum, as they do not vary.
  @Test func bootstrapOfSingleSpectraIsZero() throws {
    let (_, cube, library, _) = try Self.load()
    let single = try ClassLibrary(
      library.spectra.selecting([0, library.starts[1]]), classes: Array(library.classes[..<2]))
    let found = try Self.run(cube, MESMA(["max_rmse": 1, "max_shade": 1]), single, bootstrap: 5)
    #expect(found.sigma.allSatisfy { $0 == 0 || $0.isNaN } && found.sigma.contains(0))
    let many = try Self.run(cube, MESMA(["max_rmse": 1, "max_shade": 1]), library, bootstrap: 5)
    #expect(many.sigma.contains { $0 > 0.01 })
  }
}

/// Offers a cube line by line.
private final class OneLineSource: StripSource {
  private let cube: Cube
  init(_ cube: Cube) { self.cube = cube }
  var shape: CubeShape { cube.shape }
  var metadata: CubeMetadata { cube.metadata }
  var blockLines: Int { 1 }
  /// So much that no second line fits beside it.
  var workingBytesPerLine: Int { 40 << 20 }
  func read(lines: Range<Int>, into strip: Strip) throws { try cube.read(lines: lines, into: strip) }
}
