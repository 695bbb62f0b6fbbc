/// A counter-based random generator (Philox 4×32, 10 rounds): draw `i` of stream `s` under a seed is a pure function.
///
/// Random numbers therefore do not depend on the order or thread in which they are drawn: give each pixel, band or
/// skewer its own stream. Period 2¹³⁰ per seed in total.
/// Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
public struct CounterRandom: RandomNumberGenerator, Sendable {
  private let key: (UInt32, UInt32)
  private let stream: UInt64
  private var counter: UInt64 = 0
  private var buffer: (UInt64, UInt64) = (0, 0)
  private var available = 0
  private var spareNormal: Double?

  /// The generator of one stream under a seed.
  public init(seed: UInt64, stream: UInt64 = 0) {
    key = (UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
    self.stream = stream
  }

  /// 64 uniform bits.
  public mutating func next() -> UInt64 {
    if available == 0 {
      buffer = CounterRandom.philox(counter: counter, stream: stream, key: key)
      counter += 1
      available = 2
    }
    available -= 1
    return available == 1 ? buffer.0 : buffer.1
  }

  /// Uniform in [0, 1), 53 bits.
  public mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// Uniform in [low, high).
  public mutating func uniform(_ low: Double, _ high: Double) -> Double { low + (high - low) * uniform() }

  /// Standard normal (Box–Muller, both values used).
  public mutating func normal() -> Double {
    if let spare = spareNormal {
      spareNormal = nil
      return spare
    }
    let radius = (-2 * _log(1 - uniform())).squareRoot()
    let angle = 2 * Double.pi * uniform()
    spareNormal = radius * _sin(angle)
    return radius * _cos(angle)
  }

  /// Goes on as if `count` words (`next`, `uniform`) had been drawn, in constant time.
  public mutating func skip(_ count: Int) {
    let kept = min(available, count)
    available -= kept
    counter &+= UInt64((count - kept) / 2)
    if (count - kept) % 2 == 1 { _ = next() }
  }

  /// Goes on as if `count` normal numbers had been drawn, in constant time.
  public mutating func skipNormals(_ count: Int) {
    guard count > 0 else { return }
    var count = count
    if spareNormal != nil {
      spareNormal = nil
      count -= 1
    }
    skip(count / 2 * 2)
    if count % 2 == 1 { _ = normal() }
  }

  /// Uniform in 0..<bound without bias.
  public mutating func index(below bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }

  static func philox(counter: UInt64, stream: UInt64, key: (UInt32, UInt32)) -> (UInt64, UInt64) {
    var c0 = UInt32(truncatingIfNeeded: counter)
    var c1 = UInt32(truncatingIfNeeded: counter >> 32)
    var c2 = UInt32(truncatingIfNeeded: stream)
    var c3 = UInt32(truncatingIfNeeded: stream >> 32)
    var (k0, k1) = key
    for _ in 0..<10 {
      let a = UInt64(0xD251_1F53) * UInt64(c0)
      let b = UInt64(0xCD9E_8D57) * UInt64(c2)
      (c0, c1, c2, c3) = (
        UInt32(b >> 32) ^ c1 ^ k0, UInt32(truncatingIfNeeded: b),
        UInt32(a >> 32) ^ c3 ^ k1, UInt32(truncatingIfNeeded: a)
      )
      k0 = k0 &+ 0x9E37_79B9
      k1 = k1 &+ 0xBB67_AE85
    }
    return (UInt64(c1) << 32 | UInt64(c0), UInt64(c3) << 32 | UInt64(c2))
  }
}

#if canImport(Glibc)
  import Glibc
  private func _log(_ x: Double) -> Double { Glibc.log(x) }
  private func _sin(_ x: Double) -> Double { Glibc.sin(x) }
  private func _cos(_ x: Double) -> Double { Glibc.cos(x) }
#else
  import Foundation
  private func _log(_ x: Double) -> Double { Foundation.log(x) }
  private func _sin(_ x: Double) -> Double { Foundation.sin(x) }
  private func _cos(_ x: Double) -> Double { Foundation.cos(x) }
#endif
