import Foundation
import HSICore
import HSINetworks
import HSITransformer

extension TrainedLoLA: AdaptableClassifier {
  /// Adapters beside all linear maps of attention and feed-forward networks (at `….linear.lora_down`,
  /// `….mlp.1.w1.lora_down` …) or weights of the network, the head, and the running statistics of batch normalisation, which
  /// follow the new scene. With adapters everything else, the gated ones of the network included, stays as it is.
  public func finetuned(
    _ task: ClassificationTask, by adaptation: Adaptation, keepsHead: Bool, epochs: Int?, rate: Double?,
    _ session: TrainingSession, _ context: RunContext
  ) throws -> TrainedAdapter {
    let claim = context.claimThreads()
    defer { claim.release() }
    try adaptation.requireFoldable()
    try task.check()
    var shape = shape
    let keepsHead = keepsHead && task.classes.count == shape.classes
    shape.classes = task.classes.count
    let isFresh: (String) -> Bool = { !keepsHead && $0.hasPrefix("head.") }
    let network = LoLASpecViT(shape, in: ParameterStore(seed: context.seed, drawing: isFresh))
    try weights.load(network.store, except: isFresh)
    network.store.startDrawing()
    let plan = adaptation.begin(network.linears.dropLast(), network.store) { $0.name.hasPrefix("head.") }
    var recipe = PatchRecipe()
    // A part of the weights learns best at three times the rate of all (docs/accuracy-adapters.md, trials).
    (recipe.epochs, recipe.rate) = (epochs ?? 30, rate ?? recipe.rate * (adaptation.isWhole ? 1 : 3))
    let curve = try PatchTask.train(
      network, cutter, recipe, on: task, features, name: "\(id) adapter", rule: plan.rule, session, context)
    return TrainedAdapter(
      contents: plan.contents(of: network.store),
      configuration: adaptation.configuration.merging(["classes": "\(shape.classes)"]) { $1 }, curve: curve)
  }

  public func adapted(by file: WeightFile) throws -> any TrainedClassifier {
    let adaptation = try Adaptation(cardOf: file)
    guard let head = file["head.linear.weight"], head.shape.count == 2, (2...ClassTable.limit).contains(head.shape[0])
    else {
      throw TransformerError.missingTensor(
        path: file.path, tensor: "head.linear.weight", model: [shape.classes, shape.lastWidth], instead: nil)
    }
    var shape = shape
    shape.classes = head.shape[0]
    return try TrainedLoLA(
      id: id, shape: shape, features: features, weights: weights.adapted(by: adaptation, file, shape), curve: curve)
  }
}
