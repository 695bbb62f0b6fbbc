import Foundation

/// The upper tail of the scores of a background, and the threshold that it exceeds at a stated rate.
///
/// Excesses over the 95th percentile u follow a generalised Pareto distribution,
///
///     P(score > u + e) = p_u (1 + ξ e / σ)^(−1/ξ),
///
/// whose shape ξ and scale σ maximise the likelihood of the excesses in bins. The highest thousandth of the scores enters only by its
/// number, not by its values: targets are there. The rate holds for backgrounds of which fewer than about a hundredth of the pixels are
/// targets. Source: Pickands, Ann. Stat. 3(1), 1975; for detectors: Broadwater, Chellappa, IEEE TGRS 48(7), 2010.
public struct TailFit: Sendable, Hashable {
  /// u, the score where the tail begins.
  public let start: Double
  /// Share of the scores above it, p_u.
  public let share: Double
  /// ξ: 0 for an exponential tail, above for a heavy one, below for one that ends.
  public let shape: Double
  /// σ, in units of scores.
  public let scale: Double
  /// Scores in the tail.
  public let count: Int

  /// Fewest scores in a tail that is fitted.
  public static let least = 50
  private static let tail = 0.05
  private static let censored = 0.001

  /// The tail of scores; nil where there are too few, or they do not differ.
  public init?(_ scores: ScoreHistogram) {
    let bins = scores.bins
    let total = scores.total
    guard Double(total) * TailFit.tail >= Double(TailFit.least) else { return nil }
    // u: the lowest bin of which at most 5 % of the scores lie above.
    var (above, index) = (0, bins.count)
    while index > 0, Double(above + bins[index - 1].count) <= TailFit.tail * Double(total) {
      index -= 1
      above += bins[index].count
    }
    guard above >= TailFit.least / 2, index > 0 else { return nil }
    let begin = bins[index - 1].value
    // The highest ones are counted only.
    let hidden = max(1, Int(clamping: TailFit.censored * Double(total)))
    var (high, end) = (0, bins.count)
    while end > index + 1, high + bins[end - 1].count <= hidden {
      end -= 1
      high += bins[end].count
    }
    let kept = Array(bins[index..<end])
    guard kept.count >= 8, let last = kept.last, last.value > begin else { return nil }
    // Some two hundred cells of about equal numbers.
    let inside = kept.reduce(0) { $0 + $1.count }
    let per = max(1, inside / 200)
    var cells: [(edge: Double, count: Int)] = []
    var gathered = 0
    for (i, bin) in kept.enumerated() {
      gathered += bin.count
      guard gathered >= per || i == kept.count - 1 else { continue }
      let next = i + 1 < kept.count ? kept[i + 1].value : last.value
      cells.append(((bin.value + next) / 2 - begin, gathered))
      gathered = 0
    }
    guard let fit = TailFit.likeliest(cells, hidden: high) else { return nil }
    (start, share, count) = (begin, Double(above) / Double(total), above)
    (shape, scale) = fit
  }

  /// Share of the scores above a value.
  public func exceedance(_ score: Double) -> Double {
    guard score > start else { return share }
    return share * TailFit.survival(score - start, shape, scale)
  }

  /// The score that a share of the background exceeds, for shares up to that of the tail.
  public func threshold(rate: Double) -> Double {
    let part = min(rate / share, 1)
    return start + (abs(shape) < 1e-9 ? -scale * log(part) : scale * (pow(part, -shape) - 1) / shape)
  }

  private static func survival(_ excess: Double, _ shape: Double, _ scale: Double) -> Double {
    if abs(shape) < 1e-9 { return exp(-excess / scale) }
    let base = 1 + shape * excess / scale
    return base > 0 ? pow(base, -1 / shape) : 0
  }

  /// Shape and scale of the highest likelihood; for every shape the scale by a golden section.
  private static func likeliest(_ cells: [(edge: Double, count: Int)], hidden: Int) -> (Double, Double)? {
    guard let last = cells.last?.edge, last > 0 else { return nil }
    let number = cells.reduce(0) { $0 + $1.count } + hidden
    let mean = cells.reduce(0) { $0 + $1.edge * Double($1.count) } / Double(max(number - hidden, 1))
    func loss(_ shape: Double, _ scale: Double) -> Double {
      var (before, sum) = (1.0, 0.0)
      for cell in cells {
        let after = survival(cell.edge, shape, scale)
        sum -= Double(cell.count) * log(max(before - after, 1e-300))
        before = after
      }
      return sum - Double(hidden) * log(max(before, 1e-300))
    }
    func best(_ shape: Double) -> (loss: Double, scale: Double) {
      var (low, high) = (log(mean / 20), log(mean * 20))
      let ratio = (5.0.squareRoot() - 1) / 2
      var (a, b) = (high - ratio * (high - low), low + ratio * (high - low))
      var (fa, fb) = (loss(shape, exp(a)), loss(shape, exp(b)))
      for _ in 0..<30 {
        if fa < fb {
          (high, b, fb) = (b, a, fa)
          a = high - ratio * (high - low)
          fa = loss(shape, exp(a))
        } else {
          (low, a, fa) = (a, b, fb)
          b = low + ratio * (high - low)
          fb = loss(shape, exp(b))
        }
      }
      return fa < fb ? (fa, exp(a)) : (fb, exp(b))
    }
    var winner = (loss: Double.infinity, shape: 0.0, scale: mean)
    for step in -10...20 {
      let shape = Double(step) / 20
      let found = best(shape)
      if found.loss < winner.loss { winner = (found.loss, shape, found.scale) }
    }
    for step in -4...4 where step != 0 {
      let shape = winner.shape + Double(step) / 100
      let found = best(shape)
      if found.loss < winner.loss { winner = (found.loss, shape, found.scale) }
    }
    return winner.loss.isFinite ? (winner.shape, winner.scale) : nil
  }
}
