import Foundation
import HSICore
import Testing

@testable import HSISpectral

/// Gaussian response functions; reference values stand in the tests of `HSINetworks`.
@Suite struct GaussianResponseTests {
  private let source = stride(from: 400.0, through: 1000, by: 5).map { $0 }

  /// Weights of a band add up to 1, are the formula, and end where it falls below a thousandth.
  @Test func weights() throws {
    let (centre, width) = (702.0, 40.0)
    let weights = try GaussianResponse.weights(from: source, to: [centre, 500], fwhm: [width, 12])
    #expect(weights.rows == source.count && weights.columns == 2)
    let raw = source.map { exp(-0.5 * pow(($0 - centre) / (width / 2.355), 2)) }.map { $0 < 1e-3 ? 0 : $0 }
    let total = raw.reduce(0, +)
    for (index, value) in raw.enumerated() { #expect(abs(weights[index, 0] - value / total) < 1e-15) }
    #expect(raw.contains(0) && abs(weights.column(1).reduce(0, +) - 1) < 1e-12)
    // A straight spectrum stays on its line where the response lies inside.
    let value = zip(weights.column(0), source).reduce(0) { $0 + $1.0 * $1.1 }
    #expect(abs(value - centre) < 0.1)
  }

  @Test func whatCannotBe() {
    func problem(_ target: [Double], _ fwhm: [Double]) -> String {
      do {
        _ = try GaussianResponse.weights(from: source, to: target, fwhm: fwhm, named: "prisma.csv")
        return "accepted"
      } catch { return "\(error)" }
    }
    #expect(problem([500, 1400], [10, 10]).contains("prisma.csv: no band of the source reaches the band at 1400 nm"))
    #expect(problem([502.4], [1]).contains("502.4 nm"))
    #expect(problem([500, 600], [10]).contains("as many widths"))
    for width in [0, -3, Double.nan, .infinity] { #expect(problem([500], [width]).contains("E-INCONSISTENT")) }
  }
}
