import HSICore

/// A split that others published as two maps of classes.
public enum PublishedSplit {
  /// Pixels with a class in the first map are for training, those in the second for testing.
  ///
  /// - Parameter labels: all labels, to hold the maps to; nil when the two maps are all there is.
  /// - Throws: `ClassificationError.grid` for maps of different size, `.badLabels` where a pixel is in both maps or a map
  ///   contradicts the labels, `.tooFewClasses`.
  public static func make(
    training: LabelMap, test: LabelMap, labels: LabelMap?, paths: (training: String, test: String)
  ) throws -> Split {
    guard (training.lines, training.samples) == (test.lines, test.samples) else {
      throw ClassificationError.grid(
        path: paths.test,
        reason:
          "it has \(test.lines) × \(test.samples) pixels but the training map \(training.lines) × \(training.samples)",
        advice: "pass two maps of one grid")
    }
    var roles = [PixelRole](repeating: .none, count: training.ids.count)
    func refuse(_ path: String, _ place: Int, _ reason: String) -> ClassificationError {
      .badLabels(
        path: path, reason: "line \(place / training.samples), sample \(place % training.samples) \(reason)",
        advice: "check that the files belong together")
    }
    for place in roles.indices {
      let (a, b) = (training.ids[place], test.ids[place])
      if a != 0, b != 0 { throw refuse(paths.test, place, "is a training pixel too") }
      if a != 0 { roles[place] = .training }
      if b != 0 { roles[place] = .test }
      if let labels, a != 0 || b != 0, max(a, b) != labels.ids[place] {
        throw refuse(
          a != 0 ? paths.training : paths.test, place,
          "has class \(max(a, b)) but the labels say \(labels.ids[place])")
      }
    }
    let facts = SplitFacts(scheme: "file", training: "given", validation: "0%", guardRadius: 0, seed: 0)
    return Split(lines: training.lines, samples: training.samples, roles: roles, facts: facts)
  }
}
