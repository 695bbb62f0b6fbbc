import Foundation
import HSICore
import HSINumerics
import Testing

@testable import HSIRestoration

@Suite struct CurveChoiceTests {
  private func filled(_ values: [Float], _ curve: SpectralGaps.Curve, wavelengths: [Double]) -> [Float] {
    let pixels = PixelMatrix(rows: 1, columns: values.count, values: values)
    SpectralGaps(SpectralAxis(wavelengths: wavelengths), curve).fill(pixels)
    return pixels.values
  }

  /// Against the usual system of second derivatives, by elimination of a full matrix.
  @Test func naturalSpline() throws {
    let places: [Double] = [0, 1, 2.5, 3, 5, 6, 7.5, 9]
    let known = [0, 1, 3, 4, 6, 7]
    var random = CounterRandom(seed: 5)
    let values = places.map { _ in random.uniform() }
    let (x, y) = (known.map { places[$0] }, known.map { values[$0] })
    let inner = x.count - 2
    let system = Matrix<Double>(rows: inner, columns: inner) { i, j in
      i == j ? (x[i + 2] - x[i]) / 3 : abs(i - j) == 1 ? (x[max(i, j) + 1] - x[max(i, j)]) / 6 : 0
    }
    let right = Matrix<Double>(rows: inner, columns: 1) { i, _ in
      (y[i + 2] - y[i + 1]) / (x[i + 2] - x[i + 1]) - (y[i + 1] - y[i]) / (x[i + 1] - x[i])
    }
    let solution = try system.solvedPositiveDefinite(right)
    let second = [0] + (0..<inner).map { solution[$0, 0] } + [0]
    let input = places.indices.map { known.contains($0) ? Float(values[$0]) : .nan }
    let result = filled(input, .spline, wavelengths: places)
    for place in places.indices where !known.contains(place) {
      let i = try #require(x.lastIndex { $0 <= places[place] })
      let h = x[i + 1] - x[i]
      let (a, b) = ((x[i + 1] - places[place]) / h, (places[place] - x[i]) / h)
      let expected =
        a * y[i] + b * y[i + 1] + ((a * a * a - a) * second[i] + (b * b * b - b) * second[i + 1]) * h * h / 6
      #expect(abs(Double(result[place]) - expected) < 1e-5)
    }
  }

  /// Parabolas pass; wavelengths that coincide do no harm.
  @Test func parabolasAndEqualWavelengths() {
    let places: [Double] = [400, 410, 425, 430, 450, 470, 480]
    let values = places.map { Float(0.001 * ($0 - 430) * ($0 - 430) - 0.02 * $0) }
    var input = values
    input[3] = .nan
    #expect(abs(filled(input, .parabolic, wavelengths: places)[3] - values[3]) < 1e-3)
    for curve in SpectralGaps.Curve.allCases {
      let result = filled([1, 2, .nan, 3, 4, 5], curve, wavelengths: [1, 2, 2, 2, 3, 3])
      #expect(result.allSatisfy { $0.isFinite && $0 >= 0 && $0 <= 6 }, "\(curve): \(result)")
      #expect(filled([.nan, 2, .nan], curve, wavelengths: [1, 2, 3]) == [2, 2, 2])
    }
  }

  private func scene(_ spectrum: (_ band: Int, _ pixel: Int) -> Double) -> PixelMatrix {
    let pixels = PixelMatrix(rows: 60, columns: 40)
    for n in 0..<60 { for b in 0..<40 { pixels[n, b] = Float(spectrum(b, n)) } }
    return pixels
  }

  /// Waves are followed by a smooth curve, rough spectra by straight lines or monotone pieces, and few bands by these.
  @Test func choice() {
    let axis = SpectralAxis(wavelengths: (0..<40).map { 400 + 10 * Double($0) })
    let waves = scene { 2 + sin(Double($0) * 0.7 + Double($1)) }
    #expect([.parabolic, .spline].contains(SpectralGaps(axis, choosingFor: waves).curve))
    let steps = scene { b, n in b < 10 + n / 3 ? 1 : 2 }
    #expect([.linear, .monotone].contains(SpectralGaps(axis, choosingFor: steps).curve))
    let few = PixelMatrix(rows: 60, columns: 40)
    for n in 0..<60 { for b in 0..<40 { few[n, b] = b % 6 == 0 ? waves[n, b] : .nan } }
    #expect(SpectralGaps(axis, choosingFor: few).curve == .monotone)
  }

  /// Where whole bands are all that is missing every method fills them the same way, and follows the choice.
  @Test func methodsShareTheCurve() throws {
    let clean = RestorationScene.clean()
    let dead = try RestorationScene.degraded("missing-bands", ["ratio": 0.2], clean)
    let plain = try RestorationScene.restored("spectral-interpolation", [:], dead)
    for name in ["lrmc", "fasthyin"] {
      let result = try RestorationScene.restored(name, [:], dead)
      #expect(RestorationScene.bits(result.scene) == RestorationScene.bits(plain.scene))
      #expect(result.facts["order"] == plain.facts["order"] && result.facts["missingBands"] == 4)
    }
    let order = try #require(plain.facts["order"])
    let same = try RestorationScene.restored("spectral-interpolation", ["order": order], dead)
    #expect(RestorationScene.bits(same.scene) == RestorationScene.bits(plain.scene))
    #expect(throws: CoreError.self) { try Restorers.all.named("spectral-interpolation", ["order": 2.5]) }
  }

  /// A cloud over a slope: the slope goes on beneath it.
  @Test(arguments: ["lrmc", "fasthyin"]) func clouds(_ name: String) throws {
    let (lines, samples, bands) = (40, 40, 12)
    let pixels = PixelMatrix(rows: lines * samples, columns: bands)
    for n in 0..<pixels.rows {
      for b in 0..<bands {
        pixels[n, b] = Float(0.2 + 0.01 * Double(n / samples) * Double(b + 1) / 12 + 0.005 * Double(n % samples))
      }
    }
    let clean = Cube(lines: lines, samples: samples, pixels: pixels)
    let hidden = SyntheticScene.with(clean, pixels.values)
    for n in 0..<pixels.rows where (12..<26).contains(n / samples) && (10..<24).contains(n % samples) {
      for b in 0..<bands { hidden.pixels[n, b] = .nan }
    }
    let result = try RestorationScene.restored(name, [:], hidden).scene.pixels
    var worst: Float = 0
    for i in result.values.indices { worst = max(worst, abs(result.values[i] - pixels.values[i])) }
    #expect(worst < 0.01, "\(name): \(worst)")
  }
}
