import Foundation
import HSICore
import HSINetworks
import HSITransformer

extension TrainedLoLA: ForgettingClassifier {
  public func forgetting(
    _ forgotten: Set<Int>, _ task: ClassificationTask, test: LabelledPixels, _ recipe: ForgettingRecipe,
    _ session: TrainingSession, _ context: RunContext
  ) throws -> Forgetting {
    let claim = context.claimThreads()
    defer { claim.release() }
    try task.check()
    precondition(task.classes.count == shape.classes && forgotten.count <= shape.classes - 2)
    let network = LoLASpecViT(shape, in: ParameterStore(seed: context.seed) { _ in false })
    try weights.load(network.store)
    network.store.startDrawing()
    let blocks = network.blockLinears.map { maps in maps.attach(.lora(rank: recipe.rank)).flatMap(\.parameters) }
    let added = Set(blocks.joined().map(\.name))
    network.store.train { added.contains($0.name) }
    let image = features.image(task.scene, lines: 0..<task.scene.shape.lines)
    func pixels(_ known: LabelledPixels) -> (places: [Int], labels: [Int]) {
      let samples = PatchTask.samples(task, known)
      return (samples.places, samples.labels)
    }
    let all = pixels(task.training)
    let training = few(all, recipe.samples, seed: context.seed)
    for label in forgotten where !training.labels.contains(label) {
      throw ClassificationError.tooFewPixels(
        name: task.classes[label].name, count: 0, needed: 1, purpose: "forgetting it")
    }
    guard training.labels.contains(where: { !forgotten.contains($0) }) else {
      throw ClassificationError.tooFewClasses(count: Set(training.labels).count)
    }
    let own = pixels(task.validation)
    let hasBoth = Set(own.labels.map { forgotten.contains($0) }).count == 2
    let judged = hasBoth ? own : training
    let tested = pixels(test)
    func effect() throws -> Forgetting.Effect {
      let shares = ForgettingTask.accuracies(network, cutter, image, tested, forgotten)
      let learned = ForgettingTask.seen(network, cutter, image, all.places)
      let found = try LinearProbe.recovery(
        of: forgotten, learned: (learned.embeddings, all.labels),
        tested: (ForgettingTask.seen(network, cutter, image, tested.places).embeddings, tested.labels))
      return .init(forgotten: shares.forgotten, remaining: shares.remaining, probe: found ?? .nan)
    }
    let before = try effect()
    let known = ForgettingTask.seen(network, cutter, image, all.places).embeddings
    let disguises = disguises(known, all.labels, of: forgotten)
    let trainer = Trainer(
      ForgettingTask(
        network, groups: blocks, forgetting: forgotten, cutter, image, training: training, disguises: disguises,
        judged: judged, recipe, name: id, seed: context.seed))
    try trainer.run(session, context)
    let after = try effect()
    // The pair of a block changes it by the product of both matrices.
    let norms = blocks.map { block in
      block.filter { $0.name.contains("lora_up") }.reduce(0.0) {
        $0 + Double($1.value.values.reduce(0) { $0 + $1 * $1 })
      }
      .squareRoot()
    }
    for map in network.blockLinears.joined() { map.foldAdapters() }
    mask(network, forgotten)
    let kept = NamedWeights(network.store.contents { !added.contains($0.name) }, path: "the network")
    return Forgetting(
      classifier: try TrainedLoLA(id: id, shape: shape, features: features, weights: kept, curve: curve),
      before: before, after: after, changedBlocks: norms.count { $0 > 1e-3 * (norms.max() ?? 0) }, blocks: norms.count,
      curve: trainer.record.curve)
  }

  /// For every forgotten class the mean embedding of the class that stays and lies nearest to its own.
  private func disguises(_ embeddings: Tensor, _ labels: [Int], of forgotten: Set<Int>) -> [Int: [Float]] {
    let width = embeddings.shape[1]
    var means: [Int: [Double]] = [:]
    for (label, rows) in Dictionary(grouping: labels.indices, by: { labels[$0] }) {
      means[label] = (0..<width).map { j in
        rows.reduce(0.0) { $0 + Double(embeddings.pointer[$1 * width + j]) } / Double(rows.count)
      }
    }
    func distance(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) } }
    let stays = means.keys.filter { !forgotten.contains($0) }.sorted()
    return Dictionary(
      uniqueKeysWithValues: forgotten.compactMap { label -> (Int, [Float])? in
        guard let own = means[label],
          let near = stays.min(by: { x, y in
            distance(means[x] ?? [], own) < distance(means[y] ?? [], own)
          }), let target = means[near]
        else { return nil }
        return (label, target.map(Float.init))
      })
  }

  /// At most so many pixels of every class, drawn at random.
  private func few(
    _ pixels: (places: [Int], labels: [Int]), _ most: Int, seed: UInt64
  ) -> (places: [Int], labels: [Int]) {
    var random = CounterRandom(seed: seed, stream: 0x464F_5753)
    let order = pixels.labels.indices.shuffled(using: &random)
    var counts = [Int](repeating: 0, count: shape.classes)
    let chosen = order.filter { n in
      counts[pixels.labels[n]] += 1
      return counts[pixels.labels[n]] <= most
    }.sorted()
    return (chosen.map { pixels.places[$0] }, chosen.map { pixels.labels[$0] })
  }

  /// Makes the logits of some classes −10⁴ whatever the embedding.
  private func mask(_ network: LoLASpecViT, _ classes: Set<Int>) {
    for (name, value) in [("head.linear.weight", Float(0)), ("head.lora_up.weight", 0), ("head.linear.bias", -1e4)] {
      guard let parameter = network.store[name] else { continue }
      let width = parameter.value.count / shape.classes
      parameter.update { values in
        for label in classes { for j in 0..<width { values[label * width + j] = value } }
      }
    }
  }
}
