import Foundation

/// Counts of scores in bins whose width is a two-thousandth of the value: quantiles, tails and ROC curves of a scene of any size in
/// 8 MB. Merges exactly; the order of scores does not matter. NaN does not count.
public final class ScoreHistogram {
  /// Bits of a single-precision number that tell bins apart: sign, exponent, and this many of the mantissa.
  private static let drop: UInt32 = 12
  private var counts: [Int]
  /// Number of scores.
  public private(set) var total = 0
  /// Smallest and largest score; NaN before the first one.
  public private(set) var minimum = Float.nan
  public private(set) var maximum = Float.nan

  /// No scores.
  public init() { counts = [Int](repeating: 0, count: 1 << (32 - Int(ScoreHistogram.drop))) }

  /// The bin of a score: the order of bins is that of numbers.
  private static func bin(_ value: Float) -> Int {
    let bits = (value == 0 ? 0 : value).bitPattern
    let ordered = bits & 0x8000_0000 == 0 ? bits | 0x8000_0000 : ~bits
    return Int(ordered >> drop)
  }

  /// The middle of a bin.
  private static func middle(_ bin: Int) -> Double {
    func value(_ ordered: UInt32) -> Double {
      Double(Float(bitPattern: ordered & 0x8000_0000 == 0 ? ~ordered : ordered & 0x7FFF_FFFF))
    }
    let low = UInt32(truncatingIfNeeded: bin) << drop
    return (value(low) + value(low | (1 << drop - 1))) / 2
  }

  /// Counts a score.
  public func add(_ score: Float) {
    guard !score.isNaN else { return }
    counts[ScoreHistogram.bin(score)] += 1
    total += 1
    minimum = minimum.isNaN ? score : min(minimum, score)
    maximum = maximum.isNaN ? score : max(maximum, score)
  }

  /// Adds the counts of another one.
  public func merge(_ other: ScoreHistogram) {
    guard other.total > 0 else { return }
    for i in counts.indices { counts[i] += other.counts[i] }
    total += other.total
    minimum = minimum.isNaN ? other.minimum : min(minimum, other.minimum)
    maximum = maximum.isNaN ? other.maximum : max(maximum, other.maximum)
  }

  /// The scores in ascending order, as bins that hold any.
  public var bins: [(value: Double, count: Int)] {
    counts.indices.compactMap { i in
      guard counts[i] > 0 else { return nil }
      let middle = min(max(ScoreHistogram.middle(i), Double(minimum)), Double(maximum))
      return (middle, counts[i])
    }
  }

  /// The score below which a share of all lies.
  ///
  /// - Parameter share: from 0 to 1; NaN comes out where there are no scores.
  public func quantile(_ share: Double) -> Double {
    guard total > 0 else { return .nan }
    let wanted = max(1, min(total, Int(clamping: (share * Double(total)).rounded(.up))))
    var seen = 0
    for bin in bins {
      seen += bin.count
      if seen >= wanted { return bin.value }
    }
    return Double(maximum)
  }

  /// Bins of two histograms side by side, from the highest score to the lowest.
  static func descending(_ a: ScoreHistogram, _ b: ScoreHistogram) -> [(value: Double, a: Int, b: Int)] {
    (0..<a.counts.count).reversed().compactMap { i in
      let (x, y) = (a.counts[i], b.counts[i])
      return x + y > 0 ? (middle(i), x, y) : nil
    }
  }
}
