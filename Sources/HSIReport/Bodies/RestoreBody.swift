import Foundation
import HSICore

/// Everything that `hsi restore` has to say about a run; the schema is printed by `hsi schema restore`.
public typealias RestoreReport = Report<RestoreBody>

/// What only restoring has to say: what was missing or wrong, what was changed, and how far that can be trusted.
public struct RestoreBody: ReportBody {
  public static let currentVersion = "1.0"
  public static let command = "restore"

  /// One channel of the scene.
  public struct Channel: ReportChannel {
    /// 1-based number in the file.
    public var band: Int
    /// Centre in nm.
    public var wavelengthNm: Double?
    /// Width in nm.
    public var fwhmNm: Double?
    /// False for channels that were handed on as they are.
    public var used: Bool
    /// Values that were missing, and that still are.
    public var missing: Int?
    public var missingAfter: Int?
    /// Root mean square of the change of values that were known, in the units of the scene; nil where the grid changed.
    public var changedRms: Double?

    /// A channel that was not processed, so far.
    public init(band: Int, wavelengthNm: Double?, fwhmNm: Double?) {
      self.band = band
      self.wavelengthNm = wavelengthNm
      self.fwhmNm = fwhmNm
      used = false
    }
  }

  /// Known values that were hidden, restored and compared.
  public struct HeldBack: Codable, Sendable {
    /// Their number.
    public var values: Int
    /// Root mean square error in the units of the scene.
    public var rmse: Double
    /// `rmse` over the root mean square of the hidden values.
    public var relative: Double?

    /// The outcome of a check.
    public init(values: Int, rmse: Double, relative: Double?) {
      self.values = values
      self.rmse = rmse
      self.relative = relative
    }
  }

  /// What a predictor said about a scene.
  public struct Prediction: Codable, Sendable {
    /// A degradation and how likely it is.
    public struct Class: Codable, Sendable {
      /// `noise`, `blur` …, `nothing`.
      public var name: String
      /// 0 to 1; those of all classes sum to 1.
      public var probability: Double

      /// A class.
      public init(name: String, probability: Double) { (self.name, self.probability) = (name, probability) }
    }

    /// The least probability that is acted upon.
    public var threshold: Double
    /// Parts of the scene that were looked at.
    public var views: Int
    /// All classes.
    public var classes: [Class]

    /// What was said.
    public init(threshold: Double, views: Int, classes: [Class]) {
      (self.threshold, self.views, self.classes) = (threshold, views, classes)
    }
  }

  /// What was restored: `auto` where nothing was wrong, else `inpaint`, `bands`, `deblur` …
  public var task: String
  /// The method and what it was told.
  public var method: ReportMethod
  /// Values that were missing in the processed bands, and that still are.
  public var missing: Int
  public var missingAfter: Int
  /// Pixels in which a value was filled, and pixels in which a known value changed; nil where the grid changed.
  public var filledPixels: Int?
  public var changedPixels: Int?
  /// Lines of the result per line of the scene.
  public var scale: Int
  /// Error of values that were hidden; absent where nothing is filled, or too little known.
  public var heldBack: HeldBack?
  /// What the predictor said; absent where it was not asked.
  public var prediction: Prediction?

  /// What a run did.
  public init(task: String, method: ReportMethod, missing: Int, missingAfter: Int, scale: Int, heldBack: HeldBack?) {
    self.task = task
    self.method = method
    self.missing = missing
    self.missingAfter = missingAfter
    self.scale = scale
    self.heldBack = heldBack
  }
}

// MARK: - Schema

extension RestoreBody {
  /// Members of this body, for `hsi schema restore`.
  public static let schema = ReportSchema(
    name: "restore", required: ["task", "method", "channels", "missing", "missing_after", "scale"],
    properties: """
      "task": {"type": "string"},
      "method": {"$ref": "#/$defs/method"},
      \(ReportSchema.allChannels),
      "missing": {"description": "Values in the processed bands.", "$ref": "#/$defs/count"},
      "missing_after": {"$ref": "#/$defs/count"},
      "filled_pixels": {"description": "Pixels in which a value was filled.", "$ref": "#/$defs/count"},
      "changed_pixels": {"description": "Pixels in which a known value changed.", "$ref": "#/$defs/count"},
      "scale": {"description": "Lines of the result per line of the scene.", "type": "integer", "minimum": 1},
      "held_back": {
        "description": "Known values that were hidden, restored and compared.",
        "type": "object", "required": ["values", "rmse"], "additionalProperties": false,
        "properties": {
          "values": {"$ref": "#/$defs/count"}, "rmse": {"$ref": "#/$defs/number"},
          "relative": {"description": "Over the root mean square of the hidden values.", "$ref": "#/$defs/number"}
        }
      },
      "prediction": {
        "description": "What the predictor of degradations said.",
        "type": "object", "required": ["threshold", "views", "classes"], "additionalProperties": false,
        "properties": {
          "threshold": {"description": "Least probability that is acted upon.", "$ref": "#/$defs/number"},
          "views": {"description": "Parts of the scene that were looked at.", "$ref": "#/$defs/count"},
          "classes": {
            "type": "array",
            "items": {
              "type": "object", "required": ["name", "probability"], "additionalProperties": false,
              "properties": {"name": {"type": "string"}, "probability": {"$ref": "#/$defs/number"}}
            }
          }
        }
      }
      """,
    definitions: """
      \(ReportSchema.restorer),
      "channel": {
        "type": "object", "required": ["band", "used"], "additionalProperties": false,
        "properties": {
      \(ReportSchema.channelPlace),
          "used": {"type": "boolean"},
          "missing": {"$ref": "#/$defs/count"}, "missing_after": {"$ref": "#/$defs/count"},
          "changed_rms": {"description": "Of values that were known.", "$ref": "#/$defs/number"}
        }
      }
      """)
}

// MARK: - Page

extension RestoreBody {
  /// The pictures of a report; those that are missing are left out of the page.
  public struct Figures: Sendable {
    /// The scene before and after, in the same colours.
    public var before: ReportPicture?
    public var after: ReportPicture?
    /// Which bands they show.
    public var caption: String

    /// Pictures.
    public init(before: ReportPicture? = nil, after: ReportPicture? = nil, caption: String = "") {
      self.before = before
      self.after = after
      self.caption = caption
    }
  }

  public static func page(_ report: RestoreReport, _ figures: Figures) -> ReportPage {
    RestorePage(report: report, figures: figures).page
  }
}

private struct RestorePage {
  let report: RestoreReport
  let figures: RestoreBody.Figures

  var page: ReportPage {
    ReportPage(
      title: "Restored", kicker: "Restoration", lead: lead, sections: [pictures, prediction, trust, channels, settings])
  }

  private func e(_ text: String) -> String { Markup.escape(text) }

  private var lead: String {
    let scene = report.subject
    var text =
      "<strong>\(e(report.method.name))</strong> (\(e(report.task))) on \(scene.usedBands) of \(scene.bands) bands and "
    text += "\(NumberText.grouped(scene.validPixels)) pixels"
    let reason = report.method.reason ?? "given"
    text += reason == "given" ? ". " : ": \(e(reason)). "
    if let unchanged = report.method.unchanged {
      return text + "<strong>The scene is unchanged: \(e(unchanged)).</strong>"
    }
    if report.missing > 0 {
      text += "Of \(NumberText.grouped(report.missing)) missing values "
      text += "<strong>\(NumberText.grouped(report.missing - report.missingAfter))</strong> were filled"
      text += report.filledPixels.map { ", in \(NumberText.grouped($0)) pixels. " } ?? ". "
    }
    if let changed = report.changedPixels { text += "Known values changed in \(NumberText.grouped(changed)) pixels. " }
    if report.scale > 1 { text += "The grid is \(report.scale) times as fine. " }
    return text
  }

  private var pictures: String {
    guard let before = figures.before, let after = figures.after else { return "" }
    return "<section><h2>Before and after</h2><div class=\"\(PageParts.pairing(before))\">"
      + PageParts.figure(before, "The scene before", heading: "Before", caption: figures.caption)
      + PageParts.figure(after, "The scene after", heading: "After", caption: "The same bands and stretch")
      + "</div></section>"
  }

  private var prediction: String {
    guard let prediction = report.prediction else { return "" }
    let rows = prediction.classes.sorted { $0.probability > $1.probability }.map {
      (key: $0.name, value: NumberText.percent($0.probability))
    }
    let parts = prediction.views == 1 ? "one part" : "\(prediction.views) parts"
    var text =
      "<section><h2>What is wrong, by the predictor</h2><p>Probabilities, the mean over \(parts) of the scene; below "
    text += "\(NumberText.percent(prediction.threshold)) nothing is done.</p>\(PageParts.list(rows))</section>"
    return text
  }

  private var trust: String {
    guard let check = report.heldBack else { return "" }
    var text =
      "<section><h2>How far to trust it</h2><p>\(NumberText.grouped(check.values)) values that are known were hidden, restored "
    text += "and compared: root mean square error <strong>\(e(NumberText.short(check.rmse, digits: 3)))</strong>"
    if let relative = check.relative { text += ", \(NumberText.percent(relative)) of the values" }
    return text + ". Values that are really missing may be harder, where they are missing in one piece.</p></section>"
  }

  private func series(_ name: String, _ colour: Colour, _ value: (RestoreBody.Channel) -> Double?) -> LineChart.Series {
    let (x, y) = report.axis.curve { value(report.channels[$0]) }
    return LineChart.Series(name: name, colour: colour, x: x, y: y)
  }

  private var channels: String {
    let changed = report.channels.compactMap(\.changedRms)
    var html = ""
    if report.missing > 0 {
      let pixels = Double(max(report.subject.validPixels, 1))
      let chart = report.channelChart(
        title: "Missing values", summary: "Share of the values of every band that were missing, and that still are",
        yLabel: "Share of the pixels", unused: "not processed",
        series: [
          series("before", CategoricalPalette.colour(0)) { $0.missing.map { Double($0) / pixels } },
          series("after", CategoricalPalette.colour(1)) { $0.missingAfter.map { Double($0) / pixels } },
        ])
      html += "<section><h2>Missing values</h2>\(PageParts.chart(chart, "missing", height: 260))</section>"
    }
    if changed.contains(where: { $0 > 0 }) {
      let chart = report.channelChart(
        title: "Change of known values", summary: "Root mean square of the change of values that were known, per band",
        yLabel: "Root mean square", unused: "not processed",
        series: [series("change", CategoricalPalette.colour(2)) { $0.changedRms }])
      html += "<section><h2>Change of known values</h2>\(PageParts.chart(chart, "changed", height: 260))</section>"
    }
    return html
  }

  private var settings: String { "<section><h2>Settings</h2>\(PageParts.list(report.method.rows))</section>" }
}
