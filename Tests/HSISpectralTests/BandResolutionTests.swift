import Foundation
import HSICore
import HSINumerics
import HSITestSupport
import Testing

@testable import HSISpectral

/// Bands of other instruments: what is exact, what is left out.
@Suite(.serialized) struct BandResolutionTests {
  private let fine = SpectralAxis(
    wavelengths: (0..<401).map { 400 + 5 * Double($0) }, fwhm: [Double](repeating: 5, count: 401))

  private func resolve(
    _ scene: SpectralAxis, _ target: SpectralAxis, interpolating: Bool = false
  ) throws -> BandResolution {
    try BandResolution(from: scene, to: .bands(target), interpolating: interpolating, named: "camera")
  }

  @Test func equalBandsAreCopied() throws {
    let same = try resolve(fine, fine)
    #expect(same.kept == Array(0..<401) && same.uncovered.isEmpty && same.unresolved.isEmpty)
    #expect(same.weights.weights == .identity(401))
    // Some of them, in another order.
    let some = try resolve(fine, fine.selecting([300, 7, 100]))
    let spectrum = (0..<401).map { sin(Double($0)) }
    #expect(some.weights.apply(spectrum) == [spectrum[300], spectrum[7], spectrum[100]])
  }

  /// A Gaussian spectrum seen through a Gaussian band is known in closed form.
  @Test func wideBandsAreExact() throws {
    let target = SpectralAxis(wavelengths: [700, 900, 1200], fwhm: [40, 60, 100])
    let bands = try resolve(fine, target)
    #expect(bands.kept == [0, 1, 2])
    let own = 150.0 / 2.3548200450309493
    // What bands of 5 nm see of it.
    let seen = (own * own + pow(5 / 2.3548200450309493, 2)).squareRoot()
    let spectrum = (fine.wavelengths ?? []).map { exp(-0.5 * pow(($0 - 900) / seen, 2)) * own / seen }
    let result = bands.weights.apply(spectrum)
    for (value, (centre, width)) in zip(result, [(700.0, 40.0), (900, 60), (1200, 100)]) {
      let total = (own * own + pow(width / 2.3548200450309493, 2)).squareRoot()
      let exact = own / total * exp(-0.5 * pow((centre - 900) / total, 2))
      #expect(abs(value - exact) < 5e-4, "\(centre)")
    }
    #expect(bands.weights.axis.fwhm == [40, 60, 100])
  }

  @Test func whatIsNotResolvedOrCovered() throws {
    let coarse = SpectralAxis(
      wavelengths: (0..<100).map { 400 + 10 * Double($0) }, fwhm: [Double](repeating: 10, count: 100))
    var scene = coarse
    for band in 40...47 { scene.good[band] = false }
    // Narrow, in the gap, wide over the end, outside, wide and well inside, and one that carries no signal.
    var target = SpectralAxis(wavelengths: [555, 840, 1380, 1700, 650, 600], fwhm: [4, 20, 60, 20, 30, 30])
    target.good[5] = false
    let bands = try resolve(scene, target)
    #expect(bands.kept == [4] && bands.unresolved == [0] && bands.uncovered == [1, 2, 3, 5])
    let more = try resolve(scene, target, interpolating: true)
    #expect(more.kept == [0, 4] && more.unresolved == [0])
    let line = scene.wavelengths ?? []
    #expect(abs(more.weights.apply(line)[0] - 555) < 1e-9)
    // Nothing of the gap takes part.
    for band in 40...47 { #expect((0..<2).allSatisfy { more.weights.weights[band, $0] == 0 }) }
    func problem(_ target: SpectralAxis) -> String {
      do {
        _ = try resolve(scene, target)
        return "accepted"
      } catch { return "\(error)" }
    }
    #expect(problem(target.selecting([3])).contains("400–1390 nm, cover none of its 1 bands"))
    #expect(problem(target.selecting([0])).contains("narrower than those of the scene; interpolate makes them"))
    #expect(problem(SpectralAxis(count: 2)).contains("centres and widths"))
    #expect(problem(SpectralAxis(wavelengths: [500], fwhm: [0])).contains("centres and widths"))
  }

  /// Weights add up to 1, and straight spectra stay on their line: the mean wavelength of the response.
  @Test func responseTables() throws {
    let places = (0..<121).map { 500 + 2.5 * Double($0) }
    let shapes: [(Double) -> Double] = [
      { $0 >= 540 && $0 <= 600 ? 1 : 0 }, { max(0, 1 - abs($0 - 650) / 40) },
      { $0 > 700 && $0 < 760 ? ($0 - 700) / 60 : 0 },
    ]
    let table = SpectralLibrary(
      names: ["box", "triangle", "ramp"], axis: SpectralAxis(wavelengths: places),
      values: shapes.flatMap { shape in places.map(shape) })
    let bands = try BandResolution(from: fine, to: .responses(table), interpolating: false, named: "srf.csv")
    #expect(bands.kept == [0, 1, 2])
    let ones = bands.weights.apply([Double](repeating: 1, count: 401))
    #expect(ones.allSatisfy { abs($0 - 1) < 1e-12 })
    let line = bands.weights.apply(fine.wavelengths ?? [])
    let centres = bands.weights.axis.wavelengths ?? []
    for (value, centre) in zip(line, centres) { #expect(abs(value - centre) < 0.05, "\(value) \(centre)") }
    #expect(abs(line[1] - 650) < 1e-9 && abs(centres[1] - 650) < 1e-9)
    #expect(abs((bands.weights.axis.fwhm?[1] ?? 0) - 40) < 1e-9)
    let dead = SpectralLibrary(names: ["none"], axis: SpectralAxis(wavelengths: [500, 600]), values: [0, 0])
    #expect(throws: SpectralError.self) {
      try BandResolution(from: fine, to: .responses(dead), interpolating: false, named: "srf.csv")
    }
  }

  @Test func oddAxes() throws {
    // One band; bands at one place.
    let one = SpectralAxis(wavelengths: [550], fwhm: [10])
    #expect(try resolve(one, one).weights.weights == .identity(1))
    let twice = SpectralAxis(wavelengths: [500, 510, 510, 520], fwhm: [10, 10, 10, 10])
    let bands = try resolve(twice, SpectralAxis(wavelengths: [510], fwhm: [15]))
    #expect(abs(bands.weights.apply([1, 1, 1, 1])[0] - 1) < 1e-12)
    #expect(throws: SpectralError.self) { try resolve(SpectralAxis(count: 4), one) }
    var none = one
    none.good = [false]
    #expect(throws: SpectralError.self) { try resolve(none, one) }
  }

  /// Sums of neighbouring bands, of bands all over, of none; numbers of pixels and sums that fill no block.
  @Test func sumsAreThePlainOnes() {
    for (bands, columns, reach) in [(1, 1, 1), (40, 17, 3), (33, 48, 33), (60, 100, 2), (5, 3, 0)] {
      let weights = Matrix<Double>(rows: bands, columns: columns) { band, column in
        var random = CounterRandom(seed: 5, stream: UInt64(band * 1000 + column))
        return abs(band - column * bands / columns) < reach ? random.normal() : 0
      }
      let sums = BandWeights(weights, axis: SpectralAxis(count: columns))
      for pixels in [0, 1, 7, 8, 529] {
        var random = CounterRandom(seed: 6)
        let scene = PixelMatrix(
          rows: pixels, columns: bands, values: (0..<(pixels * bands)).map { _ in Float(random.uniform()) })
        let result = PixelMatrix(rows: 0, columns: 0)
        atEveryKernelLevel { level in
          sums.apply(scene, into: result)
          #expect(result.rows == pixels && result.columns == columns)
          for n in 0..<pixels {
            for (k, value) in sums.apply(scene.row(n).map(Double.init)).enumerated() {
              #expect(abs(Double(result[n, k]) - value) < 2e-5, "level \(level), \(bands) bands, pixel \(n), sum \(k)")
            }
          }
        }
      }
    }
  }
}
