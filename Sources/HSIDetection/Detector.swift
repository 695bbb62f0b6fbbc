import HSICore
import HSINumerics

extension MethodTask {
  /// Pixels that hold a known spectrum.
  public static let target = MethodTask(rawValue: "target")
  /// Pixels unlike the others.
  public static let anomaly = MethodTask(rawValue: "anomaly")
}

extension ProductName {
  /// Values of a detector, N × its bands.
  public static let detection: ProductName = "detection"
}

/// Which scores speak for a target.
public enum ScoreSense: String, Sendable, Codable {
  /// Large ones: filters, likelihood ratios, distances from the background.
  case higher
  /// Small ones: angles and divergences from the target.
  case lower
}

/// A band of what a detector delivers.
public struct DetectionBand: Sendable, Hashable {
  /// Name of the band in files: `ace: tarpaulin`.
  public var name: String
  /// Whether it is a score, rather than something said beside it (infeasibility, uncertainty).
  public var isScore: Bool

  /// A band.
  public init(_ name: String, isScore: Bool = true) {
    self.name = name
    self.isScore = isScore
  }
}

/// Gives every pixel of a scene a score: how much it speaks for a target, or for something unlike the background.
///
/// A detector has learnt what it needs (background, subspaces) when it is made; detecting is one pass over the pixels. Scores do not
/// depend on the number of threads or on how the scene is cut into strips.
public protocol Detector: Sendable {
  /// Name, paper, cost, parameters.
  static var description: MethodDescription { get }
  /// What is delivered for every pixel, in order.
  var bands: [DetectionBand] { get }
  /// Which scores speak for a target.
  var sense: ScoreSense { get }
  /// What was chosen and found: shrinkage, pixels of the background, dimensions.
  var facts: [String: Double] { get }

  /// Delivers `ProductName.detection` (pixels × bands) for all valid pixels, strip by strip.
  ///
  /// - Throws: the errors of reading; `CoreError.memory`, `.cancelled`.
  func detect(
    in source: any StripSource, _ context: RunContext, deliver: (ProductStrip) throws -> Void
  ) throws
}

extension Detector {
  public var sense: ScoreSense { .higher }
}

/// A detector of known spectra.
public protocol TargetDetector: Detector {
  /// Whether scores change when scene and targets are in different units; the caller compares them then.
  static var dependsOnUnits: Bool { get }

  /// Learns the background of a scene.
  ///
  /// - Parameters:
  ///   - targets: spectra on the bands of `source`, in its units.
  ///   - parameters: as the description declares them.
  /// - Throws: `DetectionError`, `NumericsError.singular`, the errors of reading.
  init(
    _ targets: SpectralLibrary, in source: any StripSource, _ parameters: MethodParameters, _ context: RunContext)
    throws
}

extension TargetDetector {
  public static var dependsOnUnits: Bool { true }
}

/// A detector of what is unlike the background.
public protocol AnomalyDetector: Detector {
  /// Learns the background of a scene.
  ///
  /// - Throws: `DetectionError`, `NumericsError.singular`, the errors of reading.
  init(in source: any StripSource, _ parameters: MethodParameters, _ context: RunContext) throws
}

/// A detector that looks at every pixel alone.
public protocol PixelDetector: Detector {
  /// Bytes of work per pixel beside the pixel and the scores.
  var workingBytesPerPixel: Int { get }

  /// Values of some pixels, pixels × bands.
  func score(_ pixels: PixelMatrix, into values: PixelMatrix)
}

extension PixelDetector {
  public var workingBytesPerPixel: Int { 0 }

  public func detect(
    in source: any StripSource, _ context: RunContext, deliver: (ProductStrip) throws -> Void
  ) throws {
    let claim = context.claimThreads()
    defer { claim.release() }
    let values = PixelMatrix(rows: 0, columns: bands.count)
    let bytes = 4 * bands.count + workingBytesPerPixel
    try source.forEachStrip(context, label: "detecting", extraBytesPerPixel: bytes) { strip in
      values.reshape(rows: strip.count, columns: bands.count)
      score(strip.pixels, into: values)
      var result = ProductStrip(window: strip.window, positions: strip.positions)
      result[.detection] = values
      try deliver(result)
    }
  }
}

/// The registers of all detectors: a new one is a file and a line here.
public enum Detectors {
  /// Of known spectra.
  public static let target = MethodRegistry<any TargetDetector.Type>(
    "target detector",
    [
      ACE.self, MatchedFilter.self, CEM.self, GLRT.self, AMF.self, OSP.self, MatchedSubspace.self, MTMF.self,
      SpectralAngleDetector.self, SpectralDivergenceDetector.self,
    ]
  ) { $0.description }
  /// Of what is unlike the background.
  public static let anomaly = MethodRegistry<any AnomalyDetector.Type>(
    "anomaly detector", [RX.self, LocalRX.self, ClusterRX.self, CollaborativeRepresentation.self]
  ) { $0.description }

  /// What is known about every detector.
  public static var descriptions: [MethodDescription] {
    target.descriptions + [PlumeFilter.description] + anomaly.descriptions
  }
}
