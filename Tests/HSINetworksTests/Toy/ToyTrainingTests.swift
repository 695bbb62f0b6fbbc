import Foundation
import HSICore
import HSITransformer
import Testing

/// The toy learns a mirror image of its input, by the one trainer: nothing of training is written for it but this task.
private final class MirrorTask: TrainingTask {
  let network: ToyNetwork
  let name = "toy"
  var onBatch: (TrainingBatch) -> Void = { _ in }

  init(_ network: ToyNetwork) { self.network = network }

  var store: ParameterStore { network.store }
  var settings: String { "mirror" }
  var plan: TrainingPlan {
    var plan = TrainingPlan(epochs: 4, batches: 25, evaluation: .epochs(1))
    (plan.averageDecay, plan.keepsBest) = (0.9, true)
    return plan
  }

  func makeOptimiser() -> Optimiser {
    Optimiser(.adam(), [.init("weights", store.trainable, schedule: .constant(2e-2))])
  }

  private func pair(_ number: UInt64) -> (x: Tensor, y: Tensor) {
    let bands = network.configuration.bands
    var random = CounterRandom(seed: 11, stream: number)
    let values = (0..<(16 * bands)).map { _ in Float(random.normal()) }
    let mirrored = values.indices.map { values[$0 / bands * bands + bands - 1 - $0 % bands] }
    return (Tensor([16, bands], values), Tensor([16, bands], mirrored))
  }

  func loss(of batch: TrainingBatch, _ context: RunContext) throws -> TrainingLoss {
    onBatch(batch)
    let (x, y) = pair(UInt64(batch.step))
    let tape = Tape(.training, seed: 1, stream: UInt64(batch.step))
    return TrainingLoss(tape.meanSquaredError(network(Variable(x), tape), y), on: tape)
  }

  func score(_ context: RunContext) throws -> TrainingScore? {
    let (x, y) = pair(1 << 40)
    let result = network(Variable(x), Tape(.inference)).value
    return TrainingScore(-zip(result.values, y.values).reduce(0.0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) })
  }

  func text(_ score: Double) -> String { String(format: "error %.3f", -score) }

  var bits: [[Float]] { store.parameters.map { $0.value.values } }
}

@Suite struct ToyTrainingTests {
  private func task() throws -> MirrorTask {
    var configuration = try #require(ToyNetwork.Configuration(named: "toy-wide"))
    (configuration.bands, configuration.hidden) = (4, 16)
    return MirrorTask(ToyNetwork(configuration, seed: 3))
  }

  /// It learns; stopped anywhere and resumed by new objects it ends with the same bits.
  @Test func trainsAndResumes() throws {
    let whole = try task()
    let before = try #require(try whole.score(RunContext())).value
    #expect(try Trainer(whole).run(RunContext()).isComplete)
    let after = try #require(try whole.score(RunContext())).value
    #expect(after > 0.2 * before, "from \(before) to \(after)")
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("toy-state-\(UUID()).safetensors").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    for stop in [0, 31, 60, 99] {
      let first = try task()
      let context = RunContext()
      first.onBatch = { if $0.step == stop { context.cancellation.cancel() } }
      do { try Trainer(first).run(TrainingSession(statePath: path), context) } catch CoreError.cancelled {}
      let second = try task()
      try Trainer(second).run(TrainingSession(statePath: path, resumes: true), RunContext())
      #expect(second.bits == whole.bits, "stopped in batch \(stop)")
    }
  }

  /// An adapter alone learns too; the network stays as it was, and what is saved comes back.
  @Test func adaptsAndSaves() throws {
    let task = try task()
    let before = task.bits
    task.network.linears.attach(LowRankAdapter.Configuration(rank: 2))
    task.store.train([.adapter])
    let start = try #require(try task.score(RunContext())).value
    try Trainer(task).run(RunContext())
    #expect(Array(task.bits.prefix(before.count)) == before)
    #expect(try #require(try task.score(RunContext())).value > start)
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("toy-\(UUID()).safetensors").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let model = Model(task.network, card: Model<ToyNetwork>.card("toy", task.network.configuration))
    try model.write(to: path, overwrite: false)
    let loaded = try Model<ToyNetwork>.read(path).network
    #expect(loaded.store.parameters.map { $0.value.values } == task.bits)
  }
}
