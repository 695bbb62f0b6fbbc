import HSICore

/// The charts of an unmixing report.
extension UnmixingReport {
  /// Endmembers that are drawn: all up to `UnmixingBody.drawnCount`, else those with the largest mean abundance, in their order.
  var shownEndmembers: [Int] {
    let all = Array(body.endmembers.indices)
    guard all.count > UnmixingBody.drawnCount else { return all }
    func mean(_ index: Int) -> Double { body.endmembers[index].abundance?.mean ?? 0 }
    return all.sorted { (mean($1), $0) < (mean($0), $1) }.prefix(UnmixingBody.drawnCount).sorted()
  }

  /// Endmember spectra against wavelength, bands that were not used shaded.
  public var spectraChart: LineChart {
    let axis = axis
    let series = shownEndmembers.enumerated().map { rank, index in
      let endmember = body.endmembers[index]
      let (x, y) = axis.curve { channels[$0].used && channels[$0].corrupted != true ? endmember.spectrum[$0] : nil }
      return LineChart.Series(
        name: endmember.name, colour: CategoricalPalette.colour(index), x: x, y: y,
        style: rank < 6 ? .line : .dashed)
    }
    var chart = channelChart(
      title: "Endmember spectra",
      summary: "\(series.count) spectra: " + series.map(\.name).joined(separator: ", "),
      yLabel: subject.quantityLabel, series: series)
    chart.xRange = nil
    if let range = LineChart.robustRange(series.map(\.y)) {
      chart.yRange = range
      chart.summary += ". Values of a few corrupted channels lie outside the plot."
    }
    return chart
  }

  /// Quality of every channel, those below 0.2 in another colour; nil where no quality was learnt.
  public var channelQualityChart: LineChart? {
    guard channels.contains(where: { $0.quality != nil }) else { return nil }
    let axis = axis
    let all = zip(axis.places, axis.order).compactMap { place, channel in
      channels[channel].quality.map { (place, $0) }
    }
    let threshold = UnmixingBody.poorQuality
    let good = all.filter { $0.1 >= threshold }
    let poor = all.filter { $0.1 < threshold }
    var series = [
      LineChart.Series(
        name: "channel", colour: CategoricalPalette.colour(2), x: good.map(\.0), y: good.map(\.1),
        style: .stems)
    ]
    if !poor.isEmpty {
      series.append(
        .init(
          name: "below \(threshold)", colour: CategoricalPalette.colour(0), x: poor.map(\.0),
          y: poor.map(\.1),
          style: .stems))
    }
    var chart = channelChart(
      title: "Channel quality",
      summary: "Quality of \(all.count) channels, \(poor.count) of them below \(threshold)",
      yLabel: "Quality (1 = best)", series: series)
    chart.yRange = 0...max(1.05, (all.map(\.1).max() ?? 1) * 1.05)
    return chart
  }

  /// Error of held-back pixels against the number of endmembers; nil where it was not drawn.
  public var countingChart: LineChart? {
    guard let counting = body.counting, counting.errors.count > 1 else { return nil }
    let places = counting.errors.indices.map { Double($0 + 2) }
    let percent = counting.errors.map { 100 * $0 }
    var chart = LineChart(
      title: "Error of held-back pixels",
      summary: "Relative error of held-back pixels for 2 to \(counting.errors.count + 1) endmembers",
      xLabel: "Endmembers", yLabel: "Error (%)",
      series: [.init(name: "error", colour: CategoricalPalette.colour(2), x: places, y: percent)])
    chart.yRange = 0...(1.05 * (percent.max() ?? 1))
    chart.mark = counting.noise.map { .init(y: 100 * $0, label: "noise") }
    let count = body.endmembers.count
    if counting.errors.indices.contains(count - 2) {
      chart.series.append(
        .init(
          name: "chosen", colour: CategoricalPalette.colour(0), x: [Double(count)], y: [percent[count - 2]],
          style: .stems)
      )
    }
    return chart
  }

  /// The objective against the iteration; decades where it spans more than one. Nil without iterations.
  public var objectiveChart: LineChart? {
    guard let objective = body.convergence?.objective, objective.count > 1 else { return nil }
    let finite = objective.filter(\.isFinite)
    var chart = LineChart(
      title: "Objective",
      summary:
        "Objective over \(objective.count - 1) iterations, from \(objective[0]) to \(objective.last ?? 0)",
      xLabel: "Iteration", yLabel: "Objective",
      series: [
        .init(
          name: "", colour: CategoricalPalette.colour(2), x: objective.indices.map(Double.init), y: objective)
      ])
    if let low = finite.min(), let high = finite.max(), low > 0 { chart.isLogarithmic = high / low > 10 }
    return chart
  }
}

extension UnmixingBody {
  /// More endmembers than this cannot be told apart in one chart.
  static let drawnCount = 12
  /// Channels whose quality is below this are listed as poor.
  static let poorQuality = 0.2
}
