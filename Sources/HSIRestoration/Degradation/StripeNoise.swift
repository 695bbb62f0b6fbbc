import HSICore

/// Columns of a band that are darker or brighter by a constant.
public struct StripeNoise: Hashable, Sendable {
  /// A column, 0-based, and what is subtracted from it in the scale of [0, 1].
  public struct Stripe: Hashable, Sendable {
    /// 0-based sample.
    public let column: Int
    /// Subtracted from every pixel of the column.
    public let offset: Double
  }

  /// Different columns, ascending.
  public let stripes: [Stripe]

  /// Draws n columns, n uniform in [⌊0.05 W⌋, ⌊0.15 W⌋), and for each a constant from U(−0.25, 0.25). Below 7 samples
  /// the interval is empty: n is then ⌊0.05 W⌋ = 0, as it may be up to 19 samples.
  init(seed: UInt64, band: Int, samples: Int) {
    var random = NoiseStream.stripes.random(seed, band: band)
    let (low, high) = (samples / 20, samples * 3 / 20)
    let count = low + (high > low ? random.index(below: high - low) : 0)
    let columns = random.distinct(count, below: samples).sorted()
    stripes = columns.map { Stripe(column: $0, offset: random.uniform(-0.25, 0.25)) }
  }
}
