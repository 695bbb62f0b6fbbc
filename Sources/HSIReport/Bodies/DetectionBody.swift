import Foundation
import HSICore

/// Everything that `hsi detect` has to say about a run; the schema is printed by `hsi schema detect`.
public typealias DetectionReport = Report<DetectionBody>

/// What only detection has to say: the scores, the tail of the background and its threshold, truth, and the best pixels.
public struct DetectionBody: ReportBody {
  public typealias Channel = SceneChannel

  public static let currentVersion = "1.0"
  public static let command = "detect"

  /// Scores of the scene.
  public struct Scores: Codable, Sendable {
    /// Smallest, middle, and largest score, and the one that a hundredth of the pixels exceeds.
    public var minimum: Double
    public var median: Double
    public var percentile99: Double
    public var maximum: Double

    /// Numbers about scores.
    public init(minimum: Double, median: Double, percentile99: Double, maximum: Double) {
      (self.minimum, self.median, self.percentile99, self.maximum) = (minimum, median, percentile99, maximum)
    }
  }

  /// The fitted tail of the scores; see `TailFit`. Of scores of which small ones speak for a target, that of their negatives.
  public struct Tail: Codable, Sendable {
    /// Median of the scores, where the tail begins, and the share of the pixels beyond.
    public var middle: Double
    public var start: Double
    public var share: Double
    /// γ and β.
    public var exponent: Double
    public var slope: Double

    /// A fitted tail.
    public init(middle: Double, start: Double, share: Double, exponent: Double, slope: Double) {
      (self.middle, self.start, self.share) = (middle, start, share)
      (self.exponent, self.slope) = (exponent, slope)
    }
  }

  /// A threshold and what lies beyond it.
  public struct Threshold: Codable, Sendable {
    /// Share of the background that is called a target.
    public var falseAlarmRate: Double
    /// In units of scores.
    public var score: Double
    /// Pixels beyond it.
    public var detections: Int
    /// Pixels of the background that are expected there.
    public var expected: Double

    /// A threshold.
    public init(falseAlarmRate: Double, score: Double, detections: Int, expected: Double) {
      (self.falseAlarmRate, self.score, self.detections, self.expected) = (falseAlarmRate, score, detections, expected)
    }
  }

  /// Scores against truth.
  public struct Truth: Codable, Sendable {
    /// A point of the curve.
    public struct Point: Codable, Sendable {
      public var falseAlarm: Double
      public var detection: Double

      /// Rates of false alarms and of detections.
      public init(falseAlarm: Double, detection: Double) { (self.falseAlarm, self.detection) = (falseAlarm, detection) }
    }

    /// Pixels of targets and of the background.
    public var targets: Int
    public var background: Int
    /// Area under the curve, and up to a false-alarm rate of 0.01 as a share of the possible.
    public var auc: Double
    public var partialAuc: Double
    /// Detection rate at a false-alarm rate of 0.001.
    public var detectionAt0001: Double
    /// The curve, thinned.
    public var curve: [Point]

    /// Scores against truth.
    public init(
      targets: Int, background: Int, auc: Double, partialAuc: Double, detectionAt0001: Double, curve: [Point]
    ) {
      (self.targets, self.background, self.auc, self.partialAuc) = (targets, background, auc, partialAuc)
      (self.detectionAt0001, self.curve) = (detectionAt0001, curve)
    }
  }

  /// A pixel that speaks for a target more than those around it.
  public struct Pixel: Codable, Sendable {
    /// 0-based, in the file.
    public var pixel: PixelPosition
    public var map: ReportMapPosition?
    public var score: Double
    /// Values of all bands of the result.
    public var values: [Double]
    /// The target whose score it is; nil where there is one score only.
    public var target: String?
    /// One value per channel, null where not used.
    public var spectrum: [Double?]
    /// Whether truth has a target there; nil without truth.
    public var isTarget: Bool?

    /// A pixel.
    public init(
      pixel: PixelPosition, map: ReportMapPosition?, score: Double, values: [Double], target: String?,
      spectrum: [Double], isTarget: Bool?
    ) {
      (self.pixel, self.map, self.score, self.values) = (pixel, map, score, values)
      (self.target, self.isTarget) = (target, isTarget)
      self.spectrum = spectrum.map { $0.isFinite ? $0 : nil }
    }
  }

  /// A spectrum that was looked for.
  public struct Target: Codable, Sendable {
    public var name: String
    /// One value per channel, null where not used.
    public var spectrum: [Double?]

    /// A target.
    public init(name: String, spectrum: [Double]) {
      self.name = name
      self.spectrum = spectrum.map { $0.isFinite ? $0 : nil }
    }
  }

  /// Bins of the scores, for the picture.
  public struct Histogram: Codable, Sendable {
    /// Edges, one more than counts.
    public var edges: [Double]
    public var counts: [Int]
    /// Pixels that the fitted tail expects in each bin, null before the tail; nil without a tail.
    public var expected: [Double?]?

    /// Counts between edges.
    public init(edges: [Double], counts: [Int], expected: [Double?]? = nil) {
      (self.edges, self.counts, self.expected) = (edges, counts, expected)
    }
  }

  public var method: ReportMethod
  /// Which scores speak for a target: `higher` or `lower`.
  public var sense: String
  /// Names of the bands of the result.
  public var bands: [String]
  public var targets: [Target]
  public var scores: Scores
  public var histogram: Histogram
  public var tail: Tail?
  public var threshold: Threshold?
  public var truth: Truth?
  /// The best pixels, best first, none of them next to a better one.
  public var best: [Pixel]

  /// What a run found.
  public init(
    method: ReportMethod, sense: String, bands: [String], targets: [Target], scores: Scores, histogram: Histogram,
    tail: Tail?, threshold: Threshold?, truth: Truth?, best: [Pixel]
  ) {
    (self.method, self.sense, self.bands, self.targets) = (method, sense, bands, targets)
    (self.scores, self.histogram, self.tail, self.threshold) = (scores, histogram, tail, threshold)
    (self.truth, self.best) = (truth, best)
  }

  public static func figures(_ report: DetectionReport) -> [ReportFigure] {
    var figures: [ReportFigure] = []
    if let truth = report.truth { figures.append(ReportFigure("AUC", NumberText.short(truth.auc))) }
    if let threshold = report.threshold {
      figures.append(ReportFigure("detections", NumberText.grouped(threshold.detections)))
    }
    figures.append(
      ReportFigure(
        "best score", NumberText.short(report.sense == "lower" ? report.scores.minimum : report.scores.maximum)))
    return figures
  }
}

// MARK: - Schema

extension DetectionBody {
  /// Members of this body, for `hsi schema detect`.
  public static let schema = ReportSchema(
    name: "detect", required: ["method", "sense", "bands", "targets", "channels", "scores", "histogram", "best"],
    properties: """
      "method": {"$ref": "#/$defs/method"},
      "sense": {"description": "Which scores speak for a target.", "enum": ["higher", "lower"]},
      "bands": {"description": "Bands of the result.", "type": "array", "items": {"type": "string"}},
      "targets": {"type": "array", "items": {"$ref": "#/$defs/target"}},
      \(ReportSchema.allChannels),
      "scores": {"$ref": "#/$defs/scores"},
      "histogram": {"$ref": "#/$defs/histogram"},
      "tail": {"description": "Beyond start a share exp(-slope (r^exponent - 1) / exponent) of share lies, r = (x - middle) / (start - middle).", "$ref": "#/$defs/tail"},
      "threshold": {"$ref": "#/$defs/threshold"},
      "truth": {"$ref": "#/$defs/truth"},
      "best": {"description": "Best pixels, best first, none next to a better one.", "type": "array",
        "items": {"$ref": "#/$defs/pixel"}}
      """,
    definitions: """
      "method": {
        "type": "object", "required": ["id", "name", "task", "settings"], "additionalProperties": false,
        "properties": {
          "id": {"type": "string"}, "name": {"type": "string"}, "task": {"enum": ["target", "anomaly"]},
          "citation": {"type": "string"},
          "settings": {"type": "object", "additionalProperties": {"$ref": "#/$defs/number"}},
          "facts": {"type": "object", "additionalProperties": {"$ref": "#/$defs/number"}}
        }
      },
      "spectrum": {"description": "One value per channel, null where not used.", "type": "array",
        "items": {"$ref": "#/$defs/number"}},
      "target": {
        "type": "object", "required": ["name", "spectrum"], "additionalProperties": false,
        "properties": {"name": {"type": "string"}, "spectrum": {"$ref": "#/$defs/spectrum"}}
      },
      "channel": {
        "type": "object", "required": ["band", "used"], "additionalProperties": false,
        "properties": {
      \(ReportSchema.channelPlace),
          "used": {"type": "boolean"}
        }
      },
      "scores": {
        "type": "object", "required": ["minimum", "median", "percentile99", "maximum"], "additionalProperties": false,
        "properties": {
          "minimum": {"$ref": "#/$defs/number"}, "median": {"$ref": "#/$defs/number"},
          "percentile99": {"$ref": "#/$defs/number"}, "maximum": {"$ref": "#/$defs/number"}
        }
      },
      "histogram": {
        "type": "object", "required": ["edges", "counts"], "additionalProperties": false,
        "properties": {
          "edges": {"description": "One more than counts.", "type": "array", "items": {"$ref": "#/$defs/number"}},
          "counts": {"type": "array", "items": {"$ref": "#/$defs/count"}},
          "expected": {"description": "Pixels that the fitted tail expects, null before it.", "type": "array",
            "items": {"$ref": "#/$defs/number"}}
        }
      },
      "tail": {
        "type": "object", "required": ["middle", "start", "share", "exponent", "slope"], "additionalProperties": false,
        "properties": {
          "middle": {"$ref": "#/$defs/number"}, "start": {"$ref": "#/$defs/number"},
          "share": {"$ref": "#/$defs/number"}, "exponent": {"$ref": "#/$defs/number"},
          "slope": {"$ref": "#/$defs/number"}
        }
      },
      "threshold": {
        "type": "object", "required": ["false_alarm_rate", "score", "detections", "expected"],
        "additionalProperties": false,
        "properties": {
          "false_alarm_rate": {"$ref": "#/$defs/number"}, "score": {"$ref": "#/$defs/number"},
          "detections": {"$ref": "#/$defs/count"},
          "expected": {"description": "Background pixels beyond it.", "$ref": "#/$defs/number"}
        }
      },
      "truth": {
        "type": "object",
        "required": ["targets", "background", "auc", "partial_auc", "detection_at0001", "curve"],
        "additionalProperties": false,
        "properties": {
          "targets": {"$ref": "#/$defs/count"}, "background": {"$ref": "#/$defs/count"},
          "auc": {"$ref": "#/$defs/number"},
          "partial_auc": {"description": "Up to a false-alarm rate of 0.01, as a share.", "$ref": "#/$defs/number"},
          "detection_at0001": {"description": "At a false-alarm rate of 0.001.", "$ref": "#/$defs/number"},
          "curve": {"type": "array", "items": {
            "type": "object", "required": ["false_alarm", "detection"], "additionalProperties": false,
            "properties": {"false_alarm": {"$ref": "#/$defs/number"}, "detection": {"$ref": "#/$defs/number"}}
          }}
        }
      },
      "pixel": {
        "type": "object", "required": ["pixel", "score", "values", "spectrum"], "additionalProperties": false,
        "properties": {
          "pixel": {
            "description": "0-based, in the file.",
            "type": "object", "required": ["line", "sample"], "additionalProperties": false,
            "properties": {"line": {"$ref": "#/$defs/count"}, "sample": {"$ref": "#/$defs/count"}}
          },
      \(ReportSchema.mapPosition),
          "score": {"$ref": "#/$defs/number"},
          "values": {"description": "All bands of the result.", "type": "array", "items": {"$ref": "#/$defs/number"}},
          "target": {"type": "string"}, "spectrum": {"$ref": "#/$defs/spectrum"}, "is_target": {"type": "boolean"}
        }
      }
      """)
}
