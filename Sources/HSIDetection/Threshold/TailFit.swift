import Foundation

/// The upper tail of the scores of a background, and the threshold that it exceeds at a stated rate.
///
/// Beyond the 90th percentile u the logarithm of the survival function is a power of the distance from the median m,
///
///     P(score > x) = p_u exp(−β (r^γ − 1) / γ),   r = (x − m) / (u − m):
///
/// γ is 2 for a normal background, 1 for an exponential one, and the tail a power law with the exponent β as γ goes to 0. β and γ maximise the
/// likelihood of the scores in cells of equal numbers. The highest thousandth of the scores enters by its number, not by its values, for
/// targets are there; scores that not even one pixel of such a background would reach are left out, and the rest is fitted anew, until none
/// is left. The rate holds where few of a thousand pixels are targets; where more are, the threshold is too high rather than too low.
public struct TailFit: Sendable, Hashable {
  /// m, the median of the scores.
  public let middle: Double
  /// u, the score where the tail begins.
  public let start: Double
  /// Share of the scores above it, p_u.
  public let share: Double
  /// γ.
  public let exponent: Double
  /// β.
  public let slope: Double

  /// Fewest scores that a tail is fitted to.
  public static let least = 1000
  private static let tail = 0.1
  private static let censored = 0.001

  /// A tail of known numbers.
  public init(middle: Double, start: Double, share: Double, exponent: Double, slope: Double) {
    (self.middle, self.start, self.share) = (middle, start, share)
    (self.exponent, self.slope) = (exponent, slope)
  }

  /// Rounds of leaving out.
  private static let rounds = 8

  /// The tail of scores; nil where there are too few, or they hardly differ.
  public init?(_ scores: ScoreHistogram) {
    var bins = scores.bins
    guard var fit = TailFit(bins, middle: scores.quantile(0.5)) else { return nil }
    for _ in 0..<TailFit.rounds {
      let total = bins.reduce(0) { $0 + $1.count }
      let limit = fit.threshold(rate: 0.5 / Double(total))
      let kept = bins.filter { $0.value <= limit }
      guard kept.count < bins.count, let next = TailFit(kept, middle: fit.middle) else { break }
      (bins, fit) = (kept, next)
    }
    self = fit
  }

  /// The tail of scores in bins, all of which are taken for background.
  private init?(_ bins: [(value: Double, count: Int)], middle: Double) {
    let total = bins.reduce(0) { $0 + $1.count }
    guard total >= TailFit.least else { return nil }
    // u: the lowest bin of which at most a tenth of the scores lie above.
    var (above, index) = (0, bins.count)
    while index > 0, Double(above + bins[index - 1].count) <= TailFit.tail * Double(total) {
      index -= 1
      above += bins[index].count
    }
    guard index > 0, Double(above) >= 0.2 * TailFit.tail * Double(total) else { return nil }
    let begin = bins[index - 1].value
    // The highest ones are counted only.
    let hidden = max(1, Int(clamping: TailFit.censored * Double(total)))
    var (high, end) = (0, bins.count)
    while end > index + 1, high + bins[end - 1].count <= hidden {
      end -= 1
      high += bins[end].count
    }
    let kept = Array(bins[index..<end])
    guard kept.count >= 8, let last = kept.last, last.value > begin, begin > middle else { return nil }
    let per = max(1, kept.reduce(0) { $0 + $1.count } / 200)
    var cells: [Cell] = []
    var gathered = 0
    for (i, bin) in kept.enumerated() {
      gathered += bin.count
      guard gathered >= per || i == kept.count - 1 else { continue }
      let next = i + 1 < kept.count ? kept[i + 1].value : last.value
      cells.append(Cell(ratio: ((bin.value + next) / 2 - middle) / (begin - middle), count: gathered))
      gathered = 0
    }
    guard let fit = TailFit.likeliest(cells, hidden: high) else { return nil }
    self.init(
      middle: middle, start: begin, share: Double(above) / Double(total), exponent: fit.exponent, slope: fit.slope)
  }

  /// Share of the scores above a value; that of the tail for values before it.
  public func exceedance(_ score: Double) -> Double {
    guard score > start else { return share }
    return share * exp(-TailFit.decay((score - middle) / (start - middle), exponent, slope))
  }

  /// The score that a share of the background exceeds, for shares up to that of the tail.
  public func threshold(rate: Double) -> Double {
    let decay = -log(min(rate / share, 1)) / slope
    let ratio = exponent < 1e-6 ? exp(decay) : pow(1 + exponent * decay, 1 / exponent)
    return middle + (start - middle) * ratio
  }

  /// Scores up to a distance from the median.
  private struct Cell {
    var ratio: Double
    var count: Int
  }

  /// −ln(P / p_u).
  private static func decay(_ ratio: Double, _ exponent: Double, _ slope: Double) -> Double {
    slope * (exponent < 1e-6 ? log(ratio) : (pow(ratio, exponent) - 1) / exponent)
  }

  /// The exponent and slope of the highest likelihood; for every exponent the slope by a golden section.
  private static func likeliest(_ cells: [Cell], hidden: Int) -> (exponent: Double, slope: Double)? {
    /// The likelihood on places `g(r)` on which the tail is exponential.
    func best(_ exponent: Double) -> (loss: Double, slope: Double) {
      let places = cells.map { decay($0.ratio, exponent, 1) }
      func loss(_ slope: Double) -> Double {
        var (before, sum) = (1.0, 0.0)
        for (cell, place) in zip(cells, places) {
          let after = exp(-slope * place)
          sum -= Double(cell.count) * log(max(before - after, 1e-300))
          before = after
        }
        return sum - Double(hidden) * log(max(before, 1e-300))
      }
      let mean = zip(cells, places).reduce(0) { $0 + Double($1.0.count) * $1.1 }
      let typical = Double(max(cells.reduce(0) { $0 + $1.count }, 1)) / max(mean, 1e-300)
      var (low, high) = (log(typical / 30), log(typical * 30))
      let golden = (5.0.squareRoot() - 1) / 2
      var (a, b) = (high - golden * (high - low), low + golden * (high - low))
      var (fa, fb) = (loss(exp(a)), loss(exp(b)))
      for _ in 0..<32 {
        if fa < fb {
          (high, b, fb) = (b, a, fa)
          a = high - golden * (high - low)
          fa = loss(exp(a))
        } else {
          (low, a, fa) = (a, b, fb)
          b = low + golden * (high - low)
          fb = loss(exp(b))
        }
      }
      return fa < fb ? (fa, exp(a)) : (fb, exp(b))
    }
    var winner = (loss: Double.infinity, exponent: 1.0, slope: 1.0)
    func consider(_ exponent: Double) {
      let found = best(exponent)
      if found.loss < winner.loss { winner = (found.loss, exponent, found.slope) }
    }
    for step in 0...20 { consider(Double(step) / 5) }
    let around = winner.exponent
    for step in -4...4 where step != 0 && around + Double(step) / 25 >= 0 { consider(around + Double(step) / 25) }
    return winner.loss.isFinite && winner.slope > 0 ? (winner.exponent, winner.slope) : nil
  }
}
