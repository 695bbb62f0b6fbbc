import Foundation
import HSICore
import HSINumerics

/// Bands of another instrument by Gaussian response functions, as published cross-sensor evaluations simulate them.
///
///     w_b,i = exp(−½ ((λ_i − c_b) / σ_b)²),   σ = FWHM / 2.355
///
/// Weights below 10⁻³ are zero, those of a band add up to 1. Neither widths nor spacings of the source count, as they do in
/// `SpectralResampling`, which is the better guess of what an instrument sees.
public enum GaussianResponse {
  /// Weights below this are zero.
  public static let floor = 1e-3

  /// Weights, bands of the source × bands of the target.
  ///
  /// - Parameters:
  ///   - source: centres of the source in nm.
  ///   - target: centres of the target in nm.
  ///   - fwhm: full widths at half maximum of the target in nm, one per band, above 0.
  /// - Throws: `SpectralError.inconsistent` where a band of the target has no band of the source in its reach, or for widths that are
  ///   none.
  public static func weights(
    from source: [Double], to target: [Double], fwhm: [Double], named name: String = "bands"
  ) throws -> Matrix<Double> {
    guard fwhm.count == target.count, fwhm.allSatisfy({ $0 > 0 && $0.isFinite }) else {
      throw SpectralError.inconsistent(
        name: name, reason: "\(target.count) bands need as many widths above 0", advice: "check their table")
    }
    var weights = Matrix<Double>(rows: source.count, columns: target.count)
    for (band, (centre, width)) in zip(target, fwhm).enumerated() {
      let deviation = width / 2.355
      var total = 0.0
      for (index, wavelength) in source.enumerated() {
        let distance = (wavelength - centre) / deviation
        let weight = exp(-0.5 * distance * distance)
        guard weight >= floor else { continue }
        weights[index, band] = weight
        total += weight
      }
      guard total > 0 else {
        throw SpectralError.inconsistent(
          name: name, reason: "no band of the source reaches the band at \(PlainNumber.rounded(centre)) nm",
          advice: "leave that band out, or choose a source that covers it")
      }
      for index in source.indices { weights[index, band] /= total }
    }
    return weights
  }
}
