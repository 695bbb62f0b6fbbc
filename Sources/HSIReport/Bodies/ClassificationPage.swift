import Foundation
import HSICore

extension ClassificationBody {
  /// The pictures of a classification report; those that are missing are left out of the page.
  public struct Figures: Sendable {
    /// The scene in colour, and which bands it shows.
    public var scene: ReportPicture?
    public var sceneCaption: String
    /// The map.
    public var map: ReportPicture?
    /// The labels.
    public var labels: ReportPicture?
    /// Which pixels were learned from and tested on, the wrong ones marked.
    public var judgement: ReportPicture?
    /// Probability of the class in the map.
    public var confidence: ReportMap?

    /// Pictures.
    public init(
      scene: ReportPicture? = nil, sceneCaption: String = "", map: ReportPicture? = nil, labels: ReportPicture? = nil,
      judgement: ReportPicture? = nil
    ) {
      self.scene = scene
      self.sceneCaption = sceneCaption
      self.map = map
      self.labels = labels
      self.judgement = judgement
    }
  }

  public static func page(_ report: ClassificationReport, _ figures: Figures) -> ReportPage {
    ClassificationPage(report: report, figures: figures).page
  }
}

/// Colours of the picture of judged pixels.
public enum JudgementColours {
  public static let right = Colour(0x4C9BD1)
  public static let wrong = Colour(0xC1121F)
  public static let training = Colour(0x2B2D31)
  public static let guardBand = Colour(0xD5D8DC)
}

private struct ClassificationPage {
  let report: ClassificationReport
  let figures: ClassificationBody.Figures

  var page: ReportPage {
    ReportPage(
      title: "Accuracy of", kicker: "Classification", lead: lead, header: headline,
      sections: [pictures, confusion, classTable, reliability, runs, split, curve, spectra, settings])
  }

  private func e(_ text: String) -> String { Markup.escape(text) }

  /// `93.4 %`: one digit more than shares elsewhere, for here they are the result.
  private func percent(_ share: Double?) -> String {
    guard let share, share.isFinite else { return "–" }
    return String(format: "%.1f %%", 100 * share)
  }

  private var lead: String {
    let name =
      report.model.map { model in
        model.settings["averaged with"] == nil
          ? "<strong>\(e(model.name))</strong> gives"
          : "<strong>\(e(model.name))</strong>, averaged with other models, gives"
      } ?? "The map gives"
    var text = "\(name) the right class to <strong>\(percent(report.overall))</strong> of "
    text += "\(NumberText.grouped(report.judgedPixels)) \(e(report.judged)) of \(report.classes.count) classes. "
    guard let split = report.split else {
      return text + "No split was given, so pixels that the model learned from may be among them."
    }
    if let overlapping = split.overlapping, let radius = split.patchRadius, let test = split.pixels["test"], test > 0 {
      text +=
        overlapping > 0
        ? "<strong>\(percent(Double(overlapping) / Double(test))) of the test pixels have training pixels within "
          + "\(radius) pixels</strong>, in the patch that decides about them: expect less elsewhere."
        : radius > 0
          ? "No test pixel has a training pixel within \(radius) pixels, in the patch that decides about it."
          : "The model looks at single pixels; training and test pixels are \(split.scheme == "disjoint" ? "disjoint blocks" : "told apart by the scheme “\(e(split.scheme))”")."
    }
    return text
  }

  private var headline: String {
    let figures: [(String, String, String)] = [
      (
        "Overall accuracy", percent(report.overall),
        [interval, spread("overall")].filter { !$0.isEmpty }.joined(separator: "; ")
      ),
      ("Average accuracy", percent(report.average), spread("average")),
      ("Kappa", String(format: "%.3f", report.kappa), kappaSpread),
      ("Mean F1", percent(report.meanF1), spread("mean_f1")),
    ]
    return "<dl class=\"facts figures\">"
      + figures.map {
        "<div><dt>\($0.0)</dt><dd>\(e($0.1))\($0.2.isEmpty ? "" : "<small>\(e($0.2))</small>")</dd></div>"
      }
      .joined() + "</dl>"
  }

  /// `95 % interval 91.2 to 95.0 %`.
  private var interval: String {
    guard let ends = report.overallInterval, ends.count == 2 else { return "" }
    return String(format: "95 %% interval %.1f to %.1f %%", 100 * ends[0], 100 * ends[1])
  }

  private func spread(_ key: String) -> String {
    guard let value = report.spread?[key] else { return "" }
    return String(format: "%.1f ± %.1f %% over %d maps", 100 * value.mean, 100 * value.deviation, report.runs.count)
  }

  private var kappaSpread: String {
    guard let value = report.spread?["kappa"] else { return "" }
    return String(format: "%.3f ± %.3f over %d maps", value.mean, value.deviation, report.runs.count)
  }

  // MARK: Pictures

  private var pictures: String {
    var first: [String] = []
    if let scene = figures.scene {
      first.append(PageParts.figure(scene, "The scene", heading: "Scene", caption: figures.sceneCaption))
    }
    if let map = figures.map {
      first.append(
        PageParts.figure(map, "The map of classes", heading: "Map", caption: "Pixels without data are empty"))
    }
    var second: [String] = []
    if let labels = figures.labels {
      second.append(
        PageParts.figure(labels, "The labels", heading: "Labels", caption: "Pixels without a label are empty"))
    }
    if let judgement = figures.judgement {
      let parts = [
        ("right", JudgementColours.right), ("wrong", JudgementColours.wrong),
        ("learned from", JudgementColours.training), ("guard band", JudgementColours.guardBand),
      ].map { "\(PageParts.swatch($0.1.hex))\($0.0)" }.joined(separator: " &ensp;")
      second.append(
        "<figure><h3>Where it is right</h3>\(PageParts.image(judgement, "Judged pixels, right and wrong"))"
          + "<figcaption>\(parts)</figcaption></figure>")
    }
    var third: [String] = []
    if let confidence = figures.confidence {
      third.append(
        "<figure><h3>How sure it is</h3>\(PageParts.image(confidence.picture, "Probability of the class in the map"))"
          + PageParts.colourBar(confidence, "confidence")
          + "<figcaption>Probability of the class in the map</figcaption></figure>")
    }
    guard !(first + second + third).isEmpty else { return "" }
    let pairing = PageParts.pairing(figures.map ?? figures.scene)
    var html = "<section><h2>Map and labels</h2>"
    for group in [first, second, third] where !group.isEmpty {
      html += "<div class=\"\(pairing)\">\(group.joined())</div>"
    }
    html += "<ul class=\"legend\">"
    for entry in report.classes { html += "<li>\(PageParts.swatch(entry.colour))\(e(entry.name))</li>" }
    return html + "</ul></section>"
  }

  private var confusion: String {
    let picture = ConfusionPicture(
      names: report.classes.map(\.name), colours: report.classes.map(\.colour), counts: report.confusion,
      unclassified: report.unclassified)
    return
      "<section><h2>Confusion matrix</h2><p>Numbers of \(e(report.judged)): each row is a true class, each column a "
      + "class of the map; the share is that of the row. What is off the diagonal is wrong.</p>"
      + "<div class=\"scroll\">\(picture.svg(width: 960, identifier: "confusion"))</div></section>"
  }

  private var classTable: String {
    var html = "<section><h2>Classes</h2><div class=\"scroll\"><table><thead><tr><th>Class</th>"
    let hasAreas = report.classes.contains { $0.area != nil }
    for head in [
      "Value", "Labelled", "Learned from", "Judged", "User’s acc.", "Producer’s acc.", "F1",
      "In the map",
    ]
      + (hasAreas ? ["Adjusted area"] : [])
    {
      html += "<th class=\"n\">\(head)</th>"
    }
    html += "</tr></thead><tbody>"
    let total = report.classes.reduce(0) { $0 + $1.mapped }
    for (index, entry) in report.classes.enumerated() {
      let judged = report.confusion[index].reduce(report.unclassified[index], +)
      html += "<tr><th scope=\"row\">\(PageParts.swatch(entry.colour))\(e(entry.name))</th>"
      var cells = ["\(entry.value)", NumberText.grouped(entry.labelled)]
      cells += [report.split == nil ? "–" : NumberText.grouped(entry.training), NumberText.grouped(judged)]
      cells += [entry.precision, entry.recall, entry.f1].map(percent)
      cells.append(total > 0 ? percent(Double(entry.mapped) / Double(total)) : "–")
      if hasAreas {
        cells.append(
          entry.area.map { "\(percent($0)) ± \(percent(entry.areaError.map { 1.96 * $0 }))" } ?? "–")
      }
      for cell in cells { html += "<td class=\"n\">\(e(cell))</td>" }
      html += "</tr>"
    }
    return html
      + "</tbody></table></div><p class=\"note\">User’s accuracy (precision): share of the pixels given the class that have "
      + "it. Producer’s accuracy (recall): share of the pixels of the class that were given it. F1: their harmonic mean. "
      + (hasAreas
        ? "Adjusted area: share of the map after correction by the confusions, ± 95 % (Olofsson et al. 2014). "
        : "")
      + "Intervals take judged pixels as drawn at random and independent; neighbours in blocks tell less than that, so they are "
      + "the least there is.</p></section>"
  }

  private var reliability: String {
    guard let facts = report.reliability, let chart = report.reliabilityChart else { return "" }
    let most = facts.bins.max { $0.count < $1.count }
    var text =
      "<p>Judged pixels by the probability of their class in the map. On the dashed line a probability is the share of "
    text += "pixels that are right; below it the map is surer than it should be. Expected calibration error: "
    text += "<strong>\(percent(facts.expectedCalibrationError))</strong>."
    if let most {
      text +=
        " Most pixels, \(NumberText.grouped(most.count)), lie between \(percent(most.from)) and \(percent(most.to))."
    }
    return "<section><h2>How far its probabilities can be believed</h2>\(text)</p>"
      + "\(PageParts.chart(chart, "reliability", height: 300))</section>"
  }

  private var runs: String {
    guard report.runs.count > 1 else { return "" }
    var html = "<section><h2>Runs</h2><div class=\"scroll\"><table><thead><tr><th>Map</th><th>Split</th>"
    for head in ["Overall", "Average", "Kappa", "Mean F1"] { html += "<th class=\"n\">\(head)</th>" }
    html += "</tr></thead><tbody>"
    for run in report.runs {
      html += "<tr><th scope=\"row\">\(e(run.map))</th><td>\(e(run.split ?? "–"))</td>"
      for cell in [percent(run.overall), percent(run.average), String(format: "%.3f", run.kappa), percent(run.meanF1)] {
        html += "<td class=\"n\">\(e(cell))</td>"
      }
      html += "</tr>"
    }
    return html + "</tbody></table></div></section>"
  }

  private var split: String {
    guard let split = report.split else { return "" }
    var rows = [
      ("Scheme", split.scheme), ("Training asked for", split.training), ("Validation asked for", split.validation),
      ("Guard band", split.guardRadius > 0 ? "\(split.guardRadius) pixels" : "none"), ("Seed", "\(split.seed)"),
    ]
    let order = ["training", "validation", "test", "guard"]
    rows.append(
      (
        "Pixels",
        order.compactMap { role in split.pixels[role].map { "\(NumberText.grouped($0)) \(role)" } }.joined(
          separator: ", ")
      ))
    if let radius = split.patchRadius {
      rows.append(("Patch of the model", "\(2 * radius + 1) × \(2 * radius + 1) pixels"))
    }
    if let overlapping = split.overlapping, let test = split.pixels["test"] {
      rows.append(
        (
          "Test pixels with training pixels in their patch",
          "\(NumberText.grouped(overlapping)) of \(NumberText.grouped(test))"
        ))
    }
    rows.append(("File", split.path))
    return "<section><h2>How pixels were divided</h2>\(PageParts.list(rows))</section>"
  }

  private var curve: String {
    let charts = [(report.lossChart, "loss"), (report.validationChart, "validation")].compactMap { chart, id in
      chart.map { (chart: $0, id: id) }
    }
    guard !charts.isEmpty else { return "" }
    if charts.count == 1 {
      return "<section><h2>Training curve</h2>\(PageParts.chart(charts[0].chart, "curve", height: 260))</section>"
    }
    return "<section><h2>Training curve</h2><div class=\"charts\">"
      + charts.map { "<figure>\($0.chart.svg(width: 490, height: 260, identifier: "curve-\($0.id)"))</figure>" }
      .joined()
      + "</div></section>"
  }

  private var spectra: String {
    guard let means = report.meanChart else { return "" }
    var html = "<section><h2>Spectra of the classes</h2><p>Means over all labelled pixels, and their scatter.</p>"
    html += PageParts.chart(means, "means", height: 340)
    let shown = report.classes.indices.prefix(24)
    html += "<div class=\"charts\">"
    for index in shown {
      guard let chart = report.spectrumChart(index) else { continue }
      html += "<figure><h3>\(PageParts.swatch(report.classes[index].colour))\(e(report.classes[index].name))</h3>"
      html += chart.svg(width: 490, height: 220, identifier: "class\(index)") + "</figure>"
    }
    return html + "</div></section>"
  }

  private var settings: String {
    var rows = [("Labels", report.labels)]
    if let scene = report.scene { rows.append(("Scene", scene.path)) }
    rows += report.model?.rows ?? []
    return "<section><h2>Settings</h2>\(PageParts.list(rows))</section>"
  }
}
