import Foundation

/// A chart of curves against one axis, drawn as an SVG element that needs nothing around it: no script, no style
/// sheet, no font file. Title and description are read out by screen readers.
public struct LineChart: Sendable {
  /// How a series is drawn.
  public enum Style: Sendable {
    /// A line, broken at NaN.
    case line
    /// A line in dashes.
    case dashed
    /// A dot on a thin stem from the bottom.
    case stems
  }

  /// One curve.
  public struct Series: Sendable {
    /// Name in the legend; empty for none.
    public var name: String
    /// Colour.
    public var colour: Colour
    /// Places, in drawing order.
    public var x: [Double]
    /// Values; NaN breaks the line.
    public var y: [Double]
    /// How it is drawn.
    public var style: Style

    /// A curve of `x.count` points.
    public init(name: String, colour: Colour, x: [Double], y: [Double], style: Style = .line) {
      precondition(x.count == y.count, "\(x.count) places for \(y.count) values")
      self.name = name
      self.colour = colour
      self.x = x
      self.y = y
      self.style = style
    }
  }

  /// A horizontal line with a label.
  public struct Mark: Sendable {
    public var y: Double
    public var label: String

    /// A mark at `y`.
    public init(y: Double, label: String) {
      self.y = y
      self.label = label
    }
  }

  /// What the chart shows, for screen readers.
  public var title: String
  /// A sentence more.
  public var summary: String
  /// Label of the horizontal axis, with its unit.
  public var xLabel: String
  /// Label of the vertical axis, with its unit.
  public var yLabel: String
  /// The curves.
  public var series: [Series]
  /// Ranges of x behind the curves in grey.
  public var shaded: [ClosedRange<Double>] = []
  /// What the grey means, for the legend.
  public var shadedLabel = ""
  /// Vertical axis in decades; falls back to linear where a value is not positive.
  public var isLogarithmic = false
  /// Horizontal range; by default that of the curves.
  public var xRange: ClosedRange<Double>?
  /// Vertical range; by default that of the values with some room, from 0 where they come near it.
  public var yRange: ClosedRange<Double>?
  /// A threshold.
  public var mark: Mark?

  /// A chart of some curves.
  public init(title: String, summary: String, xLabel: String, yLabel: String, series: [Series]) {
    self.title = title
    self.summary = summary
    self.xLabel = xLabel
    self.yLabel = yLabel
    self.series = series
  }

  /// The chart as an `<svg>` element that scales with the width of the page.
  ///
  /// - Parameters:
  ///   - width: drawing units; text is 13 units high, so this decides how large text looks.
  ///   - height: drawing units of the plot with its axes, the legend comes on top of it.
  ///   - identifier: unique in the page.
  public func svg(width: Double = 860, height: Double = 300, identifier: String) -> String {
    Drawing(chart: self, width: width, height: height, identifier: identifier).text
  }

  static let fontSize = 13.0
  /// Average advance of a character of a sans-serif face, in units of its size.
  static let advance = 0.56

  static func textWidth(_ text: String) -> Double { Double(text.count) * fontSize * advance }
}

/// One rendering of a chart.
private struct Drawing {
  let chart: LineChart
  let width: Double
  let height: Double
  let identifier: String
  let isLogarithmic: Bool
  let x: ClosedRange<Double>
  let y: ClosedRange<Double>
  let xTicks: Ticks
  let yTicks: Ticks
  let legend: Legend
  let left: Double
  let top: Double
  let bottom: Double
  let right: Double

  init(chart: LineChart, width: Double, height: Double, identifier: String) {
    self.chart = chart
    self.width = width
    self.height = height
    self.identifier = identifier
    let ys = chart.series.flatMap(\.y).filter(\.isFinite)
    let xs = chart.series.flatMap(\.x).filter(\.isFinite)
    isLogarithmic = chart.isLogarithmic && !ys.isEmpty && ys.allSatisfy { $0 > 0 }
    let low = xs.min() ?? 0
    let high = xs.max() ?? 1
    x = chart.xRange ?? low...(high > low ? high : low + 1)
    y = chart.yRange ?? Drawing.range(ys, logarithmic: isLogarithmic)
    yTicks =
      isLogarithmic
      ? Ticks.logarithmic(y.lowerBound, y.upperBound)
      : Ticks.linear(y.lowerBound, y.upperBound, count: max(2, Int(clamping: height / 55)))
    xTicks = Ticks.linear(x.lowerBound, x.upperBound, count: max(2, Int(clamping: width / 75)))
    legend = Legend(chart, width: width)
    left = (yTicks.labels.map(LineChart.textWidth).max() ?? 0) + 12
    right = width - 14
    top = legend.height + 28
    bottom = legend.height + height - 42
  }

  static func range(_ values: [Double], logarithmic: Bool) -> ClosedRange<Double> {
    guard var low = values.min(), var high = values.max() else { return 0...1 }
    if logarithmic {
      if high / low < 1.01 { (low, high) = (low / 1.1, high * 1.1) }
      return (low / pow(high / low, 0.04))...(high * pow(high / low, 0.04))
    }
    if high == low {
      let room = high == 0 ? 1 : abs(high) * 0.1
      (low, high) = (low - room, high + room)
    }
    let room = 0.05 * (high - low)
    let fromZero = low >= 0 && low < 0.5 * high
    return (fromZero ? 0 : low - room)...(high + room)
  }

  func place(_ value: Double) -> Double {
    left + (value - x.lowerBound) / (x.upperBound - x.lowerBound) * (right - left)
  }

  func level(_ value: Double) -> Double {
    let fraction =
      isLogarithmic
      ? (log(value) - log(y.lowerBound)) / (log(y.upperBound) - log(y.lowerBound))
      : (value - y.lowerBound) / (y.upperBound - y.lowerBound)
    return bottom - min(max(fraction, -0.1), 1.1) * (bottom - top)
  }

  var text: String {
    let e = Markup.escape
    var s = """
      <svg viewBox="0 0 \(f(width)) \(f(legend.height + height))" role="img" \
      aria-labelledby="\(identifier)-t \(identifier)-d" xmlns="http://www.w3.org/2000/svg" \
      font-family="system-ui, 'Segoe UI', Helvetica, Arial, sans-serif" font-size="\(f(LineChart.fontSize))" \
      fill="#3c4146"><title id="\(identifier)-t">\(e(chart.title))</title>\
      <desc id="\(identifier)-d">\(e(chart.summary))</desc>

      """
    s += legend.text
    for range in chart.shaded {
      let from = max(range.lowerBound, x.lowerBound)
      let to = min(range.upperBound, x.upperBound)
      guard to >= from else { continue }
      let w = max(1.5, place(to) - place(from))
      s += "<rect x=\"\(f(place(from)))\" y=\"\(f(top))\" width=\"\(f(w))\" height=\"\(f(bottom - top))\" "
      s += "fill=\"\(Legend.shade)\"/>\n"
    }
    s += "<g stroke=\"#d9dde1\" stroke-width=\"1\">"
    for value in yTicks.values {
      s += "<path d=\"M\(f(left)) \(f(level(value)))H\(f(right))\"/>"
    }
    s += "</g>\n<g text-anchor=\"end\">"
    for (value, label) in zip(yTicks.values, yTicks.labels) {
      s += "<text x=\"\(f(left - 7))\" y=\"\(f(level(value) + 4.5))\">\(e(label))</text>"
    }
    s += "</g>\n<text x=\"0\" y=\"\(f(top - 12))\" fill=\"#1d2125\">\(e(chart.yLabel))</text>\n"
    s += "<path d=\"M\(f(left)) \(f(bottom))H\(f(right))\" stroke=\"#8a9198\"/>"
    s += "<g text-anchor=\"middle\">"
    for (value, label) in zip(xTicks.values, xTicks.labels) {
      let p = place(value)
      s += "<path d=\"M\(f(p)) \(f(bottom))v5\" stroke=\"#8a9198\"/>"
      let half = LineChart.textWidth(label) / 2
      s += "<text x=\"\(f(min(p, width - half)))\" y=\"\(f(bottom + 19))\">\(e(label))</text>"
    }
    s +=
      "<text x=\"\(f((left + right) / 2))\" y=\"\(f(bottom + 38))\" fill=\"#1d2125\">\(e(chart.xLabel))</text>"
    s += "</g>\n"
    if let mark = chart.mark, y.contains(mark.y) {
      let p = level(mark.y)
      s += "<path d=\"M\(f(left)) \(f(p))H\(f(right))\" stroke=\"#6b7278\" stroke-dasharray=\"5 4\"/>"
      s += "<text x=\"\(f(right))\" y=\"\(f(p - 5))\" text-anchor=\"end\">\(e(mark.label))</text>\n"
    }
    let curves = chart.series.map(curve).joined()
    guard chart.yRange != nil else { return s + curves + "</svg>" }
    s += "<clipPath id=\"\(identifier)-c\"><rect x=\"\(f(left - 3))\" y=\"\(f(top - 3))\" "
    s += "width=\"\(f(right - left + 6))\" height=\"\(f(bottom - top + 6))\"/></clipPath>"
    return s + "<g clip-path=\"url(#\(identifier)-c)\">\n\(curves)</g></svg>"
  }

  func curve(_ series: LineChart.Series) -> String {
    if series.style == .stems { return stems(series) }
    var path = ""
    var runs: [[(Double, Double)]] = [[]]
    for (px, py) in zip(series.x, series.y) {
      if px.isFinite, py.isFinite, !isLogarithmic || py > 0 {
        runs[runs.count - 1].append((place(px), level(py)))
      } else if !(runs[runs.count - 1].isEmpty) {
        runs.append([])
      }
    }
    var single = ""
    for run in runs where !run.isEmpty {
      if run.count == 1 {
        single +=
          "<circle cx=\"\(f(run[0].0))\" cy=\"\(f(run[0].1))\" r=\"1.6\" fill=\"\(series.colour.hex)\"/>"
        continue
      }
      path += "M" + run.map { "\(f($0.0)) \(f($0.1))" }.joined(separator: "L")
    }
    let dash = series.style == .dashed ? " stroke-dasharray=\"7 4\"" : ""
    return "<path d=\"\(path)\" fill=\"none\" stroke=\"\(series.colour.hex)\" stroke-width=\"2\" "
      + "stroke-linejoin=\"round\" stroke-linecap=\"round\"\(dash)/>\(single)\n"
  }

  func stems(_ series: LineChart.Series) -> String {
    var path = ""
    var dots = ""
    for (px, py) in zip(series.x, series.y) where px.isFinite && py.isFinite {
      path += "M\(f(place(px))) \(f(bottom))V\(f(level(py)))"
      dots += "M\(f(place(px))) \(f(level(py)))h0"
    }
    let room = (right - left) / Double(max(1, series.x.count))
    let (stem, dot) = (min(1.2, max(0.3, 0.3 * room)), min(5, max(2.6, 1.6 * room)))
    return "<path d=\"\(path)\" stroke=\"\(series.colour.hex)\" stroke-width=\"\(f(stem))\" opacity=\"0.4\"/>"
      + "<path d=\"\(dots)\" stroke=\"\(series.colour.hex)\" stroke-width=\"\(f(dot))\" stroke-linecap=\"round\"/>\n"
  }
}

/// Names and samples of the curves, in rows above the plot.
private struct Legend {
  static let shade = "#e9ebee"
  private(set) var text = ""
  private(set) var height = 0.0

  init(_ chart: LineChart, width: Double) {
    struct Entry {
      var name: String
      var sample: (Double, Double) -> String
    }
    var entries: [Entry] = chart.series.filter { !$0.name.isEmpty }.map { series in
      Entry(name: series.name) { x, y in
        if series.style == .stems {
          return "<circle cx=\"\(f(x + 14))\" cy=\"\(f(y - 4.5))\" r=\"3\" fill=\"\(series.colour.hex)\"/>"
        }
        let dash = series.style == .dashed ? " stroke-dasharray=\"7 4\"" : ""
        return
          "<path d=\"M\(f(x)) \(f(y - 4.5))h22\" stroke=\"\(series.colour.hex)\" stroke-width=\"3\"\(dash)/>"
      }
    }
    if !chart.shaded.isEmpty, !chart.shadedLabel.isEmpty {
      entries.append(
        Entry(name: chart.shadedLabel) { x, y in
          "<rect x=\"\(f(x))\" y=\"\(f(y - 11))\" width=\"22\" height=\"13\" fill=\"\(Legend.shade)\" "
            + "stroke=\"#c9ced3\" stroke-width=\"0.7\"/>"
        })
    }
    guard !entries.isEmpty else { return }
    var (x, y) = (0.0, 15.0)
    for entry in entries {
      let most = max(8, Int(clamping: (width - 40) / (LineChart.fontSize * LineChart.advance)))
      let name = entry.name.count > most ? entry.name.prefix(most - 1) + "…" : entry.name
      let advance = 29 + LineChart.textWidth(name) + 20
      if x > 0, x + advance - 20 > width {
        x = 0
        y += 21
      }
      text += entry.sample(x, y)
      text += "<text x=\"\(f(x + 29))\" y=\"\(f(y))\" fill=\"#1d2125\">\(Markup.escape(name))</text>\n"
      x += advance
    }
    height = y + 14
  }
}

/// A coordinate with one decimal, as short as it can be.
private func f(_ value: Double) -> String {
  let tenths = Int(clamping: (value * 10).rounded())
  let sign = tenths < 0 ? "-" : ""
  let size = abs(tenths)
  return size % 10 == 0 ? "\(sign)\(size / 10)" : "\(sign)\(size / 10).\(size % 10)"
}
