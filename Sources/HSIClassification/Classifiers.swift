import HSICore
import HSITransformer

/// The register of classifiers: a new one is a file and a line here.
public enum Classifiers {
  /// A classifier: how it is described, made, and read back from a model file.
  public struct Entry: Sendable {
    /// What users and documents are told.
    public let description: MethodDescription
    /// Makes it from checked parameters.
    public let make: @Sendable (MethodParameters) throws -> any Classifier
    /// Reads what its `TrainedClassifier` wrote; the card names the architecture `description.id`.
    public let restore: @Sendable (WeightFile, ModelCard) throws -> any TrainedClassifier

    /// A classifier that is one type.
    public init<C: Classifier>(
      _ type: C.Type, restore: @escaping @Sendable (WeightFile, ModelCard) throws -> any TrainedClassifier
    ) {
      self.init(description: type.description, make: { try C($0) }, restore: restore)
    }

    /// A classifier, several of which may share a type.
    public init(
      description: MethodDescription, make: @escaping @Sendable (MethodParameters) throws -> any Classifier,
      restore: @escaping @Sendable (WeightFile, ModelCard) throws -> any TrainedClassifier
    ) {
      self.description = description
      self.make = make
      self.restore = restore
    }
  }

  /// All of them, the default first, then the simplest.
  public static let all = MethodRegistry<Entry>(
    "classifier",
    [
      Entry(AutomaticClassifier.self) { try Committee($0, $1) },
      Entry(SpectralAngleMapper.self) { try TrainedAngleMapper($0, $1) },
      Entry(GaussianMaximumLikelihood.self) { try TrainedGaussians($0, $1) },
      Entry(NearestNeighbours.self) { try TrainedNeighbours($0, $1) },
      Entry(LogisticRegression.self) { try TrainedLogistic($0, $1) },
      Entry(ShrinkageDiscriminant.self) { try TrainedLogistic($0, $1) },
      Entry(RandomForest.self) { try TrainedForest($0, $1) },
      Entry(ExtraTrees.self) { try TrainedForest($0, $1) },
      Entry(SupportVectorMachine.self) { try TrainedMachine($0, $1) },
      SpectralCNN.entry, PatchCNN.entry,
    ] + LoLAClassifier.entries + SegmenterClassifier.entries
  ) { $0.description }

  /// What is known about every one.
  public static var descriptions: [MethodDescription] { all.descriptions }

  /// The entry of a name or alias.
  ///
  /// - Throws: `CoreError.unknownMethod`.
  public static func entry(_ name: String) throws -> Entry { try all.entry(name) }

  /// The classifier of a name or alias, with values for some parameters and defaults for the rest.
  ///
  /// - Throws: `CoreError.unknownMethod`, `.unknownParameter`, `.invalidParameter`.
  public static func named(_ name: String, _ values: [String: Double] = [:]) throws -> any Classifier {
    let entry = try entry(name)
    return try entry.make(MethodParameters(values, for: entry.description))
  }

  /// Learns as a session says; see `SteppedClassifier`.
  ///
  /// - Throws: `ClassificationError.notStepped` for a session that keeps, resumes or limits the run of a classifier that learns
  ///   in one go; the errors of `Classifier.train`.
  public static func train(
    _ classifier: any Classifier, _ task: ClassificationTask, _ session: TrainingSession, _ context: RunContext
  ) throws -> any TrainedClassifier {
    let claim = context.claimThreads()
    defer { claim.release() }
    if let stepped = classifier as? any SteppedClassifier { return try stepped.train(task, session, context) }
    guard session.statePath == nil, session.timeLimit == nil, session.patience == nil else {
      throw ClassificationError.notStepped(name: type(of: classifier).description.name)
    }
    return try classifier.train(task, context)
  }
}
