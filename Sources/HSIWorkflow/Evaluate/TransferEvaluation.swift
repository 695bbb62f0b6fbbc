import Foundation
import HSIClassification
import HSICore
import HSINetworks
import HSIRaster

/// How accurate classifiers stay when a scene is shown with other bands than those they learned from.
///
/// Of the L good bands in the order of wavelengths the first K = `share` · L are learned from. The test pixels are then mapped with the
/// same bands (**trained**), the last K (**shifted**), the L − K that were not learned from (**disjoint**), and **all** L. A second model
/// learns from all bands and maps the scene as instruments would show it, by Gaussian responses. Classifiers of fixed bands are shown
/// the bands of their model by resampling, by the nearest band where none is near. The design is that of Si et al., arXiv 2605.18541.
public struct TransferEvaluation: Sendable {
  /// A classifier that takes part.
  public struct Entrant: Sendable {
    /// The classifier; see `Classifiers`.
    public var model: String
    /// Its parameters that differ from their defaults, by name.
    public var values: [String: Double] = [:]
    /// Pre-trained weights to start from; nil for none.
    public var start: ClassifierStart?

    /// A classifier.
    public init(_ model: String, values: [String: Double] = [:], start: ClassifierStart? = nil) {
      (self.model, self.values, self.start) = (model, values, start)
    }

    /// The classifiers of a list of names separated by commas. Each takes the parameters that it has, and the start where it can.
    ///
    /// - Throws: `CoreError.invalidParameter` for parameters that none has, `ClassificationError.notPretrained` for a start that none
    ///   can take, the errors of unknown names.
    public static func list(
      _ names: String, values: [String: Double] = [:], start: ClassifierStart? = nil
    ) throws -> [Entrant] {
      var left = Set(values.keys)
      let entrants = try names.split(separator: ",").map { name in
        let description = try Classifiers.entry(String(name)).description
        let own = values.filter { value in description.parameters.contains { $0.name == value.key } }
        left.subtract(own.keys)
        let canStart = try Classifiers.named(description.id, own) is any PretrainedClassifier
        return Entrant(description.id, values: own, start: canStart ? start : nil)
      }
      if let unknown = left.min() {
        throw CoreError.invalidParameter(
          name: unknown, value: "\(values[unknown] ?? .nan)", requirement: "a parameter of one of \(names)")
      }
      guard !entrants.isEmpty else {
        throw CoreError.invalidParameter(
          name: "\(option: "model")", value: names, requirement: "names of classifiers, separated by commas")
      }
      guard start == nil || entrants.contains(where: { $0.start != nil }) else {
        throw ClassificationError.notPretrained(name: names)
      }
      return entrants
    }

    /// What tables call it.
    public var title: String {
      guard let start else { return model }
      switch start.scope {
      case .all: return "\(model), pre-trained"
      case .head: return "\(model), probe"
      case .adapted(let text): return "\(model), \(text)"
      }
    }
  }

  /// The scene; its bands have wavelengths.
  public var scene: SceneRequest
  /// The labels.
  public var labels: LabelRequest
  /// The classifiers.
  public var entrants: [Entrant]
  /// How labelled pixels are divided; the guard band of all is that of the largest patch where none was given.
  public var division = LabelDivision.usual
  /// Share of the bands that is learned from.
  public var share = 0.6
  /// Names of `BandSet.instruments`.
  public var instruments: [String] = []
  /// Runs, the seed of each one more than that of the one before.
  public var runs = 1

  /// An evaluation of some classifiers.
  public init(_ scene: SceneRequest, _ labels: LabelRequest, _ entrants: [Entrant]) {
    (self.scene, self.labels, self.entrants) = (scene, labels, entrants)
  }

  /// Does the work.
  ///
  /// - Throws: `CoreError.invalidParameter` for unknown instruments and a share that leaves no bands; the errors of opening and of
  ///   classifiers; `CoreError.memory`, `.cancelled`.
  public func run(_ context: RunContext) throws -> TransferTable {
    let claim = context.claimThreads()
    defer { claim.release() }
    precondition(!entrants.isEmpty && runs > 0, "an evaluation of nothing")
    let sets = try instruments.map { name in
      guard let set = BandSet.instruments.first(where: { $0.name == name }) else {
        throw CoreError.invalidParameter(
          name: "\(option: "instruments")", value: name,
          requirement: "of \(BandSet.instruments.map(\.name).joined(separator: ", "))")
      }
      return set
    }
    let classifiers = try entrants.map {
      try ClassifierStart.apply($0.start, to: Classifiers.named($0.model, $0.values))
    }
    let radius = classifiers.map(\.patchRadius).max() ?? 0
    let loaded = try TrainingScene.load(
      scene.open(context), labels: labels.read(for: scene, context), division: division, patchRadius: radius,
      contextRadius: classifiers.map(\.contextRadius).max(), context
    ) { shape, samples, classes in
      // The scene as it is shown, beside what learning takes.
      shape.pixels * shape.bands * 8
        + (classifiers.map { $0.trainingBytes(shape, samples: samples, classes: classes) }.max() ?? 0)
    }
    let (trained, targets, all) = try bands(of: loaded.scene.metadata.axis)
    let shown = sets.compactMap { set -> TransferBands? in
      if let bands = TransferBands(set, from: loaded.scene.metadata.axis) { return bands }
      context.warn(
        "W-TRANSFER-INSTRUMENT",
        "fewer than 8 bands of \(set.name) lie within those of \(scene.path): it is left out")
      return nil
    }
    let parts = [(trained, targets)] + (shown.isEmpty ? [] : [(all, [all] + shown)])
    var rows: [TransferTable.Row] = []
    for run in 0..<runs {
      var inner = context
      inner.seed = context.seed + UInt64(run)
      let split = try division.rule(patchRadius: radius)?.split(loaded.labels, inner) ?? loaded.split
      for (entrant, classifier) in zip(entrants, classifiers) {
        for (source, targets) in parts {
          context.logger.info("run \(run + 1) of \(runs): \(entrant.title) learns from \(source.axis.count) bands")
          for (target, outcome) in try measure(classifier, entrant, loaded, split, source, targets, inner) {
            let row = rows.firstIndex {
              ($0.model, $0.trainedOn, $0.mappedOn) == (entrant.title, source.name, target.name)
            }
            if let row {
              rows[row].accuracies.append(outcome.accuracy)
            } else {
              rows.append(
                TransferTable.Row(
                  model: entrant.title, trainedOn: source.name, trainedBands: source.axis.count, mappedOn: target.name,
                  mappedBands: target.axis.count, isExtended: outcome.isExtended, accuracies: [outcome.accuracy]))
            }
          }
        }
      }
    }
    return TransferTable(
      rows: rows, trainingPixels: loaded.split.pixels(.training, of: loaded.labels).count,
      testPixels: loaded.split.pixels(.test, of: loaded.labels).count, guardRadius: loaded.split.facts.guardRadius,
      classes: loaded.labels.classes.count)
  }

  /// The bands that are learned from, those that are mapped with, and all.
  private func bands(
    of axis: SpectralAxis
  ) throws -> (trained: TransferBands, targets: [TransferBands], all: TransferBands) {
    guard let wavelengths = axis.wavelengths, wavelengths.allSatisfy({ $0 > 0 && $0.isFinite }) else {
      throw ClassificationError.modelMismatch(
        model: scene.path, reason: "its bands have no wavelengths, by which they are divided",
        advice: "give them with \(option: "wavelengths") or \(option: "sensor")")
    }
    let order = wavelengths.indices.sorted { (wavelengths[$0], $0) < (wavelengths[$1], $1) }
    let count = Int(clamping: (share * Double(order.count)).rounded())
    guard count >= 4, order.count - count >= 4 else {
      throw CoreError.invalidParameter(
        name: "\(option: "trained share")", value: "\(share)",
        requirement: "such that four bands of \(order.count) are learned from, and four are left")
    }
    func some(_ name: String, _ bands: some Sequence<Int>) -> TransferBands {
      TransferBands(name, Array(bands), of: axis)
    }
    let (trained, all) = (some("trained", order.prefix(count)), some("all", order))
    return (
      trained,
      [trained, some("shifted", order.suffix(count)), some("disjoint", order.suffix(order.count - count)), all],
      all
    )
  }

  private struct Outcome {
    var accuracy: TransferTable.Figures
    var isExtended: Bool
  }

  /// Learns from a scene with some bands and judges the test pixels with others.
  private func measure(
    _ classifier: any Classifier, _ entrant: Entrant, _ loaded: TrainingScene, _ split: Split, _ source: TransferBands,
    _ targets: [TransferBands], _ context: RunContext
  ) throws -> [(TransferBands, Outcome)] {
    var task = loaded.task(isTransductive: false)
    task.training = split.pixels(.training, of: loaded.labels)
    task.validation = split.pixels(.validation, of: loaded.labels)
    task.scene = try source.show(loaded.scene, context)
    try task.check()
    let trained = try classifier.train(task, context)
    let (test, truth) = task.rows(of: split.pixels(.test, of: loaded.labels))
    guard !test.isEmpty else {
      throw ClassificationError.tooFewPixels(
        name: "all classes", count: 0, needed: 1, purpose: "a test outside the guard band of \(split.facts.guardRadius)"
      )
    }
    return try targets.map { target in
      var cube = try target.show(loaded.scene, context)
      var isExtended = false
      if !trained.takesAnyBands {
        let (weights, covered) = target.matched(to: source.axis)
        cube = try TransferBands.weighted(cube, weights, source.axis)
        isExtended = !covered
      }
      // What the words would say is what the table is about.
      var quiet = context
      quiet.logger.logLevel = .error
      quiet.warnings = WarningLog(logger: quiet.logger)
      let fitted = try trained.fitted(
        to: cube, resolution: task.resolution, acceptsAnyRange: true, named: entrant.title, quiet)
      let probabilities = try fitted.probabilities(cube, lines: 0..<cube.shape.lines, context)
      let result = test.map { row -> Int? in
        let values = probabilities.row(row)
        return values.indices.reduce(0) { values[$1] > values[$0] ? $1 : $0 }
      }
      let matrix = ConfusionMatrix(classes: loaded.labels.classes.count, truth: truth, result: result)
      return (target, Outcome(accuracy: TransferTable.Figures(matrix), isExtended: isExtended))
    }
  }
}
