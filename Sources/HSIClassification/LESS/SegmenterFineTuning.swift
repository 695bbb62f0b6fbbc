import HSICore
import HSINetworks
import HSITransformer

extension TrainedSegmenter: AdaptableClassifier {
  /// Adapters beside the linear maps of the encoder or weights of it, the head, and the statistics of the bands of the new scene, which may be
  /// those of another instrument.
  public func finetuned(
    _ task: ClassificationTask, by adaptation: Adaptation, keepsHead: Bool, epochs: Int?, rate: Double?,
    _ session: TrainingSession, _ context: RunContext
  ) throws -> TrainedAdapter {
    let claim = context.claimThreads()
    defer { claim.release() }
    try adaptation.requireFoldable()
    try task.check()
    try task.checkWavelengths(for: id)
    let keepsHead = keepsHead && task.classes.count == classCount
    let network = try copy(classes: task.classes.count, seed: context.seed) { !keepsHead && isHead($0) }
    let plan = adaptation.begin(network.encoder.linears, network.store) { isHead($0.name) }
    var recipe = SegmenterRecipe()
    (recipe.epochs, recipe.rate) = (epochs ?? 30, rate ?? recipe.rate)
    (recipe.side, recipe.mostBands, recipe.scope) = (side, mostBands, .adapted(adaptation.text))
    let learned = try SegmenterTraining.run(
      network, recipe, task, name: "\(id) adapter", rule: plan.rule, session, context)
    return TrainedAdapter(
      contents: normalisationContents(learned.normalisation, task.scene.metadata.axis)
        + plan.contents(of: network.store),
      configuration: adaptation.configuration.merging([
        "classes": "\(task.classes.count)", Key.temperature: "\(learned.temperature)",
      ]) { $1 }, curve: learned.curve, axis: task.scene.metadata.axis)
  }

  public func adapted(by file: WeightFile) throws -> any TrainedClassifier {
    let settings = try file.card()?.configuration ?? [:]
    func number(_ key: String, _ range: ClosedRange<Double>) throws -> Double {
      guard let value = settings[key].flatMap(Double.init), range.contains(value) else {
        throw TransformerError.badHeader(
          path: file.path, detail: "`\(key)` of its card is not from \(range.lowerBound) to \(range.upperBound)")
      }
      return value
    }
    let adaptation = try Adaptation(cardOf: file)
    let classes = Int(clamping: try number("classes", 2...Double(ClassTable.limit)))
    let network = try copy(classes: classes, seed: 0, except: isHead)
    try adaptation.load(file, network.encoder.linears, network.store) {
      isHead($0.name)
    } isIgnored: {
      $0.hasPrefix("normalisation.")
    }
    network.linears.foldAdapters()
    let (normalisation, axis) = try TrainedSegmenter.normalisation(of: file)
    return TrainedSegmenter(
      id: id, network: network, normalisation: normalisation, axis: axis, side: side, mostBands: mostBands,
      temperature: Float(try number(Key.temperature, 0.01...100)), curve: [])
  }

  /// Whether a weight belongs to the head.
  private func isHead(_ name: String) -> Bool { name.hasPrefix("decoder.") }

  /// The network with a number of classes; weights that are to be fresh are drawn, the others copied.
  private func copy(classes: Int, seed: UInt64, except isFresh: (String) -> Bool) throws -> LESSSegmenter {
    var shape = network.configuration.network
    shape.classes = classes
    let copy = LESSSegmenter(LESSSegmenter.Configuration(shape), seed: seed)
    try NamedWeights(network.store.contents()).load(copy.store, except: isFresh)
    return copy
  }
}
