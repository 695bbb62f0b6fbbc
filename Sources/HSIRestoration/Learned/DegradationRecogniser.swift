import Foundation
import HSICore
import HSINetworks
import HSINumerics
import HSITransformer

/// What a scene suffers from, as a network sees it.
public struct DegradationPrediction: Sendable, Hashable {
  /// A degradation and how likely it is.
  public struct Class: Sendable, Hashable {
    /// The degradation; nil for none.
    public var task: MPHSIRTask?
    /// Between 0 and 1; those of all classes sum to 1.
    public var probability: Double

    /// `noise`, `blur` …, `nothing`.
    public var name: String { task?.rawValue ?? "nothing" }

    /// A class.
    public init(task: MPHSIRTask?, probability: Double) {
      self.task = task
      self.probability = probability
    }
  }

  /// All classes in the order of the network, at least two.
  public var classes: [Class]
  /// Parts of the scene that were looked at.
  public var views: Int

  /// A prediction.
  public init(classes: [Class], views: Int) {
    self.classes = classes
    self.views = views
  }

  /// The most likely class.
  public var best: Class { ranked[0] }

  /// The classes, the most likely first.
  public var ranked: [Class] { classes.sorted { $0.probability > $1.probability } }

  /// The three most likely classes in words: `blur 0.93, noise 0.04, motion 0.02`.
  public var text: String {
    ranked.prefix(3).map { String(format: "\($0.name) %.2f", $0.probability) }.joined(separator: ", ")
  }
}

/// Tells by a network what a scene suffers from.
///
///     if let seen = try DegradationRecogniser().recognise(scene, context), seen.best.probability >= DegradationRecogniser.threshold { … }
///
/// Up to 16 parts of the scene are looked at in its own resolution, and the mean of their probabilities counts (`PredictorImage`): every
/// part sees noise and blur, few see a cloud. Memory: one part at a time, about 10 MB with the default network.
public struct DegradationRecogniser: Sendable {
  /// The least probability of a class that is acted upon.
  public static let threshold = 0.6

  /// Name of the file of weights.
  public let name: String
  private let network: DegradationPredictor

  /// A recogniser with the weights of a file, or with those that come with the package.
  ///
  /// - Throws: `RestorationError.noBundledWeights`, and what `ModelFile.init` throws.
  public init(weights path: String? = nil) throws {
    guard let path = path.map({ WeightSearch.locate($0) }) ?? BundledWeights.path(BundledWeights.predictor) else {
      throw RestorationError.noBundledWeights(name: BundledWeights.predictor)
    }
    self.init(try Model<DegradationPredictor>.read(path).network, name: (path as NSString).lastPathComponent)
  }

  /// A recogniser with a network.
  public init(_ network: DegradationPredictor, name: String) {
    (self.network, self.name) = (network, name)
  }

  /// Looks at a scene.
  ///
  /// - Parameter scene: pixels with a missing value count as missing; missing ones take values from around them.
  /// - Returns: nil where there is too little to look at: fewer lines or samples than a quarter of the network's, or no part that
  ///   is at least half there and not constant.
  /// - Throws: `CoreError.cancelled`.
  public func recognise(_ scene: Cube, _ context: RunContext) throws -> DegradationPrediction? {
    let claim = context.claimThreads()
    defer { claim.release() }
    let (configuration, shape) = (network.configuration, scene.shape)
    guard min(shape.lines, shape.samples) >= configuration.size / 4 else { return nil }
    let finite = scene.finitePixels()
    let rows = finite.rowOfPlace()
    var (sums, views) = ([Double](repeating: 0, count: configuration.classes), 0)
    for window in PredictorImage.windows(shape, size: configuration.size) {
      try context.checkCancellation()
      guard let part = DegradationRecogniser.part(window, of: finite, rows) else { continue }
      guard
        let picture = PredictorImage.picture(
          part.filledImage(), lines: window.lines, samples: window.samples, bands: configuration.bands,
          size: configuration.size)
      else { continue }
      let input = Tensor([1, configuration.size, configuration.size, configuration.bands], picture.values)
      let tape = Tape(.inference)
      let probabilities = tape.softmax(network(Variable(input), tape)).value
      for i in sums.indices { sums[i] += Double(probabilities.pointer[i]) }
      views += 1
    }
    guard views > 0, sums.allSatisfy(\.isFinite) else { return nil }
    let tasks = configuration.tasks.map { Optional($0) } + [nil]
    return DegradationPrediction(
      classes: zip(tasks, sums).map { .init(task: $0, probability: $1 / Double(views)) }, views: views)
  }

  /// A window of a scene; nil where less than half of its pixels are there.
  private static func part(_ window: PixelWindow, of scene: Cube, _ rows: [Int32]) -> Cube? {
    let (samples, bands) = (scene.shape.samples, scene.shape.bands)
    var places: [(position: Int32, row: Int)] = []
    for line in 0..<window.lines {
      for sample in 0..<window.samples {
        let row = Int(rows[(window.line + line) * samples + window.sample + sample])
        if row >= 0 { places.append((Int32(line * window.samples + sample), row)) }
      }
    }
    guard 2 * places.count >= window.lines * window.samples else { return nil }
    let pixels = PixelMatrix(rows: places.count, columns: bands)
    for (n, place) in places.enumerated() {
      (pixels.pointer + n * bands).update(from: scene.pixels.pointer + place.row * bands, count: bands)
    }
    return Cube(
      shape: CubeShape(lines: window.lines, samples: window.samples, bands: bands), metadata: scene.metadata,
      pixels: pixels, positions: places.map(\.position))
  }
}
