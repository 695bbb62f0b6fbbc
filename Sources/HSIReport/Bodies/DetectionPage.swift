import Foundation
import HSICore

extension DetectionBody {
  /// The pictures of a report on a detection; those that are missing are left out of the page.
  public struct Figures: Sendable {
    /// The scene in colour, and which bands it shows.
    public var scene: ReportPicture?
    public var sceneCaption: String
    /// Scores.
    public var scores: ReportMap?
    /// Surroundings of the best pixels, in their order.
    public var chips: [ReportPicture]

    /// Pictures.
    public init(
      scene: ReportPicture? = nil, sceneCaption: String = "", scores: ReportMap? = nil, chips: [ReportPicture] = []
    ) {
      (self.scene, self.sceneCaption, self.scores, self.chips) = (scene, sceneCaption, scores, chips)
    }
  }

  public static func page(_ report: DetectionReport, _ figures: Figures) -> ReportPage {
    DetectionPage(report: report, figures: figures).page
  }
}

extension DetectionReport {
  /// Spectra of the best pixels beside those that were looked for.
  public var spectraChart: LineChart {
    let axis = axis
    func series(_ name: String, _ spectrum: [Double?], _ colour: Int, _ style: LineChart.Style) -> LineChart.Series {
      let (x, y) = axis.curve { channels[$0].used ? spectrum[$0] : nil }
      return LineChart.Series(name: name, colour: CategoricalPalette.colour(colour), x: x, y: y, style: style)
    }
    let targets = body.targets.prefix(4).enumerated().map { series($1.name, $1.spectrum, $0, .dashed) }
    let pixels = body.best.prefix(4).enumerated().map { rank, best in
      series("pixel \(best.pixel.sample), \(best.pixel.line)", best.spectrum, rank + 4, .line)
    }
    var chart = channelChart(
      title: "Spectra of the best pixels",
      summary: "Spectra of \(pixels.count) pixels" + (targets.isEmpty ? "" : " and of \(targets.count) targets"),
      yLabel: subject.quantityLabel, series: targets + pixels)
    chart.xRange = nil
    if let range = LineChart.robustRange((targets + pixels).map(\.y)) { chart.yRange = range }
    return chart
  }

  /// Pixels by score, in decades, with the fitted tail and the threshold.
  public var histogramChart: LineChart {
    let (edges, counts) = (body.histogram.edges, body.histogram.counts)
    // Decades show what is at least half a pixel.
    let floor = 0.5
    var (x, y): ([Double], [Double]) = ([], [])
    for (i, count) in counts.enumerated() where edges.indices.contains(i + 1) {
      x += [edges[i], edges[i + 1]]
      y += [max(Double(count), floor), max(Double(count), floor)]
    }
    var series = [LineChart.Series(name: "pixels", colour: CategoricalPalette.colour(2), x: x, y: y)]
    if let expected = body.histogram.expected {
      let shown = expected.indices.filter { edges.indices.contains($0 + 1) && expected[$0] != nil }
      let ty = shown.map { i in expected[i].map { $0 >= floor ? $0 : .nan } ?? .nan }
      if ty.contains(where: \.isFinite) {
        series.append(
          .init(
            name: "fitted tail", colour: CategoricalPalette.colour(0), x: shown.map { (edges[$0] + edges[$0 + 1]) / 2 },
            y: ty, style: .dashed))
      }
    }
    if let threshold = body.threshold {
      let top = Double(counts.max() ?? 1)
      series.append(
        .init(
          name: "threshold", colour: CategoricalPalette.colour(1), x: [threshold.score, threshold.score],
          y: [floor, max(top, 1)]))
    }
    var chart = LineChart(
      title: "Scores", summary: "Pixels by score, from \(body.scores.minimum) to \(body.scores.maximum)",
      xLabel: "Score", yLabel: "Pixels", series: series)
    chart.isLogarithmic = true
    return chart
  }

  /// Detection rate over false-alarm rate in decades; nil without truth.
  public var rocChart: LineChart? {
    guard let truth = body.truth else { return nil }
    let least = 1 / Double(max(truth.background, 10))
    let shown = truth.curve.map { (log10(max($0.falseAlarm, least)), $0.detection) }
    var chart = LineChart(
      title: "ROC", summary: "Detection rate over false-alarm rate, area \(truth.auc)",
      xLabel: "log₁₀ of the false-alarm rate", yLabel: "Detection rate",
      series: [
        .init(name: "", colour: CategoricalPalette.colour(2), x: shown.map(\.0), y: shown.map(\.1))
      ])
    chart.yRange = 0...1.02
    return chart
  }
}

private struct DetectionPage {
  let report: DetectionReport
  let figures: DetectionBody.Figures

  var page: ReportPage {
    ReportPage(
      title: "Detection in", kicker: "Detection", lead: lead, sections: [pictures, scores, truth, best, settings])
  }

  private func e(_ text: String) -> String { Markup.escape(text) }

  private var lead: String {
    var text = "<strong>\(e(report.method.name))</strong> "
    if report.method.task == "anomaly" {
      text += "looks for pixels unlike the others. "
    } else {
      let names = report.targets.prefix(3).map(\.name).joined(separator: ", ")
      text += "looks for \(names.isEmpty ? "the target" : e(names))"
      text += report.targets.count > 3 ? " and \(report.targets.count - 3) more. " : ". "
    }
    if let top = report.best.first {
      text += "The best pixel is sample \(top.pixel.sample), line \(top.pixel.line), with a score of "
      text += "<strong>\(e(NumberText.short(top.score, digits: 3)))</strong>. "
    }
    if let threshold = report.threshold {
      let side = report.sense == "lower" ? "below" : "above"
      text += "<strong>\(NumberText.grouped(threshold.detections))</strong> pixels lie \(side) "
      text += "\(e(NumberText.short(threshold.score, digits: 3))), where a false-alarm rate of "
      text += "\(e(NumberText.short(threshold.falseAlarmRate))) makes "
      text += "\(e(NumberText.short(threshold.expected, digits: 2))) of the background expected. "
    }
    if let truth = report.truth {
      text += "Against truth the area under the ROC curve is <strong>\(e(NumberText.short(truth.auc)))</strong>."
    }
    return text
  }

  private var pictures: String {
    var html = ""
    if let scene = figures.scene {
      html += PageParts.figure(scene, "The scene", heading: "Scene", caption: figures.sceneCaption)
    }
    if let map = figures.scores {
      html += "<figure><h3>\(e(report.bands.first.map(capitalised) ?? "Score"))</h3>"
      html += PageParts.image(map.picture, "Scores") + PageParts.colourBar(map, "scores") + "</figure>"
    }
    guard !html.isEmpty else { return "" }
    let pairing = PageParts.pairing(figures.scores?.picture ?? figures.scene)
    return "<section><h2>Map</h2><div class=\"\(pairing)\">\(html)</div></section>"
  }

  private func capitalised(_ text: String) -> String { text.prefix(1).uppercased() + text.dropFirst() }

  private var scores: String {
    var html = "<section><h2>Scores</h2>" + PageParts.chart(report.histogramChart, "histogram", height: 280)
    if let tail = report.tail {
      let kind =
        tail.exponent < 0.6
        ? "is heavy" : tail.exponent < 1.4 ? "is exponential" : "falls off like that of a normal law"
      html +=
        "<p class=\"note\">The tail of the background \(kind) (exponent \(e(NumberText.short(tail.exponent, digits: 2)))), "
      html +=
        "fitted to the highest \(e(NumberText.percent(tail.share))) of the pixels without the highest thousandth.</p>"
    } else {
      html += "<p class=\"note\">There are too few different scores to fit the tail of the background.</p>"
    }
    return html + "</section>"
  }

  private var truth: String {
    guard let truth = report.truth, let chart = report.rocChart else { return "" }
    let rows = [
      ("Target pixels", NumberText.grouped(truth.targets)), ("Background pixels", NumberText.grouped(truth.background)),
      ("Area under the curve", NumberText.short(truth.auc)),
      ("Area up to 0.01 false alarms, as a share", NumberText.short(truth.partialAuc)),
      ("Detected at 0.001 false alarms", NumberText.percent(truth.detectionAt0001)),
    ]
    return
      "<section><h2>Against truth</h2>\(PageParts.chart(chart, "roc", height: 280))\(PageParts.list(rows))</section>"
  }

  private var best: String {
    guard !report.best.isEmpty else { return "" }
    var html = "<section><h2>Best pixels</h2>" + PageParts.chart(report.spectraChart, "spectra")
    if !figures.chips.isEmpty {
      html += "<div class=\"maps\">"
      for (chip, pixel) in zip(figures.chips, report.best) {
        html += PageParts.figure(
          chip, "Surroundings of sample \(pixel.pixel.sample), line \(pixel.pixel.line)",
          heading: "\(pixel.pixel.sample), \(pixel.pixel.line)",
          caption: "Score \(NumberText.short(pixel.score, digits: 3))")
      }
      html += "</div>"
    }
    html += "<div class=\"scroll\"><table><thead><tr><th class=\"n\">Rank</th><th class=\"n\">Sample, line</th>"
    let hasMap = report.best.contains { $0.map != nil }
    let hasTarget = report.best.contains { $0.target != nil }
    let hasTruth = report.best.contains { $0.isTarget != nil }
    if hasMap { html += "<th class=\"n\">Map x, y</th>" }
    if hasTarget { html += "<th>Target</th>" }
    for band in report.bands { html += "<th class=\"n\">\(e(band))</th>" }
    if hasTruth { html += "<th>Truth</th>" }
    html += "</tr></thead><tbody>"
    for (rank, pixel) in report.best.enumerated() {
      html += "<tr><td class=\"n\">\(rank + 1)</td><td class=\"n\">\(pixel.pixel.sample), \(pixel.pixel.line)</td>"
      if hasMap {
        let place = pixel.map.map { "\(NumberText.coordinate($0.x)), \(NumberText.coordinate($0.y))" }
        html += "<td class=\"n\">\(e(place ?? "–"))</td>"
      }
      if hasTarget { html += "<td>\(e(pixel.target ?? "–"))</td>" }
      for value in pixel.values { html += "<td class=\"n\">\(e(NumberText.short(value, digits: 3)))</td>" }
      if hasTruth { html += "<td>\(pixel.isTarget == true ? "target" : "background")</td>" }
      html += "</tr>"
    }
    return html + "</tbody></table></div></section>"
  }

  private var settings: String { "<section><h2>Settings</h2>\(PageParts.list(report.method.rows))</section>" }
}
