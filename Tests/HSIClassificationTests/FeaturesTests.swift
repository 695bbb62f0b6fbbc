import HSIClassification
import HSICore
import HSITestSupport
import Testing

@Suite struct FeaturesTests {
  @Test func whitenedComponentsAreThoseOfTheReference() throws {
    let fixture = try TestTask.fixture("preprocess")
    let cube = fixture["in.cube"]
    let pixels = PixelMatrix(rows: 14 * 11, columns: 24, values: cube.floats)
    let features = try Features.fit(.components(6, whitened: true), pixels)
    let variances = fixture["out.pca_explained_variance"].values
    #expect(zip(features.variances, variances).allSatisfy { abs($0 - $1) < 1e-5 * $1 })
    #expect(TestTask.largestDifference(features.mean, fixture["out.pca_mean"].values) < 1e-5)
    let components = try #require(features.components)
    for k in 0..<6 {
      let unwhitened = components.row(k).map { Float(Double($0) * variances[k].squareRoot()) }
      let reference = Array(fixture["out.pca_components"].values[(k * 24)..<((k + 1) * 24)])
      #expect(TestTask.largestDifference(unwhitened, reference) < 1e-5)
    }
    #expect(TestTask.largestDifference(features.apply(pixels).values, fixture["out.scores"].values) < 2e-5)
  }

  @Test func standardisedBandsHaveMeanZeroAndDeviationOne() throws {
    var random = CounterRandom(seed: 3)
    let pixels = PixelMatrix(rows: 300, columns: 3)
    for n in 0..<300 {
      pixels[n, 0] = Float(5000 + 100 * random.normal())
      pixels[n, 1] = 0.25
      pixels[n, 2] = Float(-3 + 1e-3 * random.normal())
    }
    let result = try Features.fit(.standardised, pixels).apply(pixels)
    for b in [0, 2] {
      let column = (0..<300).map { Double(result[$0, b]) }
      let mean = column.reduce(0, +) / 300
      #expect(abs(mean) < 1e-3)
      #expect(abs(column.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 300 - 1) < 1e-3)
    }
    #expect((0..<300).allSatisfy { result[$0, 1] == 0 })
  }

  @Test func constantSpectraAreRefused() {
    let pixels = PixelMatrix(rows: 4, columns: 3, values: [Float](repeating: 2, count: 12))
    for recipe in [Features.Recipe.standardised, .components(2, whitened: true)] {
      #expect(throws: ClassificationError.self) { _ = try Features.fit(recipe, pixels) }
    }
  }

  /// Only training pixels count, unless the task says otherwise.
  @Test func fittedOnTrainingPixelsOnly() throws {
    var (task, _, _) = try TestTask.baselines()
    let own = try task.features(.standardised)
    task.isTransductive = true
    let all = try task.features(.standardised)
    let pixels = task.spectra(of: task.training).pixels
    let direct = try Features.fit(.standardised, pixels)
    #expect(own.mean == direct.mean && own.factor == direct.factor)
    #expect(all.mean != own.mean)
  }
}
