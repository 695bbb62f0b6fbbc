import HSICore

/// The horizontal axis of charts over channels: wavelength where every channel has one, else band numbers.
struct ChannelAxis {
  /// Indices of the channels in order of their places.
  var order: [Int]
  /// Place of each, ascending.
  var places: [Double]
  var label: String
  /// Ranges covered by channels that were not used.
  var unusedRanges: [ClosedRange<Double>]
  private var typicalStep: Double

  /// Channels in the order of the file; those that were not used are shaded.
  init(wavelengths: [Double?], used: [Bool]) {
    let hasWavelengths = wavelengths.allSatisfy { $0?.isFinite == true }
    let place = { (index: Int) in hasWavelengths ? wavelengths[index] ?? 0 : Double(index + 1) }
    order = wavelengths.indices.sorted { (place($0), $0) < (place($1), $1) }
    places = order.map(place)
    label = hasWavelengths ? "Wavelength (nm)" : "Band"
    let steps = zip(places.dropFirst(), places).map { $0 - $1 }.sorted()
    typicalStep = steps.isEmpty ? 1 : steps[steps.count / 2]
    unusedRanges = []
    var start: Int?
    for index in 0...order.count {
      let isUnused = index < order.count && !used[order[index]]
      if isUnused, start == nil { start = index }
      if !isUnused, let first = start {
        let last = index - 1
        let low = first > 0 ? (places[first - 1] + places[first]) / 2 : places[first]
        let high = last + 1 < places.count ? (places[last] + places[last + 1]) / 2 : places[last]
        unusedRanges.append(low...max(low, high))
        start = nil
      }
    }
  }

  /// True where so many channels are missing between two places that a line across would mislead.
  func isGap(_ a: Double, _ b: Double) -> Bool { b - a > 5 * typicalStep && typicalStep > 0 }

  /// A curve of one value per channel, broken where there is none and across gaps of the axis.
  func curve(_ value: (Int) -> Double?) -> (x: [Double], y: [Double]) {
    var (x, y): ([Double], [Double]) = ([], [])
    for (place, channel) in zip(places, order) {
      if let last = x.last, isGap(last, place) {
        x.append((last + place) / 2)
        y.append(.nan)
      }
      x.append(place)
      y.append(value(channel) ?? .nan)
    }
    return (x, y)
  }
}

extension Report {
  /// The axis of charts over the channels.
  var axis: ChannelAxis { ChannelAxis(wavelengths: channels.map(\.wavelengthNm), used: channels.map(\.used)) }

  /// A chart over all channels; those that were not used are shaded, and `unused` says so.
  func channelChart(
    title: String, summary: String, yLabel: String, unused: String = "not used", series: [LineChart.Series]
  ) -> LineChart {
    let axis = axis
    var chart = LineChart(title: title, summary: summary, xLabel: axis.label, yLabel: yLabel, series: series)
    chart.shaded = axis.unusedRanges
    chart.shadedLabel = unused
    if let first = axis.places.first, let last = axis.places.last, last > first { chart.xRange = first...last }
    return chart
  }
}

extension ReportScene {
  /// Label of axes that show values of the scene.
  var quantityLabel: String {
    guard case .text(let quantity)? = facts["quantity"]?.value else { return "Value" }
    return quantity == "dn" ? "Digital number" : quantity.prefix(1).uppercased() + quantity.dropFirst()
  }
}

extension LineChart {
  /// A vertical range that a few wild channels do not stretch: nil where nothing sticks out, else up to the largest
  /// 95th percentile of the spectra and a quarter more.
  static func robustRange(_ spectra: [[Double]]) -> ClosedRange<Double>? {
    let sorted = spectra.map { $0.filter(\.isFinite).sorted() }.filter { !$0.isEmpty }
    guard let top = sorted.compactMap(\.last).max(), let bottom = sorted.compactMap(\.first).min() else {
      return nil
    }
    let high = sorted.map { $0[Int(0.95 * Double($0.count - 1))] }.max() ?? top
    let low = sorted.map { $0[Int(0.05 * Double($0.count - 1))] }.min() ?? bottom
    let span = high - min(low, 0)
    guard span > 0, top > high + 0.4 * span || bottom < low - 0.4 * span else { return nil }
    return (bottom < low - 0.4 * span ? low - 0.25 * span : min(0, bottom))...min(top, high + 0.25 * span)
  }
}
