import HSICore
import HSINumerics
import HSITestSupport
import Testing

@testable import HSIUnmixing

@Suite struct CountTests {
  @Test func hySimeMatchesTheReference() throws {
    let fixture = try MethodFixtures.load("count")
    let cube = MethodFixtures.cube(fixture["Y"])
    let estimate = try HySime().count(cube, MethodFixtures.context())
    #expect(estimate.count == fixture["hysime_k"].ints[0])
    #expect(MethodFixtures.distance(estimate.evidence, fixture["hysime_cost_sorted"].values) < 1e-7)
  }

  @Test func noiseVariancesMatchTheReference() throws {
    let fixture = try MethodFixtures.load("count")
    let cube = MethodFixtures.cube(fixture["Y"])
    let statistics = try SceneStatistics(cube, MethodFixtures.context(), precision: .double)
    let noise = try NoiseEstimate(statistics).variances
    for (value, reference) in zip(noise, fixture["noise_var"].values) {
      #expect(abs(value / reference - 1) < 1e-6)
    }
  }

  @Test func noiseEqualsTheResidualOfLeastSquares() throws {
    // One band regressed on the others by explicit least squares.
    let spectra = MethodFixtures.spectra(bands: 12, count: 3, seed: 4)
    let cube = MethodFixtures.mixture(lines: 10, samples: 30, spectra: spectra, noise: 0.02, seed: 9).cube
    let statistics = try SceneStatistics(cube, MethodFixtures.context(), precision: .double)
    let noise = try NoiseEstimate(statistics)
    let others = Matrix<Double>(rows: 300, columns: 11) { Double(cube.pixels[$0, $1 < 5 ? $1 : $1 + 1]) }
    let band = Matrix<Double>(rows: 300, columns: 1) { n, _ in Double(cube.pixels[n, 5]) }
    let fit = others.multiplied(by: try others.leastSquares(band))
    let residual =
      (0..<300).reduce(0.0) { $0 + (band[$1, 0] - fit[$1, 0]) * (band[$1, 0] - fit[$1, 0]) } / 300
    #expect(abs(noise.variances[5] / residual - 1) < 1e-5)
  }

  @Test func virtualDimensionalityMatchesTheReference() throws {
    let fixture = try MethodFixtures.load("count")
    let cube = MethodFixtures.cube(fixture["Y"])
    for (i, pf) in fixture["pf"].values.enumerated() {
      #expect(try HFC(["pf": pf]).count(cube, MethodFixtures.context()).count == fixture["hfc"].ints[i])
      #expect(try NWHFC(["pf": pf]).count(cube, MethodFixtures.context()).count == fixture["nwhfc"].ints[i])
    }
    let statistics = try SceneStatistics(cube, MethodFixtures.context(), precision: .double)
    let correlation = try statistics.correlation.symmetricEigen().values
    #expect(MethodFixtures.distance(correlation, fixture["eig_corr"].values) < 1e-5)
  }

  /// The elbow of curves whose elbow is plain, and none where a curve hardly falls.
  @Test func elbows() {
    #expect(HeldBackCount.elbow([8, 2.7, 2.6, 2.5, 2.4, 2.3]) == 1)
    #expect(HeldBackCount.elbow([10, 6, 3, 1, 0.9, 0.8, 0.7]) == 3)
    #expect(HeldBackCount.elbow([1, 0.99, 0.98, 0.97]) == 0)
    #expect(HeldBackCount.elbow([0, 0, 0]) == 0)
  }

  @Test func noiseDecidesWhoCounts() {
    // Down to the noise at HySime's number: that. Far above it, or a number beyond use: the elbow.
    let errors = [0.08, 0.03, 0.012, 0.0101, 0.01, 0.01, 0.01]
    #expect(HeldBackCount.decide(errors, noise: 0.01, dimensions: 5, most: 8).count == 5)
    #expect(HeldBackCount.decide(errors, noise: 0.001, dimensions: 5, most: 8).count == 4)
    #expect(HeldBackCount.decide(errors, noise: 0.01, dimensions: 75, most: 8).count == 4)
    #expect(HeldBackCount.decide(errors, noise: 0.01, dimensions: 0, most: 8).count == 4)
  }

  @Test(arguments: [2, 3, 5]) func simulatedMaterialsAreCounted(count: Int) throws {
    let spectra = try ParametricSpectra.library(count: count, axis: .avirisLike(bands: 80), seed: 4)
    var recipe = SceneRecipe(lines: 40, samples: 40, endmembers: spectra)
    (recipe.snr, recipe.shadow, recipe.relief, recipe.variability, recipe.seed) = (35, 0, 0, 0, 2)
    let estimate = try HeldBackCount().count(SceneSimulator(recipe), RunContext())
    #expect(estimate.count == count, "\(estimate)")
    #expect(estimate.alternatives["hysime"] != nil && estimate.reason != nil && estimate.noise != nil)
  }

  /// Where materials vary, HySime counts the ways in which they do; the default gives a number of use.
  @Test func varyingMaterialsAreNotCountedTwice() throws {
    let spectra = try ParametricSpectra.library(count: 4, axis: .avirisLike(bands: 80), seed: 4)
    var recipe = SceneRecipe(lines: 40, samples: 40, endmembers: spectra)
    (recipe.snr, recipe.variability, recipe.seed) = (55, 0.15, 2)
    let simulator = try SceneSimulator(recipe)
    let estimate = try HeldBackCount().count(simulator, RunContext())
    #expect((3...6).contains(estimate.count), "\(estimate)")
    #expect(try HySime().count(simulator, RunContext()).count > 8)
  }

  @Test func fewPixelsOrBandsEndInANumber() throws {
    for (pixels, bands) in [(4, 30), (9, 3), (200, 2)] {
      var random = CounterRandom(seed: 3)
      let matrix = PixelMatrix(rows: pixels, columns: bands)
      for i in 0..<(pixels * bands) { matrix.pointer[i] = Float(0.2 + random.uniform()) }
      let estimate = try HeldBackCount().count(Cube(lines: 1, samples: pixels, pixels: matrix), RunContext())
      #expect(estimate.count >= 2 && estimate.count <= max(2, bands), "\(pixels) × \(bands): \(estimate.count)")
    }
  }

  @Test func normalQuantilesMatchTables() {
    let table = [
      (0.5, 0.0), (1e-3, -3.090232306167813), (1e-4, -3.719016485455709), (1e-5, -4.264890793922602),
      (1e-12, -7.034483825301132), (0.3, -0.524400512708041), (0.975, 1.959963984540054),
    ]
    for (p, x) in table { #expect(abs(normalQuantile(p) - x) < 1e-12) }
  }

  @Test func countsDoNotDependOnStripsOrThreads() throws {
    let spectra = MethodFixtures.spectra(bands: 30, count: 4, seed: 2)
    let cube = MethodFixtures.mixture(
      lines: 60, samples: 41, spectra: spectra, noise: 0.003, seed: 3, holes: true
    ).cube
    let source = FileLikeSource(cube)
    for method: any CountEstimator in [try HySime(), try HFC(), try NWHFC()] {
      let whole = try method.count(cube, MethodFixtures.context())
      let byLine = try method.count(source, MethodFixtures.context(bytes: source.budget(lines: 1)))
      let by7 = try method.count(source, MethodFixtures.context(bytes: source.budget(lines: 7)))
      #expect(whole.evidence == byLine.evidence)
      #expect(whole.evidence == by7.evidence)
    }
    #expect(try HySime().count(cube, MethodFixtures.context()).count == 4)
  }

  @Test func badScenesAreRefused() throws {
    let zero = Cube(lines: 4, samples: 5, pixels: PixelMatrix(rows: 20, columns: 6))
    let empty = Cube(
      shape: CubeShape(lines: 4, samples: 5, bands: 6), metadata: CubeMetadata(bands: 6),
      pixels: PixelMatrix(rows: 0, columns: 6), positions: [])
    for method: any CountEstimator in [try HySime(), try HFC(), try NWHFC()] {
      #expect(throws: UnmixingError.self) { try method.count(zero, MethodFixtures.context()) }
      #expect(throws: UnmixingError.self) { try method.count(empty, MethodFixtures.context()) }
    }
  }
}
