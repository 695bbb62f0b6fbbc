/// Receiver operating characteristic of scores against truth.
///
/// A pixel is called a target where its score is above a threshold; with the threshold as parameter, the detection rate (share of the
/// targets that are called so) is a curve over the false-alarm rate (share of the background that is). Scores that do not differ by a
/// two-thousandth count as equal (`ScoreHistogram`).
///
/// ```swift
/// let roc = ROC(targets: scoresOfTargets, background: scoresOfBackground)
/// print(roc.area, roc.partialArea(below: 0.01), roc.detection(atFalseAlarm: 1e-3))
/// ```
public struct ROC: Sendable {
  /// Target pixels and background pixels.
  public let targets: Int
  public let background: Int
  /// The curve from (0, 0) to (1, 1), false-alarm rates ascending.
  public let points: [(falseAlarm: Double, detection: Double)]

  /// The curve of two sets of scores, of which high ones speak for a target.
  public init(targets: ScoreHistogram, background: ScoreHistogram) {
    self.targets = targets.total
    self.background = background.total
    var (hits, alarms) = (0, 0)
    var points = [(falseAlarm: 0.0, detection: 0.0)]
    for bin in ScoreHistogram.descending(targets, background) {
      hits += bin.a
      alarms += bin.b
      points.append(
        (Double(alarms) / Double(max(background.total, 1)), Double(hits) / Double(max(targets.total, 1))))
    }
    self.points = points
  }

  /// Area under the curve (AUC), from 0 to 1; 0.5 for scores that tell nothing.
  public var area: Double { area(below: 1) }

  /// Area under the curve up to a false-alarm rate, divided by that rate: 1 where all targets are found before.
  public func partialArea(below rate: Double) -> Double { rate > 0 ? area(below: rate) / rate : 0 }

  private func area(below rate: Double) -> Double {
    var sum = 0.0
    for (a, b) in zip(points, points.dropFirst()) where a.falseAlarm < rate {
      let end = min(b.falseAlarm, rate)
      let width = b.falseAlarm - a.falseAlarm
      guard width > 0 else { continue }
      let top = a.detection + (b.detection - a.detection) * (end - a.falseAlarm) / width
      sum += (end - a.falseAlarm) * (a.detection + top) / 2
    }
    return sum
  }

  /// Detection rate at a false-alarm rate, linear between points.
  public func detection(atFalseAlarm rate: Double) -> Double {
    var best = 0.0
    for (a, b) in zip(points, points.dropFirst()) {
      if a.falseAlarm <= rate { best = max(best, a.detection) }
      if b.falseAlarm <= rate {
        best = max(best, b.detection)
      } else if a.falseAlarm <= rate, b.falseAlarm > a.falseAlarm {
        best = max(
          best, a.detection + (b.detection - a.detection) * (rate - a.falseAlarm) / (b.falseAlarm - a.falseAlarm))
      }
    }
    return best
  }

  /// The curve with at most some points, evenly along it, for pictures and reports.
  public func thinned(to count: Int) -> [(falseAlarm: Double, detection: Double)] {
    guard points.count > count else { return points }
    var kept: [(falseAlarm: Double, detection: Double)] = [points[0]]
    let step = Double(points.count - 1) / Double(count - 1)
    for i in 1..<count { kept.append(points[min(points.count - 1, Int(clamping: (Double(i) * step).rounded()))]) }
    return kept
  }
}
