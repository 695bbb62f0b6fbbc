import HSIClassification
import HSICore
import HSITransformer

/// Weights that were pre-trained without labels, and what is trained of them.
public struct ClassifierStart: Sendable, Hashable {
  /// The file; see `WeightSearch`.
  public var path: String
  /// What is trained.
  public var scope: SegmenterRecipe.Scope

  /// All weights by default.
  public init(_ path: String, _ scope: SegmenterRecipe.Scope = .all) { (self.path, self.scope) = (path, scope) }

  /// A classifier that starts from here, or as it is where there is no start.
  ///
  /// - Throws: `ClassificationError.notPretrained`, the errors of the file.
  static func apply(_ start: ClassifierStart?, to classifier: any Classifier) throws -> any Classifier {
    guard let start else { return classifier }
    guard let pretrained = classifier as? any PretrainedClassifier else {
      throw ClassificationError.notPretrained(name: type(of: classifier).description.name)
    }
    return try pretrained.starting(from: WeightFile.open(WeightSearch.locate(start.path)), start.scope)
  }
}
