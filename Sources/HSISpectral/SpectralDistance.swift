import Foundation

/// How far two spectra are from each other. Bands where one of them has no finite value are left out.
///
/// ```swift
/// let radians = SpectralDistance.angle(measured, reference)
/// ```
public enum SpectralDistance {
  /// Spectral angle (SAD, SAM) `arccos(⟨a, b⟩ / (‖a‖ ‖b‖))` in radians, the cosine clamped to [−1, 1]; π/2 when one spectrum
  /// is all zero or they share no band. Kruse et al., Remote Sens. Environ. 44, 1993.
  public static func angle(_ a: some Collection<Double>, _ b: some Collection<Double>) -> Double {
    precondition(a.count == b.count)
    var (product, first, second) = (0.0, 0.0, 0.0)
    for (x, y) in zip(a, b) where x.isFinite && y.isFinite {
      product += x * y
      first += x * x
      second += y * y
    }
    guard first > 0, second > 0 else { return .pi / 2 }
    return acos(max(-1, min(1, product / (first.squareRoot() * second.squareRoot()))))
  }

  /// Spectral information divergence (SID) `Σ (p − q) ln(p / q)` of two spectra normalised to sum one; values are
  /// floored at 1e-12 of the sum. Chang, IEEE Trans. Inf. Theory 46(5), 2000.
  public static func informationDivergence(_ a: some Collection<Double>, _ b: some Collection<Double>) -> Double {
    precondition(a.count == b.count)
    let shared = zip(a, b).filter { $0.isFinite && $1.isFinite }
    func normalised(_ x: [Double]) -> [Double] {
      let total = max(x.reduce(0) { $0 + max($1, 0) }, .leastNormalMagnitude)
      let floored = x.map { max($0 / total, 1e-12) }
      let sum = floored.reduce(0, +)
      return floored.map { $0 / sum }
    }
    let (p, q) = (normalised(shared.map(\.0)), normalised(shared.map(\.1)))
    return zip(p, q).reduce(0) { $0 + ($1.0 - $1.1) * log($1.0 / $1.1) }
  }

  /// Root-mean-square difference, in the units of the spectra; 0 when they share no band.
  public static func rootMeanSquare(_ a: some Collection<Double>, _ b: some Collection<Double>) -> Double {
    precondition(a.count == b.count)
    let shared = zip(a, b).filter { $0.isFinite && $1.isFinite }
    return (shared.reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) } / Double(max(shared.count, 1))).squareRoot()
  }
}
