import Foundation
import HSICore
import HSINumerics
import Testing

@testable import HSISpectral

/// Filters against SciPy on even steps and NumPy on uneven ones.
@Suite struct SavitzkyGolayTests {
  private let fixture = TransformFixture.shared

  @Test func evenStepsAreThoseOfSciPy() throws {
    let axis = SpectralAxis(wavelengths: (0..<25).map { 500 + 10 * Double($0) })
    let settings = [(5, 2, 0), (9, 3, 0), (9, 3, 1), (7, 4, 2)]
    for (index, (window, degree, derivative)) in settings.enumerated() {
      let filter = try SavitzkyGolay(window: window, degree: degree, derivative: derivative)
      let result = try filter.weights(axis).apply(fixture.curve)
      for (a, b) in zip(result, fixture.golay[index]) { #expect(abs(a - b) < 1e-10) }
    }
  }

  @Test func unevenStepsAreThoseOfNumPy() throws {
    for (index, (degree, derivative)) in [(2, 0), (3, 1)].enumerated() {
      let weights = try SavitzkyGolay(window: 7, degree: degree, derivative: derivative).weights(
        SpectralAxis(wavelengths: fixture.wavelengths))
      for n in 0..<4 {
        let spectrum = fixture.pixels[(n * fixture.bands)..<((n + 1) * fixture.bands)].map(Double.init)
        for (a, b) in zip(weights.apply(spectrum), fixture.uneven[index][n]) { #expect(abs(a - b) < 1e-9) }
      }
    }
  }

  /// A polynomial of the degree is what it was, also at ends, at gaps and where detectors overlap; its derivatives are its own.
  @Test func polynomialsStay() throws {
    let axis = SpectralAxis(wavelengths: fixture.wavelengths)
    func curve(_ derivative: Int, _ x: Double) -> Double {
      let t = (x - 600) / 100
      return [1 + t - 0.5 * t * t + 0.2 * t * t * t, (1 - t + 0.6 * t * t) / 100, (-1 + 1.2 * t) / 1e4][derivative]
    }
    let values = fixture.wavelengths.map { curve(0, $0) }
    for derivative in 0...2 {
      let result = try SavitzkyGolay(window: 7, degree: 3, derivative: derivative).weights(axis).apply(values)
      for (x, y) in zip(fixture.wavelengths, result) {
        #expect(abs(y - curve(derivative, x)) < 1e-9 * pow(0.1, Double(derivative)), "derivative \(derivative) at \(x)")
      }
    }
    let slope = try SpectralDerivative.weights(axis)
    let linear = slope.apply(fixture.wavelengths.map { 3 * $0 - 7 })
    #expect(linear.allSatisfy { abs($0 - 3) < 1e-9 })
    // The gap and nothing else is left out.
    #expect(slope.axis.count == fixture.bands - 2)
  }

  @Test func gapsAreNotBridged() throws {
    let wavelengths = [400.0, 410, 420, 430, 440, 600, 610, 620, 630, 900]
    let axis = SpectralAxis(wavelengths: wavelengths)
    #expect(try BandSegments(axis, purpose: "").segments.map(\.count) == [5, 4, 1])
    let weights = try SavitzkyGolay(window: 5, degree: 1).weights(axis).weights
    for (i, a) in wavelengths.enumerated() {
      for (j, b) in wavelengths.enumerated() where abs(a - b) > 100 { #expect(weights[i, j] == 0) }
    }
    #expect(weights[9, 9] == 1)
    // A band alone has no slope.
    let slope = try SavitzkyGolay(window: 5, degree: 2, derivative: 1).weights(axis).weights
    #expect(slope[9, 9].isNaN && !slope[8, 8].isNaN)
    // Steps that grow at a detector are no gaps.
    let two = SpectralAxis(wavelengths: (0..<40).map { 400 + Double($0) } + (0..<30).map { 445 + 6 * Double($0) })
    #expect(try BandSegments(two, purpose: "").segments.count == 1)
  }

  @Test func whatCannotBe() {
    for (window, degree, derivative) in [
      (4, 2, 0), (1, 0, 0), (5, 5, 0), (5, -1, 0), (5, 1, 2), (5, 2, 3), (501, 13, 0),
    ] {
      #expect(throws: CoreError.self) {
        try SavitzkyGolay(window: window, degree: degree, derivative: derivative)
      }
    }
    #expect(throws: SpectralError.self) { try SavitzkyGolay().weights(SpectralAxis(count: 4)) }
    #expect(throws: SpectralError.self) { try SpectralDerivative.weights(SpectralAxis(wavelengths: [500])) }
    #expect(throws: SpectralError.self) { try SpectralDerivative.weights(SpectralAxis(wavelengths: [500, 500])) }
  }
}
