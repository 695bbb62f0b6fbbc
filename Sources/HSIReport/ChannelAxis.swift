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
  /// Indices into `order`: one list per detector, ascending places within each.
  private var detectors: [[Int]]

  /// Channels in the order of the file; those that were not used are shaded.
  init(wavelengths: [Double?], used: [Bool]) {
    let hasWavelengths = wavelengths.allSatisfy { $0?.isFinite == true }
    let place = { (index: Int) in hasWavelengths ? wavelengths[index] ?? 0 : Double(index + 1) }
    order = wavelengths.indices.sorted { (place($0), $0) < (place($1), $1) }
    places = order.map(place)
    label = hasWavelengths ? "Wavelength (nm)" : "Band"
    let steps = zip(places.dropFirst(), places).map { $0 - $1 }.sorted()
    typicalStep = steps.isEmpty ? 1 : steps[steps.count / 2]
    var rank = [Int](repeating: 0, count: order.count)
    for (slot, channel) in order.enumerated() { rank[channel] = slot }
    detectors = ChannelAxis.detectors(wavelengths.indices.map(place))
      .map { channels in channels.map { rank[$0] }.sorted() }.sorted { $0[0] < $1[0] }
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

  /// Channels by detector: one list where the bands of the file rise or fall throughout, or follow no order at all; else
  /// one list for each part that rises or falls by itself, as detectors do whose ranges overlap.
  private static func detectors(_ places: [Double]) -> [[Int]] {
    guard places.count > 2 else { return places.isEmpty ? [] : [Array(places.indices)] }
    let rises = zip(places.dropFirst(), places).count { $0 > $1 }
    let sign: Double = 2 * rises >= places.count - 1 ? 1 : -1
    var parts: [[Int]] = [[0]]
    for index in 1..<places.count {
      if sign * (places[index] - places[index - 1]) < 0 { parts.append([]) }
      parts[parts.count - 1].append(index)
    }
    // Parts of a few bands are no detectors.
    return parts.count <= 6 && parts.allSatisfy { $0.count >= 3 } ? parts : [Array(places.indices)]
  }

  /// A curve of one value per channel, broken where there is none, across gaps of the axis, and between detectors whose
  /// ranges overlap.
  func curve(_ value: (Int) -> Double?) -> (x: [Double], y: [Double]) {
    var (x, y): ([Double], [Double]) = ([], [])
    for detector in detectors {
      for (index, slot) in detector.enumerated() {
        let place = places[slot]
        if let last = x.last, isGap(last, place) || index == 0 && place <= last {
          x.append((last + place) / 2)
          y.append(.nan)
        }
        x.append(place)
        y.append(value(order[slot]) ?? .nan)
      }
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
    let high = sorted.map { $0[Int(clamping: 0.95 * Double($0.count - 1))] }.max() ?? top
    let low = sorted.map { $0[Int(clamping: 0.05 * Double($0.count - 1))] }.min() ?? bottom
    let span = high - min(low, 0)
    guard span > 0, top > high + 0.4 * span || bottom < low - 0.4 * span else { return nil }
    return (bottom < low - 0.4 * span ? low - 0.25 * span : min(0, bottom))...min(top, high + 0.25 * span)
  }
}
