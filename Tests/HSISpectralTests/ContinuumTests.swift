import CKernels
import Foundation
import HSICore
import HSINumerics
import HSITestSupport
import Testing

@testable import HSISpectral

/// Continua against Qhull and the package spectral, features against NumPy.
@Suite(.serialized) struct ContinuumTests {
  private let fixture = TransformFixture.shared

  @Test func quotientIsThatOfQhull() throws {
    let scene = fixture.cube
    let continuum = try ContinuumRemoval(scene.metadata.axis)
    let result = PixelMatrix(rows: 0, columns: 0)
    atEveryKernelLevel { level in
      #expect(continuum.apply(scene.pixels, form: .quotient, into: result) == 0)
      var most = 0.0
      for (n, row) in fixture.quotient.enumerated() {
        for (b, value) in row.enumerated() { most = max(most, abs(Double(result[n, b]) - value)) }
      }
      #expect(most < 1e-6, "level \(level): \(most)")
      #expect(result.values.allSatisfy { $0 <= 1 })
    }
  }

  @Test func formsBelongTogether() throws {
    let scene = fixture.cube
    let continuum = try ContinuumRemoval(scene.metadata.axis)
    let all = ContinuumRemoval.Form.allCases.map { form -> PixelMatrix in
      let result = PixelMatrix(rows: 0, columns: 0)
      continuum.apply(scene.pixels, form: form, into: result)
      return result
    }
    for i in 0..<(scene.count * fixture.bands) {
      let (r, quotient, depth) = (scene.pixels.pointer[i], all[0].pointer[i], all[1].pointer[i])
      let (difference, hull) = (all[2].pointer[i], all[3].pointer[i])
      #expect(abs(quotient + depth - 1) < 1e-6 && abs(hull - difference - r) < 1e-6 && abs(quotient * hull - r) < 1e-6)
    }
  }

  @Test func featuresAreThoseOfNumPy() throws {
    let scene = fixture.cube
    let ranges = fixture.limits.map { $0[0]...$0[1] }
    let features = try AbsorptionFeatures(scene.metadata.axis, ranges)
    let result = PixelMatrix(rows: 0, columns: 0)
    #expect(features.names.count == 10 && features.names[0].hasPrefix("depth "))
    atEveryKernelLevel { level in
      #expect(features.apply(scene.pixels, into: result) == 0)
      // Places and areas of features of 1e-3 and less are made of rounding.
      let tolerances = [1e-6, 2e-2, 2e-2, 2e-3, 1e-4]
      var compared = 0
      for (n, row) in fixture.absorption.enumerated() {
        for (k, value) in row.enumerated() {
          guard let value else {
            #expect(result[n, k].isNaN)
            continue
          }
          compared += 1
          #expect(abs(Double(result[n, k]) - value) < tolerances[k % 5], "level \(level), pixel \(n), value \(k)")
        }
      }
      #expect(compared > 1000)
    }
  }

  /// A triangle has its figures in closed form: depth d at p, half of it half way up both sides.
  @Test func triangleInClosedForm() throws {
    let wavelengths = stride(from: 1000.0, through: 1100, by: 10).map { $0 }
    let axis = SpectralAxis(wavelengths: wavelengths)
    // Down to 0.6 of the continuum at 1030, up again until 1100.
    let values = wavelengths.map { Float($0 <= 1030 ? 1 - 0.4 * ($0 - 1000) / 30 : 0.6 + 0.4 * ($0 - 1030) / 70) }
    let result = PixelMatrix(rows: 0, columns: 0)
    try AbsorptionFeatures(axis, [990...1110]).apply(PixelMatrix(rows: 1, columns: 11, values: values), into: result)
    let expected: [Float] = [0.4, 0, 50, 0.4, 20]
    for (k, value) in expected.enumerated() where k != 1 { #expect(abs(result[0, k] - value) < 2e-5, "value \(k)") }
    // The vertex of the parabola through (1020, 0.2667), (1030, 0.4), (1040, 0.3429).
    let (rise, fall) = (0.4 / 3, -0.4 / 7)
    #expect(abs(Double(result[0, 1]) - (1030 + 5 * (rise + fall) / (rise - fall))) < 1e-3)
  }

  @Test func orderOfBandsDoesNotMatter() throws {
    let scene = fixture.cube
    let order = (0..<fixture.bands).map { ($0 * 11 + 5) % fixture.bands }
    #expect(Set(order).count == fixture.bands)
    let shuffled = PixelMatrix(rows: scene.count, columns: fixture.bands)
    for n in 0..<scene.count { for (k, b) in order.enumerated() { shuffled[n, k] = scene.pixels[n, b] } }
    let (a, b) = (PixelMatrix(rows: 0, columns: 0), PixelMatrix(rows: 0, columns: 0))
    try ContinuumRemoval(scene.metadata.axis).apply(scene.pixels, form: .quotient, into: a)
    try ContinuumRemoval(scene.metadata.axis.selecting(order)).apply(shuffled, form: .quotient, into: b)
    for n in 0..<scene.count { for (k, band) in order.enumerated() { #expect(a[n, band] == b[n, k]) } }
  }

  @Test func unitsDoNotMatterAndThreadsDoNot() throws {
    let scene = fixture.cube
    let continuum = try ContinuumRemoval(scene.metadata.axis)
    let scaled = PixelMatrix(rows: scene.count, columns: fixture.bands, values: scene.pixels.values.map { $0 * 4096 })
    let results = [(scene.pixels, 1), (scene.pixels, 3), (scaled, 2)].map { pixels, threads -> [Float] in
      let claim = RunContext(threads: threads).claimThreads()
      defer { claim.release() }
      let result = PixelMatrix(rows: 0, columns: 0)
      continuum.apply(pixels, form: .quotient, into: result)
      return result.values
    }
    #expect(results[0] == results[1] && results[0] == results[2])
  }

  /// Two bands at one wavelength, missing values, dark pixels, bands that are listed as bad.
  @Test func whatIsNotAsItShouldBe() throws {
    var axis = SpectralAxis(wavelengths: [400, 500, 500, 600, 700])
    let result = PixelMatrix(rows: 0, columns: 0)
    func quotient(_ values: [Float]) throws -> ([Float], Int) {
      let count = try ContinuumRemoval(axis).apply(
        PixelMatrix(rows: 1, columns: 5, values: values), form: .quotient, into: result)
      return (result.values, count)
    }
    #expect(try quotient([1, 1, 0.5, 1, 1]).0 == [1, 1, 0.5, 1, 1])
    #expect(try quotient([1, 0.5, 1, 1, 1]).0 == [1, 0.5, 1, 1, 1])
    let holed = try quotient([1, .nan, 2, .infinity, 2])
    #expect(holed.0[0] == 1 && holed.0[1].isNaN && holed.0[2] == 1 && holed.0[3].isNaN && holed.0[4] == 1)
    #expect(holed.1 == 0)
    let empty = try quotient([.nan, .nan, .nan, .nan, .nan])
    #expect(empty.0.allSatisfy(\.isNaN) && empty.1 == 1)
    let dark = try quotient([-1, 1, 0.5, 0.2, 1])
    #expect(dark.1 == 1 && dark.0[0].isNaN && dark.0[1] == 1 && dark.0[4] == 1)
    #expect(try quotient([0, 0, 0, 0, 0]).1 == 1)
    #expect(try quotient([3, 3, 3, 3, 3]).0 == [1, 1, 1, 1, 1])
    axis.good[1] = false
    let good = try quotient([1, 5, 0.5, 1, 1])
    #expect(good.0[1].isNaN && abs(good.0[2] - 0.5) < 1e-6)
    // No absorption: nothing to place.
    try AbsorptionFeatures(SpectralAxis(wavelengths: [1, 2, 3]), [0...4]).apply(
      PixelMatrix(rows: 2, columns: 3, values: [1, 2, 1, 0, 1, 0]), into: result)
    #expect(result[0, 0] == 0 && result[0, 4] == 0 && result[0, 1].isNaN && result.row(1).allSatisfy(\.isNaN))
  }

  @Test func whatCannotBe() throws {
    func problem(_ axis: SpectralAxis, _ range: ClosedRange<Double>? = nil) -> String {
      do {
        _ = try ContinuumRemoval(axis, within: range)
        return "accepted"
      } catch { return "\(error)" }
    }
    #expect(problem(SpectralAxis(count: 9)).contains("the scene has no wavelengths"))
    #expect(problem(SpectralAxis(wavelengths: [1, 2])).contains("at least 3 good bands, and there are 2"))
    #expect(problem(SpectralAxis(wavelengths: [500, 600, 700]), 550...800).contains("there are 2 within 550–800 nm"))
    #expect(problem(SpectralAxis(wavelengths: [.nan, 0, -1, 4])).contains("there are 1"))
  }

  @Test func scalingOfRows() throws {
    let scene = fixture.cube
    let result = PixelMatrix(rows: 0, columns: 0)
    atEveryKernelLevel { _ in
      for scaling in SpectrumScaling.allCases {
        #expect(scaling.apply(scene.pixels, into: result) == 0)
        for n in 0..<scene.count {
          let (y, z) = (scene.pixels.row(n).map(Double.init), result.row(n).map(Double.init))
          let mean = y.reduce(0, +) / Double(y.count)
          let (shift, divisor): (Double, Double)
          switch scaling {
          case .unitLength: (shift, divisor) = (0, y.reduce(0) { $0 + $1 * $1 }.squareRoot())
          case .unitSum: (shift, divisor) = (0, y.reduce(0, +))
          case .standardNormalVariate:
            let squares = y.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
            (shift, divisor) = (mean, (squares / Double(y.count - 1)).squareRoot())
          }
          #expect(zip(y, z).allSatisfy { abs(($0 - shift) / divisor - $1) < 1e-6 })
        }
      }
    }
    for scaling in SpectrumScaling.allCases {
      let odd = PixelMatrix(rows: 2, columns: 2, values: [0, 0, .infinity, 1])
      #expect(scaling.apply(odd, into: result) == 2 && result.values.allSatisfy(\.isNaN))
    }
    #expect(
      SpectrumScaling.standardNormalVariate.apply(PixelMatrix(rows: 1, columns: 1, values: [3]), into: result) == 1)
  }
}
