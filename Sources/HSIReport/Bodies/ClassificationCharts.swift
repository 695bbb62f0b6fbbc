import Foundation
import HSICore

/// The charts of a classification report.
extension ClassificationReport {
  /// Colour of a class.
  func colour(_ index: Int) -> Colour {
    Colour(UInt32(body.classes[index].colour.dropFirst(), radix: 16) ?? 0x8A9198)
  }

  private func chart(_ title: String, _ summary: String, _ series: [LineChart.Series]) -> LineChart {
    channelChart(title: title, summary: summary, yLabel: body.scene?.quantityLabel ?? "Value", series: series)
  }

  /// Mean spectra of all classes; nil where the scene is not known.
  public var meanChart: LineChart? {
    let known = body.classes.indices.filter { body.classes[$0].mean != nil }
    guard !known.isEmpty, !channels.isEmpty else { return nil }
    let series = known.map { index in
      let (x, y) = axis.curve { channels[$0].used ? body.classes[index].mean?[$0] : nil }
      // The lines are drawn on white, where pale colours of a map would not show.
      let shade = colour(index)
      return LineChart.Series(
        name: body.classes[index].name, colour: shade.lightness > 80 ? shade.darker : shade, x: x, y: y)
    }
    var chart = chart(
      "Mean spectra",
      "Mean spectra of \(known.count) classes: " + known.map { body.classes[$0].name }.joined(separator: ", "), series)
    chart.yRange = LineChart.robustRange(series.map(\.y))
    return chart
  }

  /// Mean and one standard deviation on either side of one class.
  public func spectrumChart(_ index: Int) -> LineChart? {
    guard let mean = body.classes[index].mean, let deviation = body.classes[index].deviation, !channels.isEmpty else {
      return nil
    }
    func curve(_ name: String, _ colour: Colour, _ factor: Double, _ style: LineChart.Style) -> LineChart.Series {
      let (x, y) = axis.curve { channels[$0].used ? mean[$0] + factor * deviation[$0] : nil }
      return LineChart.Series(name: name, colour: colour, x: x, y: y, style: style)
    }
    let shade = colour(index).lightness > 80 ? colour(index).darker : colour(index)
    let grey = Colour(0x9AA1A8)
    var chart = chart(
      "Spectrum of \(body.classes[index].name)",
      "Mean and standard deviation of the labelled pixels of \(body.classes[index].name)",
      [
        curve("± one deviation", grey, 1, .dashed), curve("", grey, -1, .dashed),
        curve("mean", shade, 0, .line),
      ])
    chart.shadedLabel = ""
    chart.yRange = LineChart.robustRange(chart.series.map(\.y))
    return chart
  }

  /// Loss by epoch; nil without a curve.
  public var lossChart: LineChart? {
    guard body.curve.count > 1 else { return nil }
    return LineChart(
      title: "Training loss", summary: "Mean loss of the training samples over \(body.curve.count) points",
      xLabel: "Epoch",
      yLabel: "Loss",
      series: [
        .init(
          name: "", colour: CategoricalPalette.colour(2), x: body.curve.map { Double($0.epoch) },
          y: body.curve.map(\.loss))
      ])
  }

  /// Accuracy by confidence, and where the two are equal; nil where the confidence is not known.
  public var reliabilityChart: LineChart? {
    guard let bins = body.reliability?.bins else { return nil }
    let points = bins.compactMap { bin in
      bin.confidence.flatMap { x in bin.accuracy.map { (100 * x, 100 * $0) } }
    }
    guard !points.isEmpty else { return nil }
    var chart = LineChart(
      title: "Reliability", summary: "Share of right pixels by the probability of their class in the map",
      xLabel: "Probability of the class in the map (%)", yLabel: "Judged pixels right (%)",
      series: [
        .init(name: "believable", colour: Colour(0x9AA1A8), x: [0, 100], y: [0, 100], style: .dashed),
        .init(name: "", colour: CategoricalPalette.colour(1), x: points.map(\.0), y: points.map(\.1), style: .stems),
        .init(name: "the map", colour: CategoricalPalette.colour(1), x: points.map(\.0), y: points.map(\.1)),
      ])
    (chart.xRange, chart.yRange) = (0...100, 0...100)
    return chart
  }

  /// Accuracy on validation pixels by epoch; nil where none was measured.
  public var validationChart: LineChart? {
    let points = body.curve.compactMap { point in point.validationAccuracy.map { (Double(point.epoch), 100 * $0) } }
    guard points.count > 1 else { return nil }
    return LineChart(
      title: "Validation accuracy", summary: "Accuracy on validation pixels by epoch", xLabel: "Epoch",
      yLabel: "Validation pixels right (%)",
      series: [.init(name: "", colour: CategoricalPalette.colour(1), x: points.map(\.0), y: points.map(\.1))])
  }
}

extension Colour {
  /// The colour at two fifths of its light.
  fileprivate var darker: Colour { Colour(linear: linear * 0.4) }
}
