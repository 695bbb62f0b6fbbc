import Foundation
import HSICore

/// Everything that `hsi classify predict` has to say: the JSON report, and what the HTML report is made from.
///
/// Keys in JSON are snake_case; numbers that are not finite become `null`. The schema is `ReportSchema.prediction`,
/// printed by `hsi schema predict`.
public struct PredictionReport: Codable, Sendable {
  /// Version of the schema, raised in its first part by changes that break readers.
  public static let currentVersion = "1.0"

  /// A class and where the map has it.
  public struct Class: Codable, Sendable {
    /// Value in the map.
    public var value: Int
    public var name: String
    /// `#rrggbb`.
    public var colour: String
    /// Pixels of the class.
    public var pixels: Int
    /// Their share of the pixels with a class.
    public var share: Double
    /// Mean over its pixels of the probability of the class; nil where it has none.
    public var confidence: Double?

    /// A class of a map.
    public init(value: Int, name: String, colour: String, pixels: Int, share: Double, confidence: Double?) {
      self.value = value
      self.name = name
      self.colour = colour
      self.pixels = pixels
      self.share = share
      self.confidence = confidence
    }
  }

  /// Version of the schema.
  public var version: String
  /// `classify predict`.
  public var command: String
  /// The scene that was mapped.
  public var scene: ReportScene
  /// What made the map.
  public var model: ClassificationReport.Model
  /// The classes in the order of the model.
  public var classes: [Class]
  /// Mean probability of the class that pixels were given.
  public var confidence: Double
  /// Files written.
  public var outputs: [ReportOutput]
  /// Warnings in order.
  public var warnings: [Warning]
  /// How the result came about.
  public var provenance: Provenance

  /// A report on a map.
  public init(
    scene: ReportScene, model: ClassificationReport.Model, classes: [Class], confidence: Double,
    outputs: [ReportOutput], provenance: Provenance
  ) {
    version = PredictionReport.currentVersion
    command = "classify predict"
    self.scene = scene
    self.model = model
    self.classes = classes
    self.confidence = confidence
    self.outputs = outputs.map { ReportOutput(path: Secrets.masked($0.path), content: $0.content) }
    warnings = provenance.warnings
    self.provenance = provenance
  }

  /// The report as JSON text.
  public func json() throws -> Data { try ReportCoding.encode(self) }
}

/// The pictures of a report on a map; those that are missing are left out of the page.
public struct PredictionFigures: Sendable {
  /// The scene in colour, and which bands it shows.
  public var scene: ReportPicture?
  public var sceneCaption: String
  /// The map.
  public var map: ReportPicture?
  /// Probability of the class in the map.
  public var confidence: ReportMap?

  /// Pictures.
  public init(
    scene: ReportPicture? = nil, sceneCaption: String = "", map: ReportPicture? = nil, confidence: ReportMap? = nil
  ) {
    self.scene = scene
    self.sceneCaption = sceneCaption
    self.map = map
    self.confidence = confidence
  }
}

extension HTMLReport {
  /// The page of a map as UTF-8 text. Deterministic for equal input.
  public static func page(_ report: PredictionReport, figures: PredictionFigures) -> Data {
    Data(PredictionPage(report: report, figures: figures).text.utf8)
  }
}

private struct PredictionPage {
  let report: PredictionReport
  let figures: PredictionFigures

  var text: String {
    let name = (report.scene.path as NSString).lastPathComponent
    return PageParts.page(
      title: "Classes of \(name)", version: report.provenance.version, kicker: "Classification", heading: name,
      lead: lead,
      sections: [
        PageParts.sceneFacts(report.scene), PageParts.warnings(report.warnings), pictures, classTable, settings,
        PageParts.outputs(report.outputs), PageParts.provenance(report.provenance),
      ])
  }

  private func e(_ text: String) -> String { Markup.escape(text) }

  private var lead: String {
    let pixels = report.classes.reduce(0) { $0 + $1.pixels }
    let present = report.classes.filter { $0.pixels > 0 }
    var text = "<strong>\(e(report.model.name))</strong> gives \(NumberText.grouped(pixels)) pixels "
    text += "\(present.count) of \(report.classes.count) classes, with a mean probability of "
    text += "<strong>\(NumberText.percent(report.confidence))</strong>. "
    if let largest = present.max(by: { $0.pixels < $1.pixels }) {
      text += "The largest is \(e(largest.name)) with \(NumberText.percent(largest.share)). "
    }
    return text + "A probability is the model's own; only labels that it did not see tell its accuracy "
      + "(hsi classify evaluate)."
  }

  private var pictures: String {
    var html = ""
    if let scene = figures.scene {
      html += PageParts.figure(scene, "The scene", heading: "Scene", caption: figures.sceneCaption)
    }
    if let map = figures.map {
      html += PageParts.figure(
        map, "The map of classes", heading: "Map", caption: "Pixels without data are empty")
    }
    guard !html.isEmpty else { return "" }
    let pairing = PageParts.pairing(figures.map ?? figures.scene)
    html = "<section><h2>Map</h2><div class=\"\(pairing)\">\(html)</div><ul class=\"legend\">"
    for entry in report.classes where entry.pixels > 0 {
      html += "<li>\(PageParts.swatch(entry.colour))\(e(entry.name))</li>"
    }
    html += "</ul>"
    if let confidence = figures.confidence {
      html += "<div class=\"\(pairing)\"><figure><h3>Probability of the class in the map</h3>"
      html += PageParts.image(confidence.picture, "Probability of the class in the map")
      html += PageParts.colourBar(confidence, "confidence") + "</figure></div>"
    }
    return html + "</section>"
  }

  private var classTable: String {
    var html = "<section><h2>Classes</h2><div class=\"scroll\"><table><thead><tr><th>Class</th>"
    for head in ["Value", "Pixels", "Share", "Mean probability"] { html += "<th class=\"n\">\(head)</th>" }
    html += "</tr></thead><tbody>"
    for entry in report.classes {
      html += "<tr><th scope=\"row\">\(PageParts.swatch(entry.colour))\(e(entry.name))</th>"
      for cell in [
        "\(entry.value)", NumberText.grouped(entry.pixels), NumberText.percent(entry.share),
        entry.confidence.map { NumberText.percent($0) } ?? "–",
      ] { html += "<td class=\"n\">\(e(cell))</td>" }
      html += "</tr>"
    }
    return html + "</tbody></table></div></section>"
  }

  private var settings: String {
    var rows = [
      ("Model", "\(report.model.name) (\(report.model.id))"), ("Source", report.model.citation),
      ("File", report.model.path),
    ]
    rows += report.model.settings.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    return "<section><h2>Model</h2>\(PageParts.list(rows))</section>"
  }
}
