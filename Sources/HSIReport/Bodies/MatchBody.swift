import Foundation
import HSICore

/// Everything that `hsi match` has to say about a map; the schema is printed by `hsi schema match`.
public typealias MatchReport = Report<MatchBody>

/// What only matching has to say: the spectra that were found, where they fit best, and what is none of them.
public struct MatchBody: ReportBody {
  public typealias Channel = SceneChannel

  public static let currentVersion = "1.0"
  public static let command = "match"

  /// The pixel that a spectrum fits best.
  public struct Best: Codable, Sendable {
    /// 0-based, in the file.
    public var pixel: PixelPosition
    public var map: ReportMapPosition?
    public var fit: Double
    /// One value per channel, null where not used.
    public var spectrum: [Double?]

    /// A pixel.
    public init(pixel: PixelPosition, map: ReportMapPosition?, fit: Double, spectrum: [Double]) {
      (self.pixel, self.map, self.fit) = (pixel, map, fit)
      self.spectrum = spectrum.map { $0.isFinite ? $0 : nil }
    }
  }

  /// A spectrum that was found.
  public struct Match: Codable, Sendable {
    /// Value in the map.
    public var value: Int
    public var name: String
    /// `#rrggbb`.
    public var colour: String
    public var pixels: Int
    /// Share of the pixels with data.
    public var share: Double
    /// Mean over its pixels.
    public var fit: Double
    public var depth: Double?
    public var best: Best
    /// The spectrum of the library: one value per channel, null where not used.
    public var spectrum: [Double?]

    /// A spectrum.
    public init(
      value: Int, name: String, colour: String, pixels: Int, share: Double, fit: Double, depth: Double?, best: Best,
      spectrum: [Double]
    ) {
      (self.value, self.name, self.colour, self.pixels, self.share) = (value, name, colour, pixels, share)
      (self.fit, self.depth, self.best) = (fit, depth, best)
      self.spectrum = spectrum.map { $0.isFinite ? $0 : nil }
    }
  }

  public var method: ReportMethod
  /// Which fits speak for a spectrum: `higher` or `lower`.
  public var sense: String
  /// The library, and how many spectra of it were compared.
  public var library: String
  public var spectra: Int
  /// Those of most pixels first.
  public var matches: [Match]
  /// Pixels that are none of the spectra.
  public var unknown: Int

  /// What a map holds.
  public init(method: ReportMethod, sense: String, library: String, spectra: Int, matches: [Match], unknown: Int) {
    (self.method, self.sense, self.spectra) = (method, sense, spectra)
    self.library = Secrets.masked(library)
    (self.matches, self.unknown) = (matches, unknown)
  }

  public static func figures(_ report: MatchReport) -> [ReportFigure] {
    let total = report.matches.reduce(report.unknown) { $0 + $1.pixels }
    return [
      ReportFigure("spectra found", "\(report.matches.count)"),
      ReportFigure("matched", NumberText.percent(1 - Double(report.unknown) / Double(max(total, 1)))),
    ]
  }
}

// MARK: - Schema

extension MatchBody {
  /// Members of this body, for `hsi schema match`.
  public static let schema = ReportSchema(
    name: "match", required: ["method", "sense", "library", "spectra", "matches", "unknown", "channels"],
    properties: """
      "method": {"$ref": "#/$defs/method"},
      "sense": {"description": "Which fits speak for a spectrum.", "enum": ["higher", "lower"]},
      "library": {"type": "string"},
      "spectra": {"description": "Spectra that were compared.", "$ref": "#/$defs/count"},
      "matches": {"description": "Those of most pixels first.", "type": "array", "items": {"$ref": "#/$defs/match"}},
      "unknown": {"description": "Pixels that are none of the spectra.", "$ref": "#/$defs/count"},
      \(ReportSchema.allChannels)
      """,
    definitions: """
      "method": {
        "type": "object", "required": ["id", "name", "task", "settings"], "additionalProperties": false,
        "properties": {
          "id": {"type": "string"}, "name": {"type": "string"}, "task": {"enum": ["match"]},
          "citation": {"type": "string"},
          "settings": {"type": "object", "additionalProperties": {"$ref": "#/$defs/number"}}
        }
      },
      "spectrum": {"description": "One value per channel, null where not used.", "type": "array",
        "items": {"$ref": "#/$defs/number"}},
      "channel": {
        "type": "object", "required": ["band", "used"], "additionalProperties": false,
        "properties": {
      \(ReportSchema.channelPlace),
          "used": {"type": "boolean"}
        }
      },
      "match": {
        "type": "object", "required": ["value", "name", "colour", "pixels", "share", "fit", "best", "spectrum"],
        "additionalProperties": false,
        "properties": {
          "value": {"type": "integer", "minimum": 1}, "name": {"type": "string"},
          "colour": {"type": "string", "pattern": "^#[0-9a-f]{6}$"}, "pixels": {"$ref": "#/$defs/count"},
          "share": {"$ref": "#/$defs/number"}, "fit": {"$ref": "#/$defs/number"},
          "depth": {"$ref": "#/$defs/number"}, "spectrum": {"$ref": "#/$defs/spectrum"},
          "best": {
            "type": "object", "required": ["pixel", "fit", "spectrum"], "additionalProperties": false,
            "properties": {
              "pixel": {
                "description": "0-based, in the file.",
                "type": "object", "required": ["line", "sample"], "additionalProperties": false,
                "properties": {"line": {"$ref": "#/$defs/count"}, "sample": {"$ref": "#/$defs/count"}}
              },
      \(ReportSchema.mapPosition),
              "fit": {"$ref": "#/$defs/number"}, "spectrum": {"$ref": "#/$defs/spectrum"}
            }
          }
        }
      }
      """)
}

// MARK: - Page

extension MatchBody {
  /// The pictures of a report on matches; those that are missing are left out of the page.
  public struct Figures: Sendable {
    /// The scene in colour, and which bands it shows.
    public var scene: ReportPicture?
    public var sceneCaption: String
    /// The map.
    public var map: ReportPicture?
    /// How well the best spectrum fits.
    public var fit: ReportMap?

    /// Pictures.
    public init(
      scene: ReportPicture? = nil, sceneCaption: String = "", map: ReportPicture? = nil, fit: ReportMap? = nil
    ) {
      (self.scene, self.sceneCaption, self.map, self.fit) = (scene, sceneCaption, map, fit)
    }
  }

  public static func page(_ report: MatchReport, _ figures: Figures) -> ReportPage {
    MatchPage(report: report, figures: figures).page
  }
}

extension MatchReport {
  /// A spectrum of the library, brought to the brightness of the pixel that it fits best, beside that pixel.
  func comparisonChart(_ match: MatchBody.Match) -> LineChart {
    let axis = axis
    let (pixel, own) = (match.best.spectrum, match.spectrum)
    let shared = channels.indices.filter { channels[$0].used }.compactMap { channel -> (Double, Double)? in
      guard pixel.indices.contains(channel), let value = pixel[channel], let library = own[channel] else { return nil }
      return (value, library)
    }
    let (up, down) = (shared.reduce(0) { $0 + $1.0 * $1.1 }, shared.reduce(0) { $0 + $1.1 * $1.1 })
    let factor = down > 0 ? up / down : 1
    func series(_ name: String, _ colour: Colour, _ style: LineChart.Style, _ value: @escaping (Int) -> Double?)
      -> LineChart.Series
    {
      let (x, y) = axis.curve { channels[$0].used ? value($0) : nil }
      return LineChart.Series(name: name, colour: colour, x: x, y: y, style: style)
    }
    var chart = channelChart(
      title: match.name, summary: "Pixel \(match.best.pixel.sample), \(match.best.pixel.line) and \(match.name)",
      yLabel: subject.quantityLabel,
      series: [
        series("pixel \(match.best.pixel.sample), \(match.best.pixel.line)", CategoricalPalette.colour(2), .line) {
          pixel.indices.contains($0) ? pixel[$0] : nil
        },
        series("library × \(NumberText.short(factor, digits: 3))", CategoricalPalette.colour(0), .dashed) {
          own[$0].map { $0 * factor }
        },
      ])
    chart.xRange = nil
    if let range = LineChart.robustRange(chart.series.map(\.y)) { chart.yRange = range }
    return chart
  }
}

private struct MatchPage {
  let report: MatchReport
  let figures: MatchBody.Figures

  /// Spectra with a chart, and rows of the table.
  private static let charts = 6
  private static let rows = 40

  var page: ReportPage {
    ReportPage(
      title: "Matches in", kicker: "Spectral matching", lead: lead, sections: [pictures, fits, table, settings])
  }

  private func e(_ text: String) -> String { Markup.escape(text) }

  private var total: Int { report.matches.reduce(report.unknown) { $0 + $1.pixels } }

  private var lead: String {
    var text =
      "<strong>\(e(report.method.name))</strong> finds \(report.matches.count) of \(report.spectra) spectra of "
    text +=
      "\(e(report.library)) on <strong>\(NumberText.percent(Double(total - report.unknown) / Double(max(total, 1))))"
    text += "</strong> of \(NumberText.grouped(total)) pixels; the others are like none of them. "
    if let first = report.matches.first {
      text += "Most are \(e(first.name)) (\(NumberText.percent(first.share)))."
    }
    return text
  }

  private var pictures: String {
    var html = ""
    if let scene = figures.scene {
      html += PageParts.figure(scene, "The scene", heading: "Scene", caption: figures.sceneCaption)
    }
    if let map = figures.map {
      html += PageParts.figure(
        map, "The map of spectra", heading: "Map", caption: "Black where no spectrum is near enough")
    }
    guard !html.isEmpty else { return "" }
    let pairing = PageParts.pairing(figures.map ?? figures.scene)
    html = "<section><h2>Map</h2><div class=\"\(pairing)\">\(html)</div><ul class=\"legend\">"
    for match in report.matches.prefix(12) { html += "<li>\(PageParts.swatch(match.colour))\(e(match.name))</li>" }
    if report.matches.count > 12 { html += "<li>and \(report.matches.count - 12) more</li>" }
    html += "</ul>"
    if let fit = figures.fit {
      html += "<div class=\"\(pairing)\"><figure><h3>Fit of the best spectrum</h3>"
      html += PageParts.image(fit.picture, "Fit of the best spectrum")
      html += PageParts.colourBar(fit, "fit")
      html += "<figcaption>\(report.sense == "lower" ? "Low" : "High") values fit well</figcaption></figure></div>"
    }
    return html + "</section>"
  }

  private var fits: String {
    guard !report.matches.isEmpty else { return "" }
    var html = "<section><h2>Best pixels</h2><div class=\"charts\">"
    for (index, match) in report.matches.prefix(MatchPage.charts).enumerated() {
      html += "<figure><h3>\(PageParts.swatch(match.colour))\(e(match.name))</h3>"
      html += report.comparisonChart(match).svg(width: 480, height: 240, identifier: "match-\(index)")
      html += "</figure>"
    }
    return html + "</div></section>"
  }

  private var table: String {
    guard !report.matches.isEmpty else { return "" }
    let hasDepth = report.matches.contains { $0.depth != nil }
    var html = "<section><h2>Spectra found</h2><div class=\"scroll\"><table><thead><tr><th>Spectrum</th>"
    for head in ["Value", "Pixels", "Share", "Mean fit"] + (hasDepth ? ["Mean depth"] : []) + [
      "Best fit", "Sample, line",
    ] {
      html += "<th class=\"n\">\(head)</th>"
    }
    html += "</tr></thead><tbody>"
    for match in report.matches.prefix(MatchPage.rows) {
      html += "<tr><th scope=\"row\">\(PageParts.swatch(match.colour))\(e(match.name))</th>"
      var cells = [
        "\(match.value)", NumberText.grouped(match.pixels), NumberText.percent(match.share),
        NumberText.short(match.fit, digits: 3),
      ]
      if hasDepth { cells.append(match.depth.map { NumberText.short($0, digits: 3) } ?? "–") }
      cells += [NumberText.short(match.best.fit, digits: 3), "\(match.best.pixel.sample), \(match.best.pixel.line)"]
      for cell in cells { html += "<td class=\"n\">\(e(cell))</td>" }
      html += "</tr>"
    }
    html += "</tbody></table></div>"
    if report.matches.count > MatchPage.rows {
      html += "<p class=\"note\">\(report.matches.count - MatchPage.rows) more are in the JSON report.</p>"
    }
    return html + "</section>"
  }

  private var settings: String { "<section><h2>Settings</h2>\(PageParts.list(report.method.rows))</section>" }
}
