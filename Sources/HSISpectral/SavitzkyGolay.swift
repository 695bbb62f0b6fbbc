import Foundation
import HSICore
import HSINumerics

/// Smoothing and derivatives of spectra by local polynomials.
///
/// At every band a polynomial is fitted by least squares to the `window` bands around it, at their own wavelengths, and its value (derivative 0)
/// or derivative there is taken; on even spacing these are the coefficients of A. Savitzky and M. J. E. Golay, Analytical Chemistry 36(8),
/// 1964. Windows end at gaps, which are not bridged: a step of more than 2.5 usual ones between good bands. Near ends and gaps the window
/// stands to one side. Derivatives are per nm (per nm² for the second).
///
/// ```swift
/// let slope = try SavitzkyGolay(window: 9, degree: 3, derivative: 1).weights(scene.metadata.axis)
/// ```
public struct SavitzkyGolay: Sendable {
  /// Bands of a window, odd, at least 3.
  public var window: Int
  /// Degree of the polynomials, below `window`.
  public var degree: Int
  /// 0 for smoothing, 1 or 2.
  public var derivative: Int

  /// A filter.
  ///
  /// - Throws: `CoreError.invalidParameter` for an even window, a degree that it cannot determine, or one below the derivative.
  public init(window: Int = 9, degree: Int = 2, derivative: Int = 0) throws {
    guard window >= 3, window % 2 == 1 else {
      throw CoreError.invalidParameter(name: "the window", value: "\(window)", requirement: "an odd number from 3")
    }
    guard (0..<window).contains(degree), degree <= 12 else {
      throw CoreError.invalidParameter(
        name: "the degree", value: "\(degree)", requirement: "from 0 to 12 and below the window of \(window) bands")
    }
    guard (0...2).contains(derivative), derivative <= degree else {
      throw CoreError.invalidParameter(
        name: "the derivative", value: "\(derivative)", requirement: "0, 1 or 2 and at most the degree of \(degree)")
    }
    (self.window, self.degree, self.derivative) = (window, degree, derivative)
  }

  /// The filter as weights, bands × bands: cost L · window · degree².
  ///
  /// Bands whose segment has too few wavelengths for the derivative have NaN in their column.
  ///
  /// - Throws: `SpectralError.inconsistent` for an axis without wavelengths.
  public func weights(_ axis: SpectralAxis) throws -> BandWeights {
    let segments = try BandSegments(axis, purpose: "the filter").segments
    let places = try axis.places(for: "the filter")
    var weights = Matrix<Double>(rows: axis.count, columns: axis.count)
    for band in 0..<axis.count where !axis.good[band] { weights[band, band] = derivative == 0 ? 1 : .nan }
    for segment in segments {
      for (place, band) in segment.enumerated() {
        let width = min(window, segment.count)
        let start = min(max(0, place - window / 2), segment.count - width)
        let near = Array(segment[start..<(start + width)])
        let row = try coefficients(near.map { places[$0] - places[band] })
        for (index, other) in near.enumerated() { weights[other, band] = row[index] }
      }
    }
    return BandWeights(weights, axis: axis)
  }

  /// Weights of points at some distances from where the polynomial is taken.
  private func coefficients(_ distances: [Double]) throws -> [Double] {
    let distinct = Set(distances).count
    let order = min(degree, distinct - 1)
    guard order >= derivative else { return [Double](repeating: .nan, count: distances.count) }
    let scale = distances.reduce(0) { max($0, abs($1)) }
    let unit = scale > 0 ? scale : 1
    let powers = Matrix<Double>(rows: distances.count, columns: order + 1) { pow(distances[$0] / unit, Double($1)) }
    let solution = try powers.pseudoInverse()
    let factor = (derivative == 2 ? 2.0 : 1) / pow(unit, Double(derivative))
    return solution.row(derivative).map { $0 * factor }
  }
}

/// First differences of spectra over wavelength: `(y_{i+1} − y_i) / (λ_{i+1} − λ_i)` at the middle of both, per nm.
///
/// Bands are taken by ascending wavelength; nothing is made of bands at both sides of a gap, or at one wavelength.
public enum SpectralDerivative {
  /// The differences as weights, bands × differences.
  ///
  /// - Throws: `SpectralError.inconsistent` for an axis without wavelengths or without two bands beside each other.
  public static func weights(_ axis: SpectralAxis) throws -> BandWeights {
    let places = try axis.places(for: "a derivative")
    let pairs = try BandSegments(axis, purpose: "a derivative").segments.flatMap { segment in
      zip(segment, segment.dropFirst()).filter { places[$1] > places[$0] }
    }
    guard !pairs.isEmpty else {
      throw SpectralError.inconsistent(
        name: "a derivative", reason: "no two good bands lie beside each other", advice: "use more bands")
    }
    var weights = Matrix<Double>(rows: axis.count, columns: pairs.count)
    for (column, (low, high)) in pairs.enumerated() {
      let step = places[high] - places[low]
      weights[low, column] = -1 / step
      weights[high, column] = 1 / step
    }
    let middle = pairs.map { (places[$0] + places[$1]) / 2 }
    let widths = axis.fwhm.map { all in
      pairs.map { places[$1] - places[$0] + (all[$0] + all[$1]) / 2 }
    }
    return BandWeights(weights, axis: SpectralAxis(wavelengths: middle, fwhm: widths, unit: axis.unit))
  }
}
