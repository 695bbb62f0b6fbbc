import HSIClassification
import HSICore

extension ClassificationModel {
  /// Refuses a scene whose values lie far from those that the model learned from: it would call all pixels one class.
  ///
  /// - Parameters:
  ///   - name: of the model, for messages.
  ///   - isTold: whether the user has said how the values of the scene are to be taken.
  /// - Throws: `ClassificationError.modelMismatch`, the errors of reading.
  func checkUnits(of scene: any StripSource, named name: String, isTold: Bool, _ context: RunContext) throws {
    guard !isTold, !classifier.takesAnyUnits, let brightness,
      let level = try UnitsCheck.level(of: scene, context),
      let ratio = UnitsCheck.ratio(of: level, low: brightness.low, high: brightness.high)
    else { return }
    throw ClassificationError.modelMismatch(
      model: name,
      reason:
        "the values of the scene are about \(PlainNumber.rounded(ratio)) times those that it was trained on: the units seem to differ",
      advice: "bring them to its units with \(option: "scene scale") \(PlainNumber.rounded(1 / ratio)), or say with "
        + "\(option: "scene scale") 1 that they are right")
  }
}
