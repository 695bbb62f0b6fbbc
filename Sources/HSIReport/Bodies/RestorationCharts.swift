import Foundation
import HSICore

/// The charts of a restoration report.
extension RestorationReport {
  private func chart(title: String, summary: String, yLabel: String, series: [LineChart.Series]) -> LineChart {
    channelChart(title: title, summary: summary, yLabel: yLabel, unused: "not processed", series: series)
  }

  private func series(_ name: String, _ colour: Colour, _ value: (RestorationBody.Channel) -> Double?)
    -> LineChart.Series
  {
    let (x, y) = axis.curve { value(channels[$0]) }
    return LineChart.Series(name: name, colour: colour, x: x, y: y)
  }

  /// Noise before and after and what was removed, in decades.
  public var noiseChart: LineChart? {
    let before = channels.compactMap(\.noiseBefore).filter { $0 > 0 }
    guard !before.isEmpty else { return nil }
    // Nothing has no place on an axis in decades.
    func level(_ value: Double?) -> Double? { value.flatMap { $0 > 0 ? $0 : nil } }
    var chart = chart(
      title: "Noise before and after",
      summary:
        "Standard deviation of the noise of \(before.count) channels before and after, and what was removed",
      yLabel: "Standard deviation",
      series: [
        series("noise before", CategoricalPalette.colour(0)) { level($0.noiseBefore) },
        series("removed", Colour(0x8A9198)) { level($0.removedRms) },
        series("noise left", CategoricalPalette.colour(1)) { level($0.noiseAfter) },
      ])
    chart.series[1].style = .dashed
    chart.isLogarithmic = true
    return chart
  }

  /// Correlations of what was removed.
  public var whitenessChart: LineChart? {
    let spatial = channels.compactMap(\.spatialCorrelation)
    guard !spatial.isEmpty else { return nil }
    var chart = chart(
      title: "Is it noise?",
      summary: "Correlation of what was removed between neighbouring pixels and with the next channel",
      yLabel: "Correlation of what was removed",
      series: [
        series("between neighbouring pixels", CategoricalPalette.colour(2)) { $0.spatialCorrelation },
        series("with the next channel", CategoricalPalette.colour(3)) { $0.spectralCorrelation },
      ])
    let all = spatial + channels.compactMap(\.spectralCorrelation)
    let (low, high) = (min(-0.25, (all.min() ?? 0) - 0.05), max(0.5, (all.max() ?? 0) + 0.05))
    chart.yRange = max(-1, low)...min(1, high)
    chart.mark = .init(y: 0, label: "")
    return chart
  }

  /// What was removed from the spectrum of one pixel, before less after.
  public func differenceChart(_ pixel: RestorationBody.Pixel) -> LineChart {
    let (x, y) = axis.curve { channel in
      pixel.before[channel].flatMap { before in pixel.after[channel].map { before - $0 } }
    }
    var chart = chart(
      title: "Removed from line \(pixel.line), sample \(pixel.sample)",
      summary: "The spectrum of one pixel before less after restoration", yLabel: "Before less after",
      series: [LineChart.Series(name: "", colour: CategoricalPalette.colour(2), x: x, y: y)])
    chart.shadedLabel = ""
    chart.yRange = LineChart.robustRange([y])
    chart.mark = .init(y: 0, label: "")
    return chart
  }

  /// The spectrum of one pixel before and after.
  public func spectrumChart(_ pixel: RestorationBody.Pixel) -> LineChart {
    func curve(_ name: String, _ colour: Colour, _ values: [Double?]) -> LineChart.Series {
      let (x, y) = axis.curve { values[$0] }
      return LineChart.Series(name: name, colour: colour, x: x, y: y)
    }
    var chart = chart(
      title: "Spectrum of line \(pixel.line), sample \(pixel.sample)",
      summary: "The spectrum of one pixel before and after restoration", yLabel: subject.quantityLabel,
      series: [
        curve("before", Colour(0xB4BAC0), pixel.before),
        curve("after", CategoricalPalette.colour(0), pixel.after),
      ])
    chart.shadedLabel = ""
    chart.yRange = LineChart.robustRange(chart.series.map(\.y))
    return chart
  }
}
