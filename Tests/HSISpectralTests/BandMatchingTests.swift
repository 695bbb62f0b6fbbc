import HSICore
import HSINumerics
import Testing

@testable import HSISpectral

@Suite struct BandMatchingTests {
  private let model = SpectralAxis(
    wavelengths: (0..<20).map { 500 + 10 * Double($0) }, fwhm: [Double](repeating: 10, count: 20))

  @Test func bandsArePickedWhateverTheirOrder() throws {
    // The scene runs backwards and has more bands on either side, one of them bad.
    let wavelengths = (0..<30).map { 740 - 10 * Double($0) + 0.05 }
    var scene = SpectralAxis(wavelengths: wavelengths, fwhm: [Double](repeating: 10, count: 30))
    guard case .same(let bands) = BandMatching.match(scene, to: model) else { throw Mismatch() }
    #expect(bands == (0..<20).map { 24 - $0 })
    // Without one of them, its neighbours stand in.
    scene.good[20] = false
    guard case .resampled(let used, _) = BandMatching.match(scene, to: model) else { throw Mismatch() }
    #expect(!used.contains(20) && used.count == 29)
  }

  /// Resampling a straight line gives the straight line.
  @Test func weightsResample() throws {
    let wavelengths = (0..<80).map { 480 + 3.1 * Double($0) }
    let scene = SpectralAxis(wavelengths: wavelengths, fwhm: [Double](repeating: 3.1, count: 80))
    let match = BandMatching.match(scene, to: model)
    guard case .resampled(let bands, let weights) = match else { throw Mismatch() }
    #expect(bands == Array(0..<80))
    let pixels = PixelMatrix(rows: 6, columns: 80)
    for n in 0..<6 { for b in 0..<80 { pixels[n, b] = Float(Double(n) + 0.01 * wavelengths[b]) } }
    let source = ResampledSource(Cube(lines: 2, samples: 3, pixels: pixels), weights: weights, axis: model)
    let result = try source.load(RunContext())
    #expect(result.shape == CubeShape(lines: 2, samples: 3, bands: 20) && result.metadata.axis == model)
    for n in 0..<6 {
      for b in 0..<20 { #expect(abs(Double(result.pixels[n, b]) - (Double(n) + 0.01 * (500 + 10 * Double(b)))) < 0.01) }
    }
  }

  @Test func otherRangesAreImpossible() {
    for shift in [-100.0, 100, 5000] {
      let scene = SpectralAxis(wavelengths: (0..<20).map { 500 + shift + 10 * Double($0) })
      guard case .impossible(let reason) = BandMatching.match(scene, to: model) else {
        Issue.record("shift \(shift)")
        continue
      }
      #expect(reason.contains("the model was trained on 500–690 nm"))
    }
  }

  @Test func withoutWavelengthsNumbersDecide() {
    var scene = SpectralAxis(count: 24)
    guard case .impossible = BandMatching.match(scene, to: model) else {
      Issue.record("24 bands for 20")
      return
    }
    for band in [0, 5, 6, 23] { scene.good[band] = false }
    guard case .assumed(let bands) = BandMatching.match(scene, to: model) else {
      Issue.record("20 good bands for 20")
      return
    }
    #expect(bands == scene.goodBands)
  }

  private struct Mismatch: Error {}
}
