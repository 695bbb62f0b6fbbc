import HSICore
import HSINumerics
import HSITestSupport
import Testing

@testable import HSIUnmixing

@Suite struct SparseTests {
  /// `½‖DX − Y‖² + λ Σ penalty` in double precision; X is N × m.
  static func objective(
    _ library: Matrix<Double>, _ y: Matrix<Double>, _ x: PixelMatrix, lambda: Double, byRows: Bool
  ) -> Double {
    let abundances = Matrix<Double>(rows: x.columns, columns: x.rows) { Double(x[$1, $0]) }
    let model = library.multiplied(by: abundances)
    let data = zip(model.values, y.values).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) } / 2
    let penalty =
      byRows
      ? (0..<x.columns).reduce(0.0) { sum, i in
        sum + abundances.row(i).reduce(0) { $0 + $1 * $1 }.squareRoot()
      }
      : abundances.values.reduce(0) { $0 + abs($1) }
    return data + lambda * penalty
  }

  @Test(arguments: ["0.001", "0.01", "0.1"], [0.0, 1.0])
  func sunsalMatchesTheReference(_ lambda: String, _ exact: Double) throws {
    let fixture = try MethodFixtures.load("sparse_regression")
    let (library, y) = (MethodFixtures.matrix(fixture["D"]), MethodFixtures.matrix(fixture["Y"]))
    let cube = MethodFixtures.cube(fixture["Y"], lines: 10)
    let value = try #require(Double(lambda))
    let method = try SUnSAL(["lambda": value, "tolerance": 1e-7, "iterations": 20000, "exact": exact])
    let x = PixelMatrix(rows: 0, columns: 0)
    try method.prepare(MethodFixtures.library(library), weights: nil).solve(cube.pixels, into: x)
    let reference = fixture["sunsal_\(lambda)_objective"].scalar
    let found = Self.objective(library, y, x, lambda: value, byRows: false)
    #expect(abs(found / reference - 1) < 1e-6)
    let expected = MethodFixtures.matrix(fixture["sunsal_\(lambda)"]).transposed
    #expect(MethodFixtures.distance(x.values.map(Double.init), expected.values) < 1e-3)
    #expect(x.values.allSatisfy { $0 >= 0 })
  }

  @Test func sunsalConvergesQuicklyByDefault() throws {
    let fixture = try MethodFixtures.load("sparse_regression")
    let (library, y) = (MethodFixtures.matrix(fixture["D"]), MethodFixtures.matrix(fixture["Y"]))
    let cube = MethodFixtures.cube(fixture["Y"], lines: 10)
    let x = PixelMatrix(rows: 0, columns: 0)
    try SUnSAL(["lambda": 0.01, "iterations": 100]).prepare(MethodFixtures.library(library), weights: nil)
      .solve(cube.pixels, into: x)
    let found = Self.objective(library, y, x, lambda: 0.01, byRows: false)
    #expect(found / fixture["sunsal_0.01_objective"].scalar - 1 < 1e-2)
  }

  @Test func sunsalOptionsHold() throws {
    let spectra = MethodFixtures.spectra(bands: 40, count: 8, seed: 31)
    let cube = MethodFixtures.mixture(lines: 8, samples: 9, spectra: spectra, noise: 0.02, seed: 32).cube
    let library = MethodFixtures.library(spectra)
    let tight = ["tolerance": 1e-7, "iterations": 50000.0]
    func solve(_ method: any AbundanceEstimator) throws -> [Double] {
      let x = PixelMatrix(rows: 0, columns: 0)
      try method.prepare(library, weights: nil).solve(cube.pixels, into: x)
      return x.values.map(Double.init)
    }
    // Sum to one with signs is FCLS; no penalty and no signs is least squares; no penalty with signs is NNLS.
    let options = tight.merging(["lambda": 0]) { $1 }
    let asc = try solve(SUnSAL(options.merging(["asc": 1]) { $1 }))
    #expect(MethodFixtures.distance(asc, try solve(FCLS())) < 2e-3)
    let free = try solve(SUnSAL(options.merging(["positivity": 0]) { $1 }))
    #expect(MethodFixtures.distance(free, try solve(UCLS())) < 2e-2)
    #expect(MethodFixtures.distance(try solve(SUnSAL(options)), try solve(NNLS())) < 2e-3)
    #expect(throws: CoreError.self) { try SUnSAL(["exact": 1, "positivity": 0]) }
  }

  @Test func clsunsalMatchesTheReference() throws {
    let fixture = try MethodFixtures.load("sparse_regression")
    let (library, y) = (MethodFixtures.matrix(fixture["D"]), MethodFixtures.matrix(fixture["Y"]))
    let cube = MethodFixtures.cube(fixture["Y"], lines: 10)
    let lambda = fixture["clsunsal_lambda"].scalar
    let method = try CLSUnSAL(["lambda": lambda, "tolerance": 1e-7, "iterations": 20000])
    let x = try method.solve(cube, MethodFixtures.library(library), MethodFixtures.context())
    let found = Self.objective(library, y, x, lambda: lambda, byRows: true)
    #expect(abs(found / fixture["clsunsal_objective"].scalar - 1) < 1e-6)
    let expected = MethodFixtures.matrix(fixture["clsunsal"]).transposed
    #expect(MethodFixtures.distance(x.values.map(Double.init), expected.values) < 1e-3)
    #expect(x.values.allSatisfy { $0 >= 0 })
  }

  /// SUnSAL-TV by a different algorithm (Condat–Vũ) in double precision: N × m.
  static func totalVariationReference(
    _ cube: Cube, _ library: Matrix<Double>, lambda: Double, lambdaTV: Double, iterations: Int
  ) -> PixelMatrix {
    let (n, m, samples) = (cube.count, library.columns, cube.shape.samples)
    var grid = [Int](repeating: -1, count: cube.shape.pixels)
    for (i, place) in cube.positions.enumerated() { grid[Int(place)] = i }
    var pairs: [(Int, Int)] = []
    for place in grid.indices where grid[place] >= 0 {
      if place % samples + 1 < samples, grid[place + 1] >= 0 { pairs.append((grid[place], grid[place + 1])) }
      if place + samples < grid.count, grid[place + samples] >= 0 {
        pairs.append((grid[place], grid[place + samples]))
      }
    }
    let gram = library.gram
    let y = Matrix<Double>(rows: n, columns: cube.shape.bands) { Double(cube.pixels[$0, $1]) }
    let linear = y.multiplied(by: library)
    let lipschitz = (0..<m).reduce(0) { $0 + gram[$1, $1] }
    let sigma = 1.0
    let tau = 1 / (lipschitz / 2 + 8 * sigma)
    var x = Matrix<Double>(rows: n, columns: m)
    var dual = Matrix<Double>(rows: pairs.count, columns: m)
    for _ in 0..<iterations {
      var gradient = x.multiplied(by: gram)
      for i in gradient.values.indices { gradient.values[i] -= linear.values[i] }
      for (p, pair) in pairs.enumerated() {
        for k in 0..<m {
          gradient.values[pair.0 * m + k] += dual.values[p * m + k]
          gradient.values[pair.1 * m + k] -= dual.values[p * m + k]
        }
      }
      var next = x
      for i in x.values.indices { next.values[i] = max(0, x.values[i] - tau * (gradient.values[i] + lambda)) }
      for (p, pair) in pairs.enumerated() {
        for k in 0..<m {
          let (a, b) = (pair.0 * m + k, pair.1 * m + k)
          let step = 2 * (next.values[a] - next.values[b]) - (x.values[a] - x.values[b])
          dual.values[p * m + k] = max(-lambdaTV, min(lambdaTV, dual.values[p * m + k] + sigma * step))
        }
      }
      x = next
    }
    return PixelMatrix(rows: n, columns: m, values: x.values.map(Float.init))
  }

  @Test(arguments: [false, true]) func totalVariationReachesTheOptimum(_ holes: Bool) throws {
    let spectra = MethodFixtures.spectra(bands: 14, count: 4, seed: 41)
    let cube = MethodFixtures.mixture(
      lines: 7, samples: 11, spectra: spectra, noise: 0.02, seed: 42, holes: holes
    ).cube
    let library = MethodFixtures.library(spectra)
    let (lambda, lambdaTV) = (0.01, 0.02)
    func objective(_ x: PixelMatrix) -> Double {
      SUnSALTV.objective(cube, library, x, lambda: lambda, lambdaTV: lambdaTV)
    }
    func run(_ iterations: Double) throws -> PixelMatrix {
      try SUnSALTV(["lambda": lambda, "lambda_tv": lambdaTV, "iterations": iterations, "tolerance": 1e-7])
        .solve(cube, library, MethodFixtures.context())
    }
    let best = objective(
      Self.totalVariationReference(cube, spectra, lambda: lambda, lambdaTV: lambdaTV, iterations: 4000))
    let values = try [10.0, 40, 160, 3000].map { try objective(run($0)) }
    #expect(values[3] / best - 1 < 1e-4 && values[3] / best - 1 > -1e-3, "\(values) against \(best)")
    #expect(
      values[0] > values[3] && values[1] / best - 1 < 0.05 && values[2] / best - 1 < 0.01, "\(values) \(best)"
    )
  }

  @Test func totalVariationSmooths() throws {
    // Two flat halves: with a strong penalty the maps are flat inside each half and keep the step.
    let spectra = MethodFixtures.spectra(bands: 30, count: 3, seed: 51)
    let (lines, samples) = (16, 20)
    let pixels = PixelMatrix(rows: lines * samples, columns: 30)
    var random = CounterRandom(seed: 9)
    for n in 0..<pixels.rows {
      let material = n % samples < samples / 2 ? 0 : 2
      for l in 0..<30 { pixels[n, l] = Float(spectra[l, material] + 0.15 * random.normal()) }
    }
    let cube = Cube(lines: lines, samples: samples, pixels: pixels)
    let library = MethodFixtures.library(spectra)
    let smooth = try SUnSALTV(["lambda_tv": 0.1, "iterations": 2000])
      .solve(cube, library, MethodFixtures.context())
    let rough = try SUnSALTV(["lambda_tv": 0, "iterations": 2000]).solve(
      cube, library, MethodFixtures.context())
    func error(_ x: PixelMatrix) -> Float {
      (0..<x.rows).reduce(0) { sum, n in
        let truth = n % samples < samples / 2 ? 0 : 2
        return (0..<3).reduce(sum) { $0 + abs(x[n, $1] - ($1 == truth ? 1 : 0)) }
      } / Float(x.rows)
    }
    #expect(error(smooth) < 0.5 * error(rough))
  }

  @Test func weightedSparsityFindsTheSupport() throws {
    // Three of twelve spectra are present; weights must not lose them and must give fewer others than plain SUnSAL.
    let spectra = MethodFixtures.spectra(bands: 50, count: 12, seed: 61)
    let present = [1, 5, 8]
    let scene = MethodFixtures.mixture(
      lines: 12, samples: 13, spectra: spectra.selecting(columns: present), noise: 0.01, seed: 62, holes: true
    )
    let library = MethodFixtures.library(spectra)
    let plain = PixelMatrix(rows: 0, columns: 0)
    try SUnSAL(["lambda": 1e-3]).prepare(library, weights: nil).solve(scene.cube.pixels, into: plain)
    let weighted = try S2WSU(["lambda": 1e-3]).solve(scene.cube, library, MethodFixtures.context())
    func error(_ x: PixelMatrix) -> Double {
      var errors = AbundanceErrors(endmembers: 12)
      for n in 0..<x.rows {
        var truth = [Double](repeating: 0, count: 12)
        for (i, k) in present.enumerated() { truth[k] = scene.abundances[n, i] }
        errors.add(x.row(n).map(Double.init), truth)
      }
      return errors.rmse
    }
    #expect(error(weighted) < error(plain))
  }

  @Test func spatialWeightsAreThoseOfTheFormula() throws {
    let positions: [Int32] = [0, 1, 5, 8]  // of 3 × 3: two corners, a neighbour in line 1, an isolated-ish corner
    let cube = Cube(
      shape: CubeShape(lines: 3, samples: 3, bands: 2), metadata: CubeMetadata(bands: 2),
      pixels: PixelMatrix(rows: 4, columns: 2), positions: positions)
    let x = PixelMatrix(rows: 4, columns: 1, values: [0.2, 0.4, 0.6, 1])
    let weights = PixelMatrix(rows: 4, columns: 1)
    var grid = [Int32](repeating: -1, count: 9)
    for (n, p) in positions.enumerated() { grid[Int(p)] = Int32(n) }
    S2WSU.spatialWeights(x, cube, grid, 0.1, into: weights)
    let expected: [Float] = [1 / (0.4 + 0.1), 1 / (0.4 + 0.1), 1 / (0.7 + 0.1), 1 / (0.6 + 0.1)]
    #expect(MethodFixtures.distance(weights.values.map(Double.init), expected.map(Double.init)) < 1e-5)
    #expect(abs(S2WSU.rowNorms(x)[0] - (0.04 + 0.16 + 0.36 + 1).squareRoot()) < 1e-7)
  }

  @Test func coupledMethodsDoNotDependOnThreads() throws {
    let spectra = MethodFixtures.spectra(bands: 20, count: 6, seed: 71)
    let cube = MethodFixtures.mixture(
      lines: 19, samples: 37, spectra: spectra, noise: 0.01, seed: 72, holes: true
    ).cube
    let library = MethodFixtures.library(spectra)
    for type in UnmixingMethods.sceneAbundance {
      let method = try type.init(["iterations": 30])
      let serial = try method.solve(cube, library, MethodFixtures.context(threads: 1))
      let parallel = try method.solve(cube, library, MethodFixtures.context(threads: 3))
      #expect(serial.values == parallel.values, "\(type.description.id)")
      #expect(serial.values.allSatisfy { $0 >= 0 && $0.isFinite }, "\(type.description.id)")
      #expect(serial.rows == cube.count && serial.columns == 6)
    }
  }
}
