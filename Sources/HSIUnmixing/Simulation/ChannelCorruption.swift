import HSICore

/// What can be wrong with a channel.
public enum CorruptionKind: String, Sendable, Codable, CaseIterable {
  /// All zeros.
  case dead
  /// One value everywhere.
  case stuck
  /// Four pixels in ten at a level far above the signal.
  case saturated
  /// A random offset per column, as large as the signal.
  case striped
  /// Additive noise as large as the signal.
  case noisy
  /// Uniform noise in place of the signal.
  case random
}

/// A corrupted channel of a simulated scene.
public struct ChannelCorruption: Hashable, Sendable, Codable {
  /// 0-based index.
  public var band: Int
  /// What is wrong.
  public var kind: CorruptionKind

  /// A corrupted channel.
  public init(band: Int, kind: CorruptionKind) {
    self.band = band
    self.kind = kind
  }

  /// The value of a pixel after corruption.
  ///
  /// - Parameters:
  ///   - value: with ordinary noise.
  ///   - level: root mean square of the band.
  ///   - random: stream of this pixel and band.
  ///   - stripe: standard normal of this column and band.
  func apply(_ value: Double, level: Double, random: inout CounterRandom, stripe: Double) -> Double {
    switch kind {
    case .dead: 0
    case .stuck: level
    case .saturated: random.uniform() < 0.4 ? 2.5 * level : value
    case .striped: value + level * stripe
    case .noisy: value + level * random.normal()
    case .random: random.uniform(0, 2 * level)
    }
  }

  /// `count` distinct bands out of `candidates`, the kinds in turn, sorted by band.
  static func draw(_ count: Int, from candidates: [Int], seed: UInt64) -> [ChannelCorruption] {
    var random = CounterRandom(seed: seed, stream: 1 << 62 + 1)
    var pool = candidates
    var result: [ChannelCorruption] = []
    for i in 0..<min(count, pool.count) {
      let j = i + random.index(below: pool.count - i)
      pool.swapAt(i, j)
      let kinds = CorruptionKind.allCases
      result.append(ChannelCorruption(band: pool[i], kind: kinds[i % kinds.count]))
    }
    return result.sorted { $0.band < $1.band }
  }
}
