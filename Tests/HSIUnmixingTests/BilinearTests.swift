import HSICore
import HSINumerics
import HSITestSupport
import Testing

@testable import HSIUnmixing

/// GBM and PPNM against `archetypes_reference.py` (sequential quadratic programming from the same start) and against the truth.
@Suite struct BilinearTests {
  private static func method(_ id: String) throws -> any AbundanceEstimator {
    try #require(UnmixingMethods.abundance.find(id)).init(["tolerance": 1e-12, "iterations": 5000])
  }

  @Test(arguments: ["gbm", "ppnm"])
  func findsTheMinimum(_ id: String) throws {
    let fixture = try MethodFixtures.load("archetypes")
    let cube = MethodFixtures.cube(fixture["\(id).Y"], lines: 6)
    let library = MethodFixtures.library(MethodFixtures.matrix(fixture["\(id).M"]))
    let solver = try #require(try Self.method(id).prepare(library, weights: nil) as? any ExpandedAbundanceSolver)
    let abundances = PixelMatrix(rows: 0, columns: 0)
    _ = try solver.solve(cube.pixels, into: abundances)
    let rmse = Residual(solver.terms).rmse(cube.pixels, solver.coefficients(cube.pixels, abundances))
    let (reference, best) = (fixture["\(id).A"].values, fixture["\(id).rss"].values)
    for n in 0..<cube.count {
      let rss = Double(rmse[n] * rmse[n]) * Double(cube.shape.bands)
      #expect(rss < best[n] * 1.01 + 1e-9, "pixel \(n)")
      #expect(abs(abundances.row(n).reduce(0, +) - 1) < 1e-5 && abundances.row(n).allSatisfy { $0 >= 0 })
    }
    // Of GBM directions are nearly flat: two minima of one value may differ.
    let distance = MethodFixtures.distance(abundances.values.map(Double.init), reference)
    #expect(distance < (id == "gbm" ? 0.02 : 0.002), "\(distance)")
  }

  /// On bilinear scenes the truth is nearer than for FCLS, which knows no products.
  @Test(arguments: ["gbm", "ppnm"])
  func isNearerToTheTruthThanFCLS(_ id: String) throws {
    let fixture = try MethodFixtures.load("archetypes")
    let cube = MethodFixtures.cube(fixture["\(id).Y"], lines: 6)
    let library = MethodFixtures.library(MethodFixtures.matrix(fixture["\(id).M"]))
    func error(_ method: any AbundanceEstimator) throws -> Double {
      let abundances = PixelMatrix(rows: 0, columns: 0)
      _ = try method.prepare(library, weights: nil).solve(cube.pixels, into: abundances)
      let truth = fixture["\(id).truth"].values
      return
        (zip(abundances.values, truth).reduce(0) { $0 + (Double($1.0) - $1.1) * (Double($1.0) - $1.1) }
        / Double(truth.count)).squareRoot()
    }
    let (linear, bilinear) = (try error(FCLS()), try error(Self.method(id)))
    #expect(bilinear < linear / 3, "\(bilinear) against \(linear)")
  }

  /// A linear scene is unmixed as FCLS does it, and the residual that is delivered is that of all terms.
  @Test(arguments: ["gbm", "ppnm"])
  func deliversTheResidualOfTheModel(_ id: String) throws {
    let fixture = try MethodFixtures.load("archetypes")
    let cube = MethodFixtures.cube(fixture["\(id).Y"], lines: 6)
    let library = MethodFixtures.library(MethodFixtures.matrix(fixture["\(id).M"]))
    var rmse: [Float] = []
    try StripUnmixing.run(cube, try Self.method(id), library, MethodFixtures.context()) { rmse += $0.rmse.values }
    let best = fixture["\(id).rss"].values
    for n in 0..<cube.count {
      #expect(Double(rmse[n]) < (best[n] / Double(cube.shape.bands)).squareRoot() * 1.01 + 1e-6)
    }
    let spectra = MethodFixtures.spectra(bands: 30, count: 3, seed: 4)
    let linear = MethodFixtures.mixture(lines: 10, samples: 10, spectra: spectra, noise: 0, seed: 5)
    let found = PixelMatrix(rows: 0, columns: 0)
    _ = try Self.method(id).prepare(MethodFixtures.library(spectra), weights: nil).solve(
      linear.cube.pixels, into: found)
    #expect(MethodFixtures.distance(found.values.map(Double.init), linear.abundances.values) < 2e-3)
  }

  @Test(arguments: ["gbm", "ppnm"])
  func edges(_ id: String) throws {
    let method = try Self.method(id)
    let two = MethodFixtures.library(MethodFixtures.spectra(bands: 2, count: 4, seed: 3))
    let pixels = PixelMatrix(rows: 4, columns: 2, values: [0, 0, -1e6, 5, .nan, 1, 0.3, 0.3])
    let found = PixelMatrix(rows: 0, columns: 0)
    _ = try method.prepare(two, weights: nil).solve(pixels, into: found)
    for n in [0, 1, 3] { #expect(abs(found.row(n).reduce(0, +) - 1) < 1e-5) }
    #expect(found.row(2).allSatisfy { $0.isNaN })
    let one = MethodFixtures.library(MethodFixtures.spectra(bands: 5, count: 1, seed: 3))
    _ = try method.prepare(one, weights: nil).solve(PixelMatrix(rows: 1, columns: 5), into: found)
    #expect(found.values == [1])
    let many = MethodFixtures.library(MethodFixtures.spectra(bands: 5, count: 13, seed: 3))
    #expect(throws: UnmixingError.self) { try method.prepare(many, weights: nil) }
  }
}
