import Foundation

/// Counts of values in equal bins, drawn as bars.
public struct Histogram: Sendable {
  /// Lower end of the first and upper end of the last bin.
  public let range: ClosedRange<Double>
  /// Values in each bin; the last bin includes its upper end.
  public let counts: [Int]

  /// Counts the finite values that lie in `range` (by default from the smallest to the largest).
  public init(_ values: some Sequence<Float>, bins: Int = 50, range: ClosedRange<Double>? = nil) {
    let finite = values.lazy.filter(\.isFinite).map(Double.init)
    let low = range?.lowerBound ?? finite.min() ?? 0
    let high = range?.upperBound ?? finite.max() ?? 1
    let width = high > low ? high - low : 1
    var counts = [Int](repeating: 0, count: max(1, bins))
    for value in finite where value >= low && value <= low + width {
      counts[min(counts.count - 1, Int(clamping: (value - low) / width * Double(counts.count)))] += 1
    }
    self.range = low...(low + width)
    self.counts = counts
  }

  /// The histogram as a step curve.
  public func chart(title: String, summary: String, xLabel: String, colour: Colour) -> LineChart {
    let width = (range.upperBound - range.lowerBound) / Double(counts.count)
    var (x, y): ([Double], [Double]) = ([range.lowerBound], [0])
    for (i, count) in counts.enumerated() {
      let left = range.lowerBound + Double(i) * width
      x += [left, left + width]
      y += [Double(count), Double(count)]
    }
    x.append(range.upperBound)
    y.append(0)
    return LineChart(
      title: title, summary: summary, xLabel: xLabel, yLabel: "Pixels",
      series: [.init(name: "", colour: colour, x: x, y: y)])
  }
}
