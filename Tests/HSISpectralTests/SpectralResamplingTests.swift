import Foundation
import HSICore
import Testing

@testable import HSISpectral

@Suite("Resampling of spectra")
struct SpectralResamplingTests {
  /// A library of 1 nm steps: a Gaussian line, a straight line, a constant.
  private func fine(fwhm: Double? = nil) -> SpectralLibrary {
    let wavelengths = (0...1000).map { 400 + Double($0) }
    let line = wavelengths.map { exp(-pow(($0 - 900) / 20, 2) / 2) }
    let straight = wavelengths.map { 0.001 * $0 }
    let axis = SpectralAxis(wavelengths: wavelengths, fwhm: fwhm.map { [Double](repeating: $0, count: 1001) })
    return SpectralLibrary(
      names: ["line", "straight", "one"], axis: axis,
      values: line + straight + [Double](repeating: 1, count: 1001))
  }

  /// The convolution of Gaussians is known in closed form: variances add, the area stays.
  @Test(arguments: [(nil as Double?, 30.0), (nil, 12), (5, 30), (12, 13)])
  func gaussians(_ own: Double?, _ width: Double) throws {
    let centres = stride(from: 820.0, through: 980, by: 10).map { $0 }
    let scene = SpectralAxis(wavelengths: centres, fwhm: [Double](repeating: width, count: centres.count))
    let result = try SpectralResampling.resample(fine(fwhm: own), to: scene)
    let kernel = (width * width - (own ?? 0) * (own ?? 0)) / (8 * log(2))
    let variance = 400 + kernel
    for (band, centre) in centres.enumerated() {
      let expected = 20 / variance.squareRoot() * exp(-pow(centre - 900, 2) / (2 * variance))
      // Cutting the kernel at 1.5 widths leaves 4e−4 of its area.
      #expect(abs(result.library.values[band] - expected) < 6e-4)
      #expect(abs(result.library.values[centres.count + band] - 0.001 * centre) < 1e-9)
      #expect(abs(result.library.values[2 * centres.count + band] - 1) < 1e-12)
    }
    #expect(result.covered.allSatisfy { $0 })
  }

  @Test func linearWhereTheLibraryIsCoarse() throws {
    let library = SpectralLibrary(
      names: ["a"], axis: SpectralAxis(wavelengths: [600, 400, 500]), values: [3, 1, 2])
    let scene = SpectralAxis(wavelengths: [400, 425, 599, 350, 650], fwhm: [1, 1, 1, 1, 1])
    let result = try SpectralResampling.resample(library, to: scene)
    #expect(abs(result.library.values[0] - 1) < 1e-12 && abs(result.library.values[1] - 1.25) < 1e-12)
    #expect(abs(result.library.values[2] - 2.99) < 1e-12)
    #expect(result.library.values[3].isNaN && result.library.values[4].isNaN, "no extrapolation")
    #expect(result.covered == [true, true, true, false, false])
  }

  @Test func gapsAreNotBridged() throws {
    var library = fine()
    for index in 300..<400 { library.values[index] = .nan }  // 700 to 799 nm of the first spectrum
    let scene = SpectralAxis(wavelengths: [650, 750, 850], fwhm: [10, 10, 10])
    let result = try SpectralResampling.resample(library, to: scene)
    #expect(result.library.values[1].isNaN && !result.library.values[3 + 1].isNaN)
    #expect(result.covered == [true, false, true])
  }

  @Test func identityAndErrors() throws {
    let library = fine()
    let same = try SpectralResampling.resample(library, to: library.axis)
    #expect(same.library.values == library.values)
    #expect(throws: SpectralError.self) {
      try SpectralResampling.resample(library, to: SpectralAxis(wavelengths: [2000, 2100]))
    }
    #expect(throws: SpectralError.self) { try SpectralResampling.resample(library, to: SpectralAxis(count: 7)) }
    #expect(try SpectralResampling.resample(library, to: SpectralAxis(count: 1001)).covered.count == 1001)
  }

  @Test func pruning() {
    // Angles to the first: 0 (a multiple), 45°, 90°; the zero spectrum has none.
    let library = SpectralLibrary(
      names: ["x", "2x", "xy", "y", "0"], axis: SpectralAxis(count: 3),
      values: [1, 0, .nan, 2, 0, 5, 1, 1, .nan, 0, 1, .nan, 0, 0, 0])
    #expect(SpectralResampling.prune(library, minimumAngle: 1) == [0, 2, 3])
    #expect(SpectralResampling.prune(library, minimumAngle: 60) == [0, 3])
    #expect(abs(SpectralDistance.angle(library[0], library[2]) - .pi / 4) < 1e-12)
  }
}
