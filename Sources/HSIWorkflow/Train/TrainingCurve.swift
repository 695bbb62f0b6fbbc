import Foundation
import HSIReport
import HSITransformer

/// The picture of a training run.
enum TrainingCurve {
  /// An SVG of the score by step.
  static func picture(_ record: TrainingRecord, _ measure: TrainingMeasure, of judged: String) -> Data {
    let points = record.curve.filter { $0.score != nil }
    let (name, unit) = (measure.name, measure.unit)
    let chart = LineChart(
      title: "Validation \(name)",
      summary: "\(name)\(unit.map { " in " + $0 } ?? "") of \(judged) by training step.",
      xLabel: "step", yLabel: name + (unit.map { " (\($0))" } ?? ""),
      series: [
        LineChart.Series(
          name: name, colour: CategoricalPalette.colour(0), x: points.map { Double($0.step) },
          y: points.map { $0.score ?? .nan })
      ])
    return Data(chart.svg(identifier: "psnr").utf8)
  }
}
