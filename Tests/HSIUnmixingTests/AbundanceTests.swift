import HSICore
import HSINumerics
import HSITestSupport
import Testing

@testable import HSIUnmixing

@Suite struct AbundanceTests {
  static let cases = ["abundance_k3", "abundance_k5"].flatMap { file in
    [("ucls", "ucls"), ("scls", "scls"), ("nnls", "nncls"), ("fcls", "fcls")].map { (file, $0.0, $0.1) }
  }

  static func method(_ id: String) throws -> any AbundanceEstimator {
    let type = try #require(UnmixingMethods.abundance.first { $0.description.id == id })
    return try type.init()
  }

  @Test(arguments: cases) func matchesTheReference(_ file: String, _ id: String, _ tensor: String) throws {
    let fixture = try MethodFixtures.load(file)
    let cube = MethodFixtures.cube(fixture["Y"])
    let library = MethodFixtures.library(MethodFixtures.matrix(fixture["M"]))
    let abundances = PixelMatrix(rows: 0, columns: 0)
    try Self.method(id).prepare(library, weights: nil).solve(cube.pixels, into: abundances)
    let reference = MethodFixtures.matrix(fixture[tensor]).transposed
    #expect(MethodFixtures.distance(abundances.values.map(Double.init), reference.values) < 2e-4)
  }

  @Test(arguments: ["abundance_k3", "abundance_k5"]) func weightedMatchesTheReference(_ file: String) throws {
    let fixture = try MethodFixtures.load(file)
    let cube = MethodFixtures.cube(fixture["Y"])
    let library = MethodFixtures.library(MethodFixtures.matrix(fixture["M"]))
    let abundances = PixelMatrix(rows: 0, columns: 0)
    try FCLS().prepare(library, weights: fixture["channel_weights"].values).solve(
      cube.pixels, into: abundances)
    let reference = MethodFixtures.matrix(fixture["fcls_weighted"]).transposed
    #expect(MethodFixtures.distance(abundances.values.map(Double.init), reference.values) < 2e-4)
  }

  @Test(arguments: ["abundance_k3", "abundance_k5"]) func programMatchesTheReferenceInDouble(_ file: String)
    throws
  {
    let fixture = try MethodFixtures.load(file)
    let m = MethodFixtures.matrix(fixture["M"])
    let linear = m.transposed.multiplied(by: MethodFixtures.matrix(fixture["Y"]))
    for (tensor, sumToOne) in [("fcls", true), ("nncls", false)] {
      let program = NonnegativeQuadraticProgram(gram: m.gram, sumToOne: sumToOne)
      let reference = MethodFixtures.matrix(fixture[tensor])
      for n in 0..<linear.columns {
        let a = program.solve(linear.column(n))
        #expect(MethodFixtures.distance(a, reference.column(n)) < 1e-8)
      }
    }
  }

  /// The largest violation of the optimality conditions, relative to the size of the gradient's terms.
  static func violation(_ gram: Matrix<Double>, _ b: [Double], _ a: [Double], sumToOne: Bool) -> Double {
    let product = gram.multiplied(by: a)
    let gradient = zip(b, product).map(-)  // multiplier form: ≤ level, = level where a > 0
    let scale = b.reduce(1e-300) { max($0, abs($1)) } + (0..<a.count).reduce(0) { max($0, gram[$1, $1]) }
    let passive = a.indices.filter { a[$0] > 0 }
    let level = sumToOne ? passive.reduce(0) { $0 + a[$1] * gradient[$1] } : 0
    var worst = 0.0
    for i in a.indices {
      let excess = gradient[i] - level
      worst = max(worst, a[i] > 0 ? abs(excess) : excess)
    }
    var result = worst / scale
    result = max(result, -(a.min() ?? 0))
    if sumToOne { result = max(result, abs(a.reduce(0, +) - 1)) }
    return result
  }

  @Test(arguments: [(1, 4), (2, 2), (4, 60), (6, 40), (8, 7), (12, 50), (20, 12), (30, 100), (30, 20)])
  func programsSatisfyTheOptimalityConditions(_ count: Int, _ bands: Int) throws {
    // Smooth spectra are strongly correlated: condition numbers of G reach 1e12 and beyond, and with more spectra
    // than bands G is singular.
    let spectra = MethodFixtures.spectra(bands: bands, count: count, seed: UInt64(count * 100 + bands))
    var random = CounterRandom(seed: 77, stream: UInt64(count))
    for sumToOne in [true, false] {
      let gram = spectra.gram
      let program = NonnegativeQuadraticProgram(gram: gram, sumToOne: sumToOne)
      for trial in 0..<60 {
        var pixel = [Double](repeating: 0, count: bands)
        for k in 0..<count {
          let a = trial % 3 == 0 ? random.normal() : max(0, random.normal()) / Double(count)
          for l in 0..<bands { pixel[l] += a * spectra[l, k] }
        }
        for l in 0..<bands { pixel[l] += 0.02 * random.normal() }
        let b = spectra.transposed.multiplied(by: pixel)
        let a = program.solve(b)
        #expect(
          Self.violation(gram, b, a, sumToOne: sumToOne) < 1e-9, "K \(count), L \(bands), trial \(trial)")
      }
    }
  }

  @Test func enumerationOfSupportsFindsNothingBetter() throws {
    let spectra = MethodFixtures.spectra(bands: 20, count: 5, seed: 3)
    let gram = spectra.gram
    let program = NonnegativeQuadraticProgram(gram: gram, sumToOne: true)
    var random = CounterRandom(seed: 5)
    func objective(_ a: [Double], _ b: [Double]) -> Double {
      let product = gram.multiplied(by: a)
      return a.indices.reduce(0) { $0 + a[$1] * (0.5 * product[$1] - b[$1]) }
    }
    for _ in 0..<20 {
      let pixel = (0..<20).map { _ in random.uniform(0, 1) }
      let b = spectra.transposed.multiplied(by: pixel)
      let found = objective(program.solve(b), b)
      for support in 1..<32 {
        let set = (0..<5).filter { support >> $0 & 1 == 1 }
        let size = set.count
        let system = Matrix<Double>(rows: size + 1, columns: size + 1) { i, j in
          i < size && j < size ? gram[set[i], set[j]] : i == size && j == size ? 0 : 1
        }
        let right = Matrix<Double>(rows: size + 1, columns: 1) { i, _ in i < size ? b[set[i]] : 1 }
        let x = try system.leastSquares(right).column(0).prefix(size)
        guard x.allSatisfy({ $0 >= 0 }) else { continue }
        var a = [Double](repeating: 0, count: 5)
        for (i, value) in zip(set, x) { a[i] = value }
        #expect(found <= objective(a, b) + 1e-10)
      }
    }
  }

  @Test func duplicatesAndSpuriousPixelsAreHandled() throws {
    var spectra = MethodFixtures.spectra(bands: 15, count: 4, seed: 8)
    for l in 0..<15 { spectra[l, 3] = spectra[l, 0] }
    let library = MethodFixtures.library(spectra)
    let pixels = PixelMatrix(rows: 3, columns: 15)
    for l in 0..<15 {
      pixels[0, l] = 0
      pixels[1, l] = Float(spectra[l, 0])
      pixels[2, l] = -1e6
    }
    let abundances = PixelMatrix(rows: 0, columns: 0)
    for id in ["fcls", "nnls", "scls", "ucls"] {
      try Self.method(id).prepare(library, weights: nil).solve(pixels, into: abundances)
      let isFinite = abundances.values.allSatisfy { $0.isFinite }
      #expect(isFinite, "\(id)")
      let sums = (0..<3).map { n in abundances.row(n).reduce(0, +) }
      if id == "fcls" { for sum in sums { #expect(abs(sum - 1) < 1e-5) } }
      #expect(abs(sums[1] - 1) < 1e-4, "\(id) \(abundances.values)")
    }
  }

  @Test func resultsDoNotDependOnStripsOrThreads() throws {
    let spectra = MethodFixtures.spectra(bands: 33, count: 5, seed: 12)
    let cube = MethodFixtures.mixture(
      lines: 40, samples: 27, spectra: spectra, noise: 0.02, seed: 13, holes: true
    ).cube
    let library = MethodFixtures.library(spectra)
    let source = FileLikeSource(cube)
    for type in UnmixingMethods.abundance {
      let method = try type.init()
      func run(_ lines: Int, threads: Int = 2) throws -> [Float] {
        var result: [Float] = []
        let context = MethodFixtures.context(
          threads: threads, bytes: source.budget(lines: lines, extraBytesPerPixel: 48))
        try StripUnmixing.run(source, method, library, context) { result += $0.abundances.values }
        return result
      }
      let whole = PixelMatrix(rows: 0, columns: 0)
      try method.prepare(library, weights: nil).solve(cube.pixels, into: whole)
      #expect(try run(1) == whole.values, "\(type.description.id)")
      #expect(try run(9) == whole.values, "\(type.description.id)")
      #expect(try run(40, threads: 1) == whole.values, "\(type.description.id)")
    }
  }

  @Test func weightsAndSpectraAreChecked() throws {
    let spectra = MethodFixtures.spectra(bands: 10, count: 3, seed: 12)
    let library = MethodFixtures.library(spectra)
    var broken = library
    broken.values[4] = .nan
    for type in UnmixingMethods.abundance {
      let method = try type.init()
      #expect(throws: UnmixingError.self) { try method.prepare(broken, weights: nil) }
      #expect(throws: UnmixingError.self) { try method.prepare(library, weights: [1, 2]) }
      #expect(throws: CoreError.self) {
        try method.prepare(library, weights: [Double](repeating: 0, count: 10))
      }
    }
  }
}
