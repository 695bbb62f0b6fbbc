import Foundation
import HSICore
import Testing

@testable import HSIRestoration

/// What was removed, judged against plain double-precision sums and closed forms.
@Suite struct ResidualDiagnosticsTests {
  private let context = RunContext()

  /// `scene + residual(line, sample, band)`.
  private func adding(_ scene: Cube, _ residual: (Int, Int, Int) -> Double) -> Cube {
    let (samples, bands) = (scene.shape.samples, scene.shape.bands)
    var values = scene.pixels.values
    for i in values.indices {
      let place = Int(scene.positions[i / bands])
      values[i] += Float(residual(place / samples, place % samples, i % bands))
    }
    return SyntheticScene.with(scene, values)
  }

  @Test func whiteNoiseIsWhite() throws {
    let clean = SyntheticScene.clean()
    let noisy = SyntheticScene.noisy(clean, sigma: 0.05)
    let found = try ResidualDiagnostics(noisy: noisy, restored: clean, context)
    let error = 1 / Double(clean.count).squareRoot()
    for b in 0..<clean.shape.bands {
      #expect(abs(found.rms[b] - 0.05) < 5 * 0.05 * error)
      #expect(abs(try #require(found.spatialCorrelation[b])) < 5 * error)
      if b + 1 < clean.shape.bands { #expect(abs(try #require(found.spectralCorrelation[b])) < 5 * error) }
    }
    #expect(found.spectralCorrelation.last == .some(nil))
    #expect(abs(found.totalRms - 0.05) < 0.001)
    // Noise of 0.06 of which 0.05 was removed leaves 0.033.
    #expect(
      abs(found.noiseLeft(before: 0.06, band: 0) - (0.06 * 0.06 - found.rms[0] * found.rms[0]).squareRoot())
        < 1e-12)
    #expect(found.noiseLeft(before: 0.01, band: 0) == 0)
  }

  /// A stripe pattern alternates along a line and repeats down the columns: correlations −1 and 1, together near 0;
  /// checkers give −1, and bands with the same pattern 1.
  @Test func patternsAreSeen() throws {
    let clean = SyntheticScene.clean(lines: 16, samples: 16, bands: 4)
    let checkers = adding(clean) { l, s, b in ((l + s) % 2 == 0 ? 0.1 : -0.1) * (b == 3 ? 0 : 1) }
    let found = try ResidualDiagnostics(noisy: checkers, restored: clean, context)
    #expect(abs(try #require(found.spatialCorrelation[0]) + 1) < 1e-5)
    #expect(abs(try #require(found.spectralCorrelation[0]) - 1) < 1e-5)
    #expect(found.spatialCorrelation[3] == nil && found.spectralCorrelation[2] == nil)
    let stripes = adding(clean) { _, s, _ in s % 2 == 0 ? 0.1 : -0.1 }
    let along = try ResidualDiagnostics(noisy: stripes, restored: clean, context)
    #expect(abs(try #require(along.spatialCorrelation[1])) < 1e-5)
  }

  /// Missing pixels, any values: as plain sums say.
  @Test func agreesWithPlainSums() throws {
    let clean = SyntheticScene.dropping(SyntheticScene.clean(lines: 90, samples: 70, bands: 5)) {
      $0 % 7 == 3
    }
    let noisy = adding(clean) { l, s, b in
      0.1 * sin(0.3 * Double(l) + 0.2 * Double(s * b)) + 0.02 * Double(b) + 0.01 * cos(Double(l * s))
    }
    let found = try ResidualDiagnostics(noisy: noisy, restored: clean, context)
    let samples = clean.shape.samples
    var rows: [Int: Int] = [:]
    for (row, place) in clean.positions.enumerated() { rows[Int(place)] = row }
    for b in 0..<5 {
      func r(_ row: Int, _ band: Int) -> Double {
        Double(noisy.pixels[row, band]) - Double(clean.pixels[row, band])
      }
      let n = Double(clean.count)
      func mean(_ band: Int) -> Double { (0..<clean.count).reduce(0) { $0 + r($1, band) } / n }
      let m = mean(b)
      let variance = (0..<clean.count).reduce(0) { $0 + pow(r($1, b) - m, 2) } / n
      var (sum, pairs) = (0.0, 0.0)
      for (place, row) in rows {
        for next in [place % samples + 1 < samples ? place + 1 : -1, place + samples] {
          guard let other = rows[next] else { continue }
          sum += (r(row, b) - m) * (r(other, b) - m)
          pairs += 1
        }
      }
      #expect(abs(try #require(found.spatialCorrelation[b]) - sum / pairs / variance) < 1e-9)
      guard b < 4 else { continue }
      let m2 = mean(b + 1)
      let variance2 = (0..<clean.count).reduce(0) { $0 + pow(r($1, b + 1) - m2, 2) } / n
      let covariance = (0..<clean.count).reduce(0) { $0 + (r($1, b) - m) * (r($1, b + 1) - m2) } / n
      let expected = covariance / (variance * variance2).squareRoot()
      #expect(abs(try #require(found.spectralCorrelation[b]) - expected) < 1e-9)
    }
    let first = (0..<5).reduce(0.0) { $0 + pow(Double(noisy.pixels[0, $1]) - Double(clean.pixels[0, $1]), 2) }
    #expect(abs(Double(found.pixelRms[0]) - (first / 5).squareRoot()) < 1e-7)
  }

  @Test func nothingRemovedAndMissingValues() throws {
    let clean = SyntheticScene.clean(lines: 6, samples: 5, bands: 3)
    let same = try ResidualDiagnostics(noisy: clean, restored: clean, context)
    #expect(same.totalRms == 0 && same.meanSpatialCorrelation == nil && same.meanSpectralCorrelation == nil)
    var values = SyntheticScene.noisy(clean, sigma: 0.1).pixels.values
    values[3 * 7 + 1] = .nan
    let found = try ResidualDiagnostics(noisy: SyntheticScene.with(clean, values), restored: clean, context)
    #expect(found.rms.allSatisfy(\.isFinite) && found.pixelRms[7].isNaN && found.totalRms.isFinite)
    #expect(throws: RestorationError.self) {
      _ = try ResidualDiagnostics(
        noisy: clean, restored: SyntheticScene.clean(lines: 5, samples: 6, bands: 3), context)
    }
  }

  /// Pixels from dark to bright, spread over the image, the same at every call.
  @Test func shownPixels() {
    let scene = SyntheticScene.noisy(SyntheticScene.clean(), sigma: 0.02)
    let chosen = ShownPixels.choose(scene)
    #expect(chosen.count == 4 && chosen == ShownPixels.choose(scene))
    func brightness(_ row: Int) -> Float { scene.pixels.row(row).reduce(0, +) }
    #expect(zip(chosen, chosen.dropFirst()).allSatisfy { brightness($0.row) < brightness($1.row) })
    for (choice, quantile) in zip(chosen, [0.1, 0.4, 0.7, 0.95]) {
      #expect(abs(choice.brightness - quantile) < 0.02)
    }
    #expect(ShownPixels.choose(SyntheticScene.clean(lines: 1, samples: 1, bands: 2)).count == 1)
    #expect(ShownPixels.choose(SyntheticScene.dropping(scene) { _ in true }).isEmpty)
  }
}
