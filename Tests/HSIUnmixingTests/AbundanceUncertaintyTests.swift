import CKernels
import Foundation
import HSICore
import HSINumerics
import HSITestSupport
import Testing

@testable import HSIUnmixing

@Suite struct AbundanceUncertaintyTests {
  private static let methods: [any LeastSquaresEstimator.Type] = [FCLS.self, NNLS.self, SCLS.self, UCLS.self]

  /// Pixels well inside the simplex, with noise that differs from band to band.
  private static func scene(
    _ spectra: Matrix<Double>, pixels: Int, deviations: [Double], seed: UInt64
  ) -> (pixels: PixelMatrix, truth: Matrix<Double>) {
    let count = spectra.columns
    let result = PixelMatrix(rows: pixels, columns: spectra.rows)
    var truth = Matrix<Double>(rows: pixels, columns: count)
    for n in 0..<pixels {
      var random = CounterRandom(seed: seed, stream: UInt64(n))
      let a = (0..<count).map { _ in random.uniform(0.6, 1) }
      let total = a.reduce(0, +)
      for k in 0..<count { truth[n, k] = a[k] / total }
      for l in 0..<spectra.rows {
        var value = deviations[l] * random.normal()
        for k in 0..<count { value += truth[n, k] * spectra[l, k] }
        result[n, l] = Float(value)
      }
    }
    return (result, truth)
  }

  private static func coverage(
    _ method: any LeastSquaresEstimator.Type, _ noise: PixelNoise, deviations: [Double]
  ) throws -> Double {
    let spectra = MethodFixtures.spectra(bands: 50, count: 4, seed: 21)
    let (pixels, truth) = scene(spectra, pixels: 4000, deviations: deviations, seed: 22)
    let library = MethodFixtures.library(spectra)
    let abundances = PixelMatrix(rows: 0, columns: 4)
    try method.init().prepare(library, weights: nil).solve(pixels, into: abundances)
    let rmse = Residual(library).rmse(pixels, abundances)
    let sigma = try AbundanceUncertainty(library, of: method, noise: noise).sigma(abundances, rmse: rmse)
    var inside = 0
    for n in 0..<4000 {
      for k in 0..<4 where abs(Double(abundances[n, k]) - truth[n, k]) <= Double(sigma[n, k]) { inside += 1 }
    }
    return Double(inside) / 16000
  }

  /// An interval of one σ holds 68 % of the true abundances of interior pixels.
  @Test(arguments: ["fcls", "nnls", "scls", "ucls"])
  func coversTheTruth(_ id: String) throws {
    let method = try #require(Self.methods.first { $0.description.id == id })
    let equal = [Double](repeating: 0.004, count: 50)
    let unequal = (0..<50).map { 0.001 + 0.0003 * Double($0) }
    #expect(abs(try Self.coverage(method, .residual, deviations: equal) - 0.683) < 0.03)
    #expect(abs(try Self.coverage(method, .bands(equal), deviations: equal) - 0.683) < 0.03)
    #expect(abs(try Self.coverage(method, .bands(unequal), deviations: unequal) - 0.683) < 0.03)
    // σ that is too small is found out.
    #expect(try Self.coverage(method, .bands(equal.map { $0 / 2 }), deviations: equal) < 0.5)
  }

  /// The covariance written out, through free sets that differ from pixel to pixel.
  @Test func agreesWithTheFormula() throws {
    let spectra = MethodFixtures.spectra(bands: 20, count: 5, seed: 3)
    let library = MethodFixtures.library(spectra)
    let deviations = (0..<20).map { 0.01 + 0.002 * Double($0) }
    let sets: [[Int]] = [[0, 1, 2, 3, 4], [1, 3], [1, 3], [2], [0, 2, 4], [0, 1, 2, 3, 4]]
    let abundances = PixelMatrix(rows: sets.count, columns: 5)
    for (n, set) in sets.enumerated() {
      for k in 0..<5 { abundances[n, k] = set.contains(k) ? 1 / Float(set.count) : 0 }
    }
    let rmse: [Float] = (0..<sets.count).map { 0.01 * Float($0 + 1) }
    for method in Self.methods {
      for noise in [PixelNoise.residual, .bands(deviations)] {
        let found = try AbundanceUncertainty(library, of: method, noise: noise).sigma(abundances, rmse: rmse)
        for (n, set) in sets.enumerated() {
          let free = method.isNonnegative ? set : Array(0..<5)
          let m = spectra.selecting(columns: free)
          var h = try m.gram.inversePositiveDefinite()
          if method.sumsToOne {
            let ones = [Double](repeating: 1, count: free.count)
            let sums = h.multiplied(by: ones)
            let total = sums.reduce(0, +)
            h = Matrix(rows: free.count, columns: free.count) { h[$0, $1] - sums[$0] * sums[$1] / total }
          }
          var variances: [Double]
          switch noise {
          case .residual:
            let degrees = Double(20 - free.count + (method.sumsToOne ? 1 : 0))
            variances = free.indices.map { h[$0, $0] * pow(Double(rmse[n]), 2) * 20 / degrees }
          case .bands:
            let weighted = Matrix<Double>(rows: 20, columns: free.count) { m[$0, $1] * deviations[$0] }
            let covariance = h.multiplied(by: weighted.gram).multiplied(by: h)
            variances = free.indices.map { covariance[$0, $0] }
          }
          for k in 0..<5 {
            let expected = free.firstIndex(of: k).map { max(0, variances[$0]).squareRoot() } ?? 0
            #expect(abs(Double(found[n, k]) - expected) < 1e-5 * max(1, expected), "\(method.description.id) \(n) \(k)")
          }
        }
      }
    }
  }

  @Test func edges() throws {
    // Two endmembers that are one, more endmembers than bands, and no degree of freedom.
    let twins = SpectralLibrary(
      names: ["a", "b"], axis: SpectralAxis(count: 3), values: [0.1, 0.2, 0.3, 0.1, 0.2, 0.3])
    let abundances = PixelMatrix(rows: 2, columns: 2, values: [0.5, 0.5, 1, 0])
    let sigma = try AbundanceUncertainty(twins, of: NNLS.self, noise: .residual).sigma(abundances, rmse: [0.1, 0.1])
    #expect(sigma[0, 0].isNaN && sigma[0, 1].isNaN)
    #expect(sigma[1, 0] > 0 && sigma[1, 1] == 0)
    let single = SpectralLibrary(names: ["a"], axis: SpectralAxis(count: 1), values: [0.5])
    let one = PixelMatrix(rows: 1, columns: 1, values: [0.7])
    #expect(try AbundanceUncertainty(single, of: UCLS.self, noise: .residual).sigma(one, rmse: [0])[0, 0].isNaN)
    #expect(try AbundanceUncertainty(single, of: UCLS.self, noise: .bands([0.1])).sigma(one, rmse: [0])[0, 0] == 0.2)
    #expect(throws: CoreError.self) { try AbundanceUncertainty(twins, of: UCLS.self, noise: .bands([1])) }
    #expect(throws: CoreError.self) { try AbundanceUncertainty(twins, of: UCLS.self, noise: .bands([1, -1, 0])) }
  }

  @Test func resultsDoNotDependOnStripsOrThreads() throws {
    let spectra = MethodFixtures.spectra(bands: 20, count: 4, seed: 12)
    let cube = MethodFixtures.mixture(lines: 30, samples: 27, spectra: spectra, noise: 0.05, seed: 13, holes: true).cube
    let library = MethodFixtures.library(spectra)
    let source = FileLikeSource(cube)
    let uncertainty = try AbundanceUncertainty(library, of: FCLS.self, noise: .residual)
    func run(_ lines: Int, threads: Int) throws -> [UInt32] {
      var result: [UInt32] = []
      let context = MethodFixtures.context(threads: threads, bytes: source.budget(lines: lines, extraBytesPerPixel: 56))
      try StripUnmixing.run(source, FCLS(), library, uncertainty: uncertainty, context) {
        result += $0[.sigma]?.values.map(\.bitPattern) ?? []
      }
      return result
    }
    let whole = try run(30, threads: 2)
    #expect(whole.count == cube.count * 4)
    #expect(try run(1, threads: 2) == whole)
    #expect(try run(7, threads: 1) == whole)
  }
}
