import Foundation
import HSICore
import HSINetworks
import HSINumerics
import HSITransformer

/// A network that maps whole windows learning from scattered labelled pixels.
///
/// An epoch visits training pixels, `windows` at most, the classes in turn, so that rare ones count as much as frequent ones: a window is
/// cut anywhere around each, turned and mirrored, with some of the bands (`ChannelSampling`) and a gain and offset of its own. The loss is the
/// cross entropy of all training pixels in the windows of a step; pixels without label, or of other roles, count nothing. Rule: AdamW,
/// half cosine. The score is the share of validation pixels that are right, the smaller loss deciding between equals.
final class SegmenterTask: TrainingTask {
  let network: LESSSegmenter
  let plan: TrainingPlan
  let settings: String
  let name: String

  private let recipe: SegmenterRecipe
  private let scene: NormalisedScene
  private let training: LabelledPixels
  private let validation: LabelledPixels
  /// Class of the training pixels by place, −1 elsewhere.
  private let labels: [Int16]
  private let seed: UInt64
  private let schedule: LearningRateSchedule
  private var order: (epoch: Int, pixels: [Int]) = (-1, [])

  init(
    _ network: LESSSegmenter, _ recipe: SegmenterRecipe, _ scene: NormalisedScene, training: LabelledPixels,
    validation: LabelledPixels, name: String, seed: UInt64
  ) {
    (self.network, self.recipe, self.scene, self.seed) = (network, recipe, scene, seed)
    (self.training, self.validation) = (training, validation)
    self.name = "training \(name)"
    var labels = [Int16](repeating: -1, count: scene.shape.pixels)
    for (place, label) in zip(training.positions, training.labels) { labels[Int(place)] = Int16(label) }
    self.labels = labels
    var plan = TrainingPlan(
      epochs: recipe.epochs, batches: max(1, (min(training.count, recipe.windows) + recipe.batch - 1) / recipe.batch),
      evaluation: .epochs(5))
    plan.clipNorm = 1
    plan.keepsBest = true
    self.plan = plan
    schedule = .cosine(
      rate: recipe.rate, floor: recipe.rate / 100, warmUp: Double(min(3, recipe.epochs / 2)),
      end: Double(recipe.epochs))
    var digest = Fingerprint()
    for list in [training, validation] {
      digest.add(list.positions.map(Int.init))
      digest.add(list.labels)
    }
    for parameter in network.store.parameters {
      digest.add([parameter.isTrainable ? 1 : 0] + parameter.shape)
      digest.add(parameter.value.pointer, count: parameter.value.count)
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let words = (try? encoder.encode(recipe)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    settings =
      "\(name), \(words), seed \(seed), scene \(Fingerprint.text(scene.fingerprint)), pixels and weights \(digest.text)"
  }

  var store: ParameterStore { network.store }

  func makeOptimiser() -> Optimiser {
    let weights = store.trainable
    return Optimiser(
      .adamW(),
      [
        .init(
          "matrices", weights.filter { $0.shape.count { $0 > 1 } > 1 }, schedule: schedule, decay: recipe.weightDecay),
        .init("vectors", weights.filter { $0.shape.count { $0 > 1 } <= 1 }, schedule: schedule, decay: 0),
      ])
  }

  func loss(of batch: TrainingBatch, _ context: RunContext) throws -> TrainingLoss {
    if order.epoch != batch.epoch { order = (batch.epoch, balanced(epoch: batch.epoch)) }
    var random = CounterRandom(seed: seed, stream: UInt64(batch.step) &+ 0x5345_4700_0000_0000)
    let first = batch.index * recipe.batch
    let pixels = order.pixels[first..<min(first + recipe.batch, order.pixels.count)]
    let side = recipe.side
    var bands = ChannelSampling.draw(of: scene.shape.bands, dropped: recipe.dropped, &random)
    while bands.count > recipe.mostBands { bands.remove(at: random.index(below: bands.count)) }
    var cuts: [WindowCut] = []
    for pixel in pixels {
      let place = Int(training.positions[pixel])
      cuts.append(
        WindowCut(
          line: place / scene.shape.samples - random.index(below: side),
          sample: place % scene.shape.samples - random.index(below: side),
          symmetry: PatchSymmetry.all[random.index(below: 8)],
          gain: Float(1 + recipe.gain * random.uniform(-1, 1)), offset: Float(recipe.offset * random.uniform(-1, 1))))
    }
    var (rows, wanted): ([Int32], [Int]) = ([], [])
    for (n, cut) in cuts.enumerated() {
      for row in 0..<side {
        for column in 0..<side {
          let from = cut.symmetry.source(row: row, column: column, size: side)
          let (line, sample) = (cut.line + from.row, cut.sample + from.column)
          guard (0..<scene.shape.lines).contains(line), (0..<scene.shape.samples).contains(sample) else { continue }
          let label = labels[line * scene.shape.samples + sample]
          guard label >= 0 else { continue }
          rows.append(Int32((n * side + row) * side + column))
          wanted.append(Int(label))
        }
      }
    }
    let tape = Tape(.training, seed: seed, stream: UInt64(batch.step))
    let logits = network(scene.input(cuts, side: side, bands: bands), tape)
    let loss = tape.crossEntropy(
      pick(rows, of: logits, tape), labels: wanted, smoothing: recipe.labelSmoothing)
    return TrainingLoss(loss, on: tape, weight: Double(pixels.count))
  }

  /// Rows of logits `[B, side, side, classes]`, `[rows, classes]`.
  private func pick(_ rows: [Int32], of logits: Variable, _ tape: Tape) -> Variable {
    let classes = logits.shape[3]
    return tape.rearrange(
      logits, RowMap(inputCount: logits.value.count / classes, sources: rows), width: classes,
      shape: [rows.count, classes])
  }

  func score(_ context: RunContext) throws -> TrainingScore? {
    guard validation.count > 0 else { return nil }
    let bands = scene.evenBands(recipe.mostBands)
    var (right, loss) = (0, 0.0)
    for start in stride(from: 0, to: validation.count, by: recipe.batch) {
      try context.checkCancellation()
      let pixels = start..<min(start + recipe.batch, validation.count)
      let cuts = pixels.map { WindowCut(around: Int(validation.positions[$0]), side: recipe.side, scene.shape) }
      let tape = Tape(.inference)
      let middle = recipe.side / 2
      let logits = pick(
        pixels.indices.map { Int32((($0 - start) * recipe.side + middle) * recipe.side + middle) },
        of: network(scene.input(cuts, side: recipe.side, bands: bands), tape), tape)
      let labels = pixels.map { validation.labels[$0] }
      loss += Double(tape.crossEntropy(logits, labels: labels).value.scalar) * Double(pixels.count)
      let classes = logits.shape[1]
      for (n, label) in labels.enumerated() {
        let row = logits.value.pointer + n * classes
        if (0..<classes).allSatisfy({ row[$0] < row[label] || $0 == label }) { right += 1 }
      }
    }
    let count = Double(validation.count)
    return TrainingScore(Double(right) / count, second: -(loss / count))
  }

  func text(_ score: Double) -> String { String(format: "validation %.1f %%", 100 * score) }

  /// Training pixels of an epoch: the classes in turn, each in an order of its own, over again where it has fewer than its share.
  private func balanced(epoch: Int) -> [Int] {
    var random = CounterRandom(seed: seed, stream: UInt64(epoch) &+ 0x4F52_4400_0000_0000)
    let classes = (training.labels.max() ?? 0) + 1
    let lists = (0..<classes).map { label in
      training.labels.indices.filter { training.labels[$0] == label }.shuffled(using: &random)
    }.filter { !$0.isEmpty }
    return (0..<min(training.count, recipe.windows)).map { n in
      let list = lists[n % lists.count]
      return list[n / lists.count % list.count]
    }
  }
}
