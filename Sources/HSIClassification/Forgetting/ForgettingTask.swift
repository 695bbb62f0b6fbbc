import Foundation
import HSICore
import HSINetworks
import HSITransformer

/// LoLA-SpecViT forgetting classes by low-rank pairs beside the maps of its blocks.
///
///     L = CE(keep) + β max(0, 3 ln K − CE(forget)) + α Σ_blocks √(Σ P²) + w_d D(forget) + w_m M(keep)
///
/// D is the mean squared distance of forgotten embeddings to the mean embedding of the class that stays and lies nearest to theirs, M
/// that of embeddings which stay to what they were; both by the mean square of the latter. Where two classes have one mean, no linear
/// map of least squares tells them apart. CE and group norm: H. Zhao et al., Continual forgetting for pre-trained vision models (GS-LoRA), CVPR 2024; D and M
/// take the place of the prototypes of GS-LoRA++ (arXiv 2501.09705), because a class that is merely misnamed can still be found in the
/// embedding. The network ends with the weights of the last step. Statistics of batch normalisation stay.
final class ForgettingTask: TrainingTask {
  /// Places of an image and their classes, with what the unchanged network says of them.
  struct Samples {
    var places: [Int]
    var labels: [Int]
    /// `[n, width]`.
    var embeddings: Tensor
  }

  let network: LoLASpecViT
  let plan: TrainingPlan
  let settings: String
  let name: String

  private let groups: [[Parameter]]
  private let recipe: ForgettingRecipe
  private let cutter: PatchCutter
  private let image: FeatureImage
  private let forgotten: Samples
  private let kept: Samples
  /// Samples that stay, by class.
  private let byClass: [[Int]]
  private let judged: (places: [Int], labels: [Int])
  private let classes: Set<Int>
  private let before: Double
  private let power: Float
  /// The mean embedding of the class that forgotten pixels are to be taken for, by forgotten class.
  private let disguises: [Int: [Float]]
  private let seed: UInt64
  private let schedule: LearningRateSchedule

  /// - Parameters:
  ///   - training: pixels to learn from, of classes to forget and to keep.
  ///   - disguises: what embeddings of forgotten classes are to become.
  ///   - judged: pixels that the curve is measured on.
  init(
    _ network: LoLASpecViT, groups: [[Parameter]], forgetting classes: Set<Int>, _ cutter: PatchCutter,
    _ image: FeatureImage, training: (places: [Int], labels: [Int]), disguises: [Int: [Float]],
    judged: (places: [Int], labels: [Int]),
    _ recipe: ForgettingRecipe, name: String, seed: UInt64
  ) {
    (self.network, self.groups, self.classes) = (network, groups, classes)
    (self.cutter, self.image, self.recipe, self.seed) = (cutter, image, recipe, seed)
    (self.judged, self.disguises, self.name) = (judged, disguises, "forgetting by \(name)")
    func samples(_ isForgotten: Bool) -> Samples {
      let chosen = training.labels.indices.filter { classes.contains(training.labels[$0]) == isForgotten }
      let places = chosen.map { training.places[$0] }
      return Samples(
        places: places, labels: chosen.map { training.labels[$0] },
        embeddings: ForgettingTask.seen(network, cutter, image, places).embeddings)
    }
    forgotten = samples(true)
    let kept = samples(false)
    self.kept = kept
    byClass = (0..<network.configuration.classes).map { label in
      kept.labels.indices.filter { kept.labels[$0] == label }
    }
    power = Float(
      max(kept.embeddings.values.reduce(0) { $0 + Double($1 * $1) } / Double(max(kept.embeddings.count, 1)), 1e-12))
    before = ForgettingTask.accuracies(network, cutter, image, judged, classes).forgotten
    var plan = TrainingPlan(epochs: 1, batches: recipe.steps, evaluation: .batches(max(recipe.steps / 10, 1)))
    plan.clipNorm = 1
    self.plan = plan
    schedule = .cosine(rate: recipe.rate, floor: recipe.rate / 100, warmUp: 0.05, end: 1)
    var digest = Fingerprint()
    for list in [training.places, training.labels, judged.places, judged.labels, classes.sorted()] { digest.add(list) }
    for parameter in network.store.parameters { digest.add(parameter.value.pointer, count: parameter.value.count) }
    digest.add(image.values)
    settings = "\(name), forgetting, \(recipe), seed \(seed), pixels and weights \(digest.text)"
  }

  var store: ParameterStore { network.store }

  func makeOptimiser() -> Optimiser {
    Optimiser(.adamW(), [.init("pairs", store.trainable, schedule: schedule)])
  }

  func loss(of batch: TrainingBatch, _ context: RunContext) throws -> TrainingLoss {
    var random = CounterRandom(seed: seed, stream: UInt64(batch.step) &+ 0x464F_5247_0000_0000)
    let half = max(recipe.batch / 2, 1)
    let first = (0..<half).map { _ in random.index(below: forgotten.places.count) }
    let classes = byClass.indices.filter { !byClass[$0].isEmpty }
    let second = (0..<half).map { n -> Int in
      let list = byClass[classes[(batch.step * half + n) % classes.count]]
      return list[random.index(below: list.count)]
    }
    let tape = Tape(.evaluation, seed: seed, stream: UInt64(batch.step))
    let width = kept.embeddings.shape[1]
    let (targets, memories) = (Tensor.zeros([half, width]), Tensor.zeros([half, width]))
    for (n, sample) in first.enumerated() {
      guard let target = disguises[forgotten.labels[sample]] else { continue }
      for j in 0..<width { targets.output[n * width + j] = target[j] }
    }
    for (n, sample) in second.enumerated() {
      (memories.output + n * width).update(from: kept.embeddings.pointer + sample * width, count: width)
    }
    func embedding(_ places: [Int]) -> Variable {
      network.embedding(Variable(cutter.patches(image, places)), tape)
    }
    let (gone, stays) = (embedding(first.map { forgotten.places[$0] }), embedding(second.map { kept.places[$0] }))
    let keep = tape.crossEntropy(network.logits(of: stays, tape), labels: second.map { kept.labels[$0] })
    let wrong = tape.crossEntropy(network.logits(of: gone, tape), labels: first.map { forgotten.labels[$0] })
    let bound = 3 * log(Double(network.configuration.classes))
    let parts = [
      tape.scale(tape.hinge(wrong, bound: bound), by: Float(recipe.push)),
      tape.scale(tape.groupNorm(groups), by: Float(recipe.sparsity)),
      tape.scale(tape.meanSquaredError(gone, targets), by: Float(recipe.disguise) / power),
      tape.scale(tape.meanSquaredError(stays, memories), by: Float(recipe.memory) / power),
    ]
    return TrainingLoss(parts.reduce(keep) { tape.add($0, $1) }, on: tape)
  }

  func score(_ context: RunContext) throws -> TrainingScore? {
    let now = ForgettingTask.accuracies(network, cutter, image, judged, classes)
    return TrainingScore(Forgetting.score(before: before, after: now.forgotten, remaining: now.remaining))
  }

  func text(_ score: Double) -> String { String(format: "H-mean %.1f %%", 100 * score) }

  // MARK: - What a network says

  /// Embeddings and logits of pixels.
  static func seen(
    _ network: LoLASpecViT, _ cutter: PatchCutter, _ image: FeatureImage, _ places: [Int]
  ) -> (embeddings: Tensor, logits: [[Float]]) {
    let embeddings = Tensor(uninitialised: [places.count, network.configuration.lastWidth])
    var logits: [[Float]] = []
    for start in stride(from: 0, to: places.count, by: 64) {
      let range = start..<min(start + 64, places.count)
      let tape = Tape(.inference)
      let found = network.embedding(Variable(cutter.patches(image, Array(places[range]))), tape)
      (embeddings.output + start * found.shape[1]).update(from: found.value.pointer, count: found.value.count)
      let rows = network.logits(of: found, tape).value
      let classes = rows.shape[1]
      logits += (0..<range.count).map { n in (0..<classes).map { rows.pointer[n * classes + $0] } }
    }
    return (embeddings, logits)
  }

  /// Shares of pixels of classes to forget, and of the others, that are told rightly; NaN where there are none.
  static func accuracies(
    _ network: LoLASpecViT, _ cutter: PatchCutter, _ image: FeatureImage, _ pixels: (places: [Int], labels: [Int]),
    _ classes: Set<Int>
  ) -> (forgotten: Double, remaining: Double) {
    var (right, all) = ([0, 0], [0, 0])
    for (row, label) in zip(seen(network, cutter, image, pixels.places).logits, pixels.labels) {
      let kind = classes.contains(label) ? 0 : 1
      all[kind] += 1
      if row.indices.max(by: { row[$0] < row[$1] }) == label { right[kind] += 1 }
    }
    return (Double(right[0]) / Double(all[0]), Double(right[1]) / Double(all[1]))
  }
}
