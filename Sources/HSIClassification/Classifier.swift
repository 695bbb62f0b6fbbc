import HSICore
import HSITransformer

/// Pixels of a scene whose class is known.
public struct LabelledPixels: Sendable, Equatable {
  /// Places in the scene, row-major (`line · samples + sample`), ascending.
  public var positions: [Int32]
  /// 0-based class of each: the index into the list of classes without the background.
  public var labels: [Int]

  /// Labelled pixels; as many labels as positions.
  public init(positions: [Int32] = [], labels: [Int] = []) {
    precondition(positions.count == labels.count)
    self.positions = positions
    self.labels = labels
  }

  /// Number of pixels.
  public var count: Int { positions.count }
}

/// What a classifier learns from.
public struct ClassificationTask {
  /// The scene, on the bands that are used.
  public var scene: Cube
  /// Pixels to learn from.
  public var training: LabelledPixels
  /// Pixels to choose settings and weights by; may be empty. Never those that accuracy is reported on.
  public var validation: LabelledPixels
  /// The classes, background left out; `labels` index it.
  public var classes: [ClassEntry]
  /// Whether scaling and components may be fitted on all pixels of the scene, not only on those to learn from.
  public var isTransductive: Bool
  /// Metres per pixel of the scene, where they are known.
  public var resolution: Double?

  /// A task.
  public init(
    scene: Cube, training: LabelledPixels, validation: LabelledPixels = .init(), classes: [ClassEntry],
    isTransductive: Bool = false
  ) {
    self.scene = scene
    self.training = training
    self.validation = validation
    self.classes = classes
    self.isTransductive = isTransductive
  }
}

/// Learns to tell classes apart: one file, one type, one line in `Classifiers`.
///
/// Contract of every classifier:
/// - It sees labels of `training` (and of `validation`, to choose settings) only. Features (scaling, components) are
///   fitted on training pixels unless the task is transductive, and belong to what is learned.
/// - The result does not depend on the number of threads; random draws come from the seed of the context.
/// - Missing pixels of the scene never take part; a neighbourhood that reaches over them or over the edge is filled
///   as the classifier documents.
public protocol Classifier: Sendable {
  /// What users and documents are told.
  static var description: MethodDescription { get }
  /// Takes the checked parameters.
  init(_ parameters: MethodParameters) throws
  /// Half the side of the neighbourhood that decides about a pixel; 0 for its spectrum alone.
  var patchRadius: Int { get }
  /// Pixels on either side of a labelled one that are needed to learn from it; `patchRadius` by default.
  var contextRadius: Int { get }
  /// Bytes needed beside the scene while learning.
  func trainingBytes(_ shape: CubeShape, samples: Int, classes: Int) -> Int
  /// Learns.
  ///
  /// - Throws: `ClassificationError`, `CoreError.memory`, `CoreError.cancelled`.
  func train(_ task: ClassificationTask, _ context: RunContext) throws -> any TrainedClassifier
}

/// What was learned: applies to any scene on the same bands.
public protocol TrainedClassifier: Sendable {
  /// Identifier of the classifier that learned it (`MethodDescription.id`); the architecture of its model card.
  var id: String { get }
  /// Half the side of the neighbourhood that decides about a pixel.
  var patchRadius: Int { get }
  /// Pixels on either side that take part in a pixel's probabilities, however little; `patchRadius` by default.
  var contextRadius: Int { get }
  /// Bands that a scene must have.
  var bands: Int { get }
  /// Whether it maps scenes of any bands that have wavelengths; false by default.
  var takesAnyBands: Bool { get }
  /// Whether it maps a scene the same in any units: it is blind to brightness, or brings a scene to its range; false by default.
  var takesAnyUnits: Bool { get }
  /// Strips begin at multiples of so many lines of the scene; 1 by default.
  var lineMultiple: Int { get }
  /// Number of classes.
  var classCount: Int { get }
  /// Bytes needed to classify one line of `samples` pixels, beside the pixels themselves, and once in all.
  func predictionBytes(samples: Int) -> (perLine: Int, fixed: Int)
  /// Probabilities of the classes at the valid pixels of some lines, `pixels × classes`, rows sum to 1.
  ///
  /// - Parameters:
  ///   - scene: at least the wanted lines and `contextRadius` more on either side, where the scene has them.
  ///   - lines: the wanted lines, in the coordinates of `scene`.
  func probabilities(_ scene: Cube, lines: Range<Int>, _ context: RunContext) throws -> PixelMatrix
  /// The classifier as it is for a scene, which it may read first; itself by default.
  ///
  /// - Parameters:
  ///   - resolution: metres per pixel, where they are known.
  ///   - acceptsAnyRange: whether bands far from those that it was trained on are taken all the same, as evaluations want it.
  ///   - name: of the model, for messages.
  /// - Throws: `ClassificationError.modelMismatch`, the errors of reading.
  func fitted(
    to source: any StripSource, resolution: Double?, acceptsAnyRange: Bool, named name: String, _ context: RunContext
  ) throws -> any TrainedClassifier
  /// What a model file holds of it, by name; `Classifiers` reads it back.
  var contents: [(name: String, content: SafetensorsWriter.Content)] { get }
  /// Settings that rebuild it beside the tensors, for the model card.
  var configuration: [String: String] { get }
  /// The training curve, where learning took steps.
  var curve: [TrainingPoint] { get }
}

extension Classifier {
  public var contextRadius: Int { patchRadius }
}

extension TrainedClassifier {
  public var contextRadius: Int { patchRadius }
  public var takesAnyBands: Bool { false }
  public var takesAnyUnits: Bool { false }
  public var lineMultiple: Int { 1 }
  public func fitted(
    to source: any StripSource, resolution: Double?, acceptsAnyRange: Bool, named name: String, _ context: RunContext
  ) throws -> any TrainedClassifier { self }
}

/// A classifier that learns in steps, so that its training can be stopped and resumed, limited in time, and ended early.
public protocol SteppedClassifier: Classifier {
  /// Learns as the session says. Stopped by its time limit it returns the best so far; resumed it ends with the same bytes as
  /// a run that was not stopped.
  ///
  /// - Throws: as `Classifier.train`, and `TransformerError.otherTraining` for a state of another run.
  func train(
    _ task: ClassificationTask, _ session: TrainingSession, _ context: RunContext
  ) throws -> any TrainedClassifier
}

extension SteppedClassifier {
  /// Learns in one go.
  public func train(_ task: ClassificationTask, _ context: RunContext) throws -> any TrainedClassifier {
    try train(task, TrainingSession(), context)
  }
}

extension TrainingPoint {
  /// A point of a classifier's curve.
  public init(epoch: Int, loss: Double, validationAccuracy: Double? = nil, rate: Double) {
    self.init(step: epoch, epoch: epoch, loss: loss, score: validationAccuracy, rate: rate)
  }

  /// Share of validation pixels classified correctly, where it was measured: the score of classifiers.
  public var validationAccuracy: Double? { score }
}
