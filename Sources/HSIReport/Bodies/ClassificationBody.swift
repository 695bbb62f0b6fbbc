import Foundation
import HSICore

/// Everything that `hsi classify evaluate` has to say about a map; the schema is printed by `hsi schema classify`.
public typealias ClassificationReport = Report<ClassificationBody>

/// What only the evaluation of a map has to say: its accuracy, and how pixels were divided to measure it. The subject of
/// the report is the map; channels are those of the scene, none where it is not known.
public struct ClassificationBody: ReportBody {
  public typealias Channel = SceneChannel

  public static let currentVersion = "1.1"
  public static let command = "classify evaluate"
  public static let subjectKey = "map"

  /// How training and test pixels were told apart.
  public struct SplitSummary: Codable, Sendable {
    /// The raster.
    public var path: String
    /// `disjoint`, `random`, `fixed` or `file`.
    public var scheme: String
    /// What was asked for.
    public var training: String
    public var validation: String
    /// Distance kept between test pixels and all others, in pixels.
    public var guardRadius: Int
    public var seed: UInt64
    /// Half the side of the patch that decides about a pixel, where the model is known.
    public var patchRadius: Int?
    /// Test pixels whose patch holds training pixels.
    public var overlapping: Int?
    /// Pixels of each role.
    public var pixels: [String: Int]

    /// A split.
    public init(
      path: String, scheme: String, training: String, validation: String, guardRadius: Int, seed: UInt64,
      patchRadius: Int?, overlapping: Int?, pixels: [String: Int]
    ) {
      self.path = Secrets.masked(path)
      self.scheme = scheme
      self.training = training
      self.validation = validation
      self.guardRadius = guardRadius
      self.seed = seed
      self.patchRadius = patchRadius
      self.overlapping = overlapping
      self.pixels = pixels
    }
  }

  /// One class.
  public struct Class: Codable, Sendable {
    /// Value in the map.
    public var value: Int
    public var name: String
    /// `#rrggbb`.
    public var colour: String
    /// Pixels with a label, and of each role.
    public var labelled: Int
    public var training: Int
    public var test: Int
    public var guardBand: Int
    /// Pixels of the map.
    public var mapped: Int
    /// Of the judged pixels; null where nothing could be divided by.
    public var precision: Double?
    public var recall: Double?
    public var f1: Double?
    /// Share of the map that the class has after correction by the confusions, and its standard error; nil where judged pixels are
    /// too few.
    public var area: Double?
    public var areaError: Double?
    /// Mean and standard deviation per channel of its labelled pixels, where the scene is known.
    public var mean: [Double]?
    public var deviation: [Double]?

    /// A class without figures so far.
    public init(value: Int, name: String, colour: String) {
      self.value = value
      self.name = name
      self.colour = colour
      (labelled, training, test, guardBand, mapped) = (0, 0, 0, 0, 0)
    }
  }

  /// Figures of one map.
  public struct Run: Codable, Sendable {
    public var map: String
    public var split: String?
    public var overall: Double
    public var average: Double
    public var kappa: Double
    public var meanF1: Double

    /// A map and its figures.
    public init(map: String, split: String?, overall: Double, average: Double, kappa: Double, meanF1: Double) {
      self.map = Secrets.masked(map)
      self.split = split.map(Secrets.masked)
      self.overall = overall
      self.average = average
      self.kappa = kappa
      self.meanF1 = meanF1
    }
  }

  /// Mean and standard deviation over maps.
  public struct Spread: Codable, Sendable {
    public var mean: Double
    public var deviation: Double

    /// Mean and deviation.
    public init(mean: Double, deviation: Double) {
      self.mean = mean
      self.deviation = deviation
    }
  }

  /// One point of the training curve.
  public struct CurvePoint: Codable, Sendable {
    public var epoch: Int
    public var loss: Double
    public var validationAccuracy: Double?
    public var rate: Double

    /// A point.
    public init(epoch: Int, loss: Double, validationAccuracy: Double?, rate: Double) {
      self.epoch = epoch
      self.loss = loss
      self.validationAccuracy = validationAccuracy
      self.rate = rate
    }
  }

  /// Judged pixels by the probability of their class in the map, in intervals of equal width.
  public struct Reliability: Codable, Sendable {
    /// One interval.
    public struct Bin: Codable, Sendable {
      /// Its ends.
      public var from: Double
      public var to: Double
      /// Pixels.
      public var count: Int
      /// Mean probability and share of right pixels; null without pixels.
      public var confidence: Double?
      public var accuracy: Double?

      /// An interval.
      public init(from: Double, to: Double, count: Int, confidence: Double?, accuracy: Double?) {
        (self.from, self.to, self.count) = (from, to, count)
        (self.confidence, self.accuracy) = (confidence, accuracy)
      }
    }

    /// The raster of probabilities.
    public var path: String
    /// Σ n/N · |accuracy − confidence|, a share.
    public var expectedCalibrationError: Double
    public var bins: [Bin]

    /// The intervals of a raster.
    public init(path: String, expectedCalibrationError: Double, bins: [Bin]) {
      self.path = Secrets.masked(path)
      self.expectedCalibrationError = expectedCalibrationError
      self.bins = bins
    }
  }

  /// The labels.
  public var labels: String
  /// The scene, where it is known.
  public var scene: ReportScene?
  /// The model, where it is known.
  public var model: ReportModel?
  /// The split, where one was given.
  public var split: SplitSummary?
  /// `test pixels`, or `all labelled pixels`.
  public var judged: String
  /// The classes in the order of the confusion matrix.
  public var classes: [Class]
  /// Rows: truth; columns: map.
  public var confusion: [[Int]]
  /// Judged pixels of each class to which the map gives none of the classes.
  public var unclassified: [Int]
  /// Figures of the map, as shares.
  public var overall: Double
  public var average: Double
  public var kappa: Double
  public var meanF1: Double
  /// Ends of the 95 % interval of `overall` for independent pixels.
  public var overallInterval: [Double]?
  /// All maps that were judged, this one first.
  public var runs: [Run]
  /// Over `runs`, by name (`overall`, `average`, `kappa`, `mean_f1`), where there are several.
  public var spread: [String: Spread]?
  /// The training curve; empty where there is none.
  public var curve: [CurvePoint]
  /// How far the confidence of the map can be believed, where it was given.
  public var reliability: Reliability?

  /// Figures of one or several maps; the first run is the one whose matrix is shown.
  public init(labels: String, judged: String, classes: [Class], confusion: [[Int]], unclassified: [Int], runs: [Run]) {
    precondition(!runs.isEmpty)
    self.labels = Secrets.masked(labels)
    self.judged = judged
    self.classes = classes
    self.confusion = confusion
    self.unclassified = unclassified
    (overall, average, kappa, meanF1) = (runs[0].overall, runs[0].average, runs[0].kappa, runs[0].meanF1)
    self.runs = runs
    curve = []
  }

  /// Number of judged pixels.
  public var judgedPixels: Int { confusion.reduce(0) { $0 + $1.reduce(0, +) } + unclassified.reduce(0, +) }
}
