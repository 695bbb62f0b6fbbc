import Foundation
import HSICore

/// Everything that `hsi classify predict` has to say about a map; the schema is printed by `hsi schema predict`.
public typealias PredictionReport = Report<PredictionBody>

/// What only a prediction has to say: the classes of the map, and how sure the model is of them.
public struct PredictionBody: ReportBody {
  public typealias Channel = Never

  public static let currentVersion = "1.0"
  public static let command = "classify predict"

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

  /// What made the map.
  public var model: ReportModel
  /// The classes in the order of the model.
  public var classes: [Class]
  /// Mean probability of the class that pixels were given.
  public var confidence: Double

  /// What a map holds.
  public init(model: ReportModel, classes: [Class], confidence: Double) {
    self.model = model
    self.classes = classes
    self.confidence = confidence
  }
}

// MARK: - Schema

extension PredictionBody {
  /// Members of this body, for `hsi schema predict`.
  public static let schema = ReportSchema(
    name: "predict", required: ["model", "classes", "confidence"],
    properties: """
      \(ReportSchema.model),
      "classes": {"description": "In the order of the model.", "type": "array", "items": {"$ref": "#/$defs/class"}},
      "confidence": {"description": "Mean probability of the class that pixels were given.",
        "$ref": "#/$defs/number"}
      """,
    definitions: """
      "class": {
        "type": "object", "required": ["value", "name", "colour", "pixels", "share"],
        "additionalProperties": false,
        "properties": {
          "value": {"type": "integer", "minimum": 1, "maximum": 65535}, "name": {"type": "string"},
          "colour": {"type": "string", "pattern": "^#[0-9a-f]{6}$"}, "pixels": {"$ref": "#/$defs/count"},
          "share": {"$ref": "#/$defs/number"}, "confidence": {"$ref": "#/$defs/number"}
        }
      }
      """)
}

// MARK: - Page

extension PredictionBody {
  /// The pictures of a report on a map; those that are missing are left out of the page.
  public struct Figures: Sendable {
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

  public static func page(_ report: PredictionReport, _ figures: Figures) -> ReportPage {
    PredictionPage(report: report, figures: figures).page
  }
}

private struct PredictionPage {
  let report: PredictionReport
  let figures: PredictionBody.Figures

  var page: ReportPage {
    ReportPage(title: "Classes of", kicker: "Classification", lead: lead, sections: [pictures, classTable, settings])
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

  private var settings: String { "<section><h2>Model</h2>\(PageParts.list(report.model.rows))</section>" }
}
