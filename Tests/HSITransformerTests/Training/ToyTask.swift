import Foundation
import HSICore

@testable import HSITransformer

/// A toy: a convolution and a linear map learn to give the mean of an image and its first pixel.
final class ToyTask: TrainingTask {
  let store: ParameterStore
  let convolution: Convolution
  let linear: Linear
  let name = "toy"
  var plan: TrainingPlan
  var rule: any UpdateRule = Adam()
  var schedule = LearningRateSchedule.constant(0.02)
  /// Scores that replace the real ones, in order.
  var scripted: [Double] = []
  /// Called with every batch.
  var onBatch: (TrainingBatch) -> Void = { _ in }

  init(seed: UInt64 = 3, epochs: Int = 4, batches: Int = 5, evaluation: TrainingPlan.Evaluation = .batches(3)) {
    store = ParameterStore(seed: seed)
    convolution = Convolution(store.root["c"], input: 1, output: 4, depthTaps: 3, bias: true)
    linear = Linear(store.root["l"], input: 4, output: 2)
    plan = TrainingPlan(epochs: epochs, batches: batches, evaluation: evaluation)
  }

  var settings: String { "toy \(plan)" }

  func makeOptimiser() -> Optimiser {
    Optimiser(rule, [.init("all", store.parameters, schedule: schedule, decay: 0.01)])
  }

  private func sample(_ seed: UInt64) -> (x: Tensor, y: Tensor) {
    var random = CounterRandom(seed: seed, stream: 5)
    let x = Tensor([8, 1, 4, 4, 1], (0..<128).map { _ in Float(random.normal()) })
    let y = (0..<8).flatMap { b -> [Float] in
      [x.values[(b * 16)..<(b * 16 + 16)].reduce(0, +) / 16, x.values[b * 16]]
    }
    return (x, Tensor([8, 2], y))
  }

  func output(_ x: Tensor, _ tape: Tape) -> Variable {
    let h = convolution(Variable(x), tape)
    return linear(Dropout.values(tape.mean(h, over: 1..<4), rate: 0.1, tape), tape)
  }

  func loss(of batch: TrainingBatch, _ context: RunContext) throws -> TrainingLoss {
    onBatch(batch)
    let (x, y) = sample(UInt64(batch.step))
    let tape = Tape(.training, seed: 1, stream: UInt64(batch.step))
    return TrainingLoss(tape.meanSquaredError(output(x, tape), y), on: tape)
  }

  func score(_ context: RunContext) throws -> TrainingScore? {
    if !scripted.isEmpty { return TrainingScore(scripted.removeFirst()) }
    let (x, y) = sample(1 << 40)
    let tape = Tape(.inference)
    return TrainingScore(-Double(tape.meanSquaredError(output(x, tape), y).value.scalar))
  }

  func text(_ score: Double) -> String { "score \(score)" }

  var bits: [[Float]] { store.parameters.map(\.value.values) }
}
