import Foundation
import HSICore
import HSINetworks
import HSITransformer

extension TrainedLoLA: AdaptableClassifier {
  /// Low-rank pairs beside all linear maps of attention and feed-forward networks (at `….linear.lora_down`,
  /// `….mlp.1.w1.lora_down` …), the head, and the running statistics of batch normalisation, which follow the new scene.
  /// Everything else, the gated adapters of the network included, stays as it is.
  public func finetuned(
    _ task: ClassificationTask, lora: LowRankAdapter.Configuration, keepsHead: Bool, epochs: Int?, rate: Double?,
    _ session: TrainingSession, _ context: RunContext
  ) throws -> TrainedAdapter {
    let claim = context.claimThreads()
    defer { claim.release() }
    try task.check()
    var shape = shape
    let keepsHead = keepsHead && task.classes.count == shape.classes
    shape.classes = task.classes.count
    let isFresh: (String) -> Bool = { !keepsHead && $0.hasPrefix("head.") }
    let network = LoLASpecViT(shape, in: ParameterStore(seed: context.seed, drawing: isFresh))
    try weights.load(network.store, except: isFresh)
    network.store.startDrawing()
    let added = Set(network.linears.dropLast().attach(lora).flatMap { $0.parameters.map(\.name) })
    network.store.train { added.contains($0.name) || $0.name.hasPrefix("head.") }
    var recipe = PatchRecipe()
    (recipe.epochs, recipe.rate) = (epochs ?? 30, rate ?? recipe.rate)
    let curve = try PatchTask.train(
      network, cutter, recipe, on: task, features, name: "\(id) adapter", session, context)
    let isLearned: (Parameter) -> Bool = {
      added.contains($0.name) || $0.name.hasPrefix("head.") || $0.role == .statistic
    }
    return TrainedAdapter(
      contents: network.store.contents(where: isLearned),
      configuration: [
        AdapterMerge.alphaKey: "\(lora.alpha)", "lora_rank": "\(lora.rank)", "classes": "\(shape.classes)",
      ], curve: curve)
  }

  public func adapted(by file: WeightFile) throws -> any TrainedClassifier {
    let text = try file.card()?.configuration?[AdapterMerge.alphaKey] ?? file.metadata[AdapterMerge.alphaKey]
    guard let alpha = text.flatMap(Double.init), alpha.isFinite else {
      throw TransformerError.badHeader(path: file.path, detail: "it does not say the α of its adapter")
    }
    guard let head = file["head.linear.weight"], head.shape.count == 2, (2...ClassTable.limit).contains(head.shape[0])
    else {
      throw TransformerError.missingTensor(
        path: file.path, tensor: "head.linear.weight", model: [shape.classes, shape.lastWidth], instead: nil)
    }
    var shape = shape
    shape.classes = head.shape[0]
    return try TrainedLoLA(
      id: id, shape: shape, features: features, weights: weights.stacked(file, shape, alpha: alpha), curve: curve)
  }
}
