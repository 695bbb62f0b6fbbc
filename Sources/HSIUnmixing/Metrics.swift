import Foundation
import HSICore
import HSINumerics

/// Spectral angle `arccos(⟨a, b⟩ / (‖a‖ ‖b‖))` in radians, the cosine clamped to [−1, 1]; π/2 when one is all zero.
public func spectralAngle(_ a: [Double], _ b: [Double]) -> Double {
  precondition(a.count == b.count)
  var (product, first, second) = (0.0, 0.0, 0.0)
  for i in a.indices {
    product += a[i] * b[i]
    first += a[i] * a[i]
    second += b[i] * b[i]
  }
  guard first > 0, second > 0 else { return Double.pi / 2 }
  return acos(max(-1, min(1, product / (first.squareRoot() * second.squareRoot()))))
}
