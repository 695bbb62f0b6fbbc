import HSICore

/// Columns of a band that are 0.
public struct DeadlineNoise: Hashable, Sendable {
  /// Different columns, 0-based, ascending.
  public let columns: [Int]

  /// Draws n columns, n uniform in [⌈0.05 W⌉, ⌈0.15 W⌉). Below 7 samples the interval is empty: n is then 1.
  init(seed: UInt64, band: Int, samples: Int) {
    var random = NoiseStream.deadlines.random(seed, band: band)
    let (low, high) = ((samples + 19) / 20, (samples * 3 + 19) / 20)
    let count = low + (high > low ? random.index(below: high - low) : 0)
    columns = random.distinct(count, below: samples).sorted()
  }
}
