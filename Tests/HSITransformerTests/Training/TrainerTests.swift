import Foundation
import HSICore
import HSITestSupport
import Testing

@testable import HSITransformer

@Suite struct TrainerTests {
  private static func changed(_ task: ToyTask, _ change: (inout TrainingPlan) -> Void) -> ToyTask {
    change(&task.plan)
    return task
  }

  /// Tasks that use everything a plan has.
  private static func task(_ kind: String) -> ToyTask {
    let task = ToyTask()
    switch kind {
    case "plain": break
    case "averaged":
      task.plan.averageDecay = 0.9
      task.plan.clipNorm = 0.5
      task.schedule = .cosine(rate: 0.02, floor: 1e-4, warmUp: 1, end: 4)
    case "accumulated":
      task.plan.accumulation = 2
      task.plan.evaluation = .epochs(1)
      task.plan.keepsBest = true
      task.rule = AdamW()
    default:
      task.rule = SGD()
      task.plan.averageDecay = 0.8
      task.plan.keepsBest = true
    }
    return task
  }

  /// Stopped after any batch, by cancellation, and resumed by new objects: the same weights, state and curve as in one go.
  @Test(arguments: ["plain", "averaged", "accumulated", "best"]) func resumedRunsEndWithTheSameBytes(_ kind: String)
    throws
  {
    let wholePath = try WeightFiles.temporary("whole.safetensors")
    let path = try WeightFiles.temporary("state.safetensors")
    defer { for path in [wholePath, path] { WeightFiles.remove(path) } }
    func tensors(_ path: String) throws -> [String: [Float]] {
      Dictionary(uniqueKeysWithValues: try WeightFile.open(path).tensors.map { ($0.name, try $0.floats().values) })
    }
    for stop in [1, 4, 7, 12, 18] {
      expectSteadyBits {
        let whole = Self.task(kind)
        let one = Trainer(whole)
        #expect(try one.run(TrainingSession(statePath: wholePath), RunContext()).isComplete)
        let first = Self.task(kind)
        let context = RunContext()
        first.onBatch = { if $0.step == stop { context.cancellation.cancel() } }
        #expect(throws: CoreError.self) { try Trainer(first).run(TrainingSession(statePath: path), context) }
        let second = Self.task(kind)
        let two = Trainer(second)
        try two.run(TrainingSession(statePath: path, resumes: true), RunContext())
        var differences = second.bits == whole.bits ? [] : ["weights"]
        if two.record.curve != one.record.curve || two.record.best != one.record.best { differences.append("record") }
        if try tensors(path) != tensors(wholePath) { differences.append("state") }
        return differences.map { "\($0), stopped in batch \(stop)" }
      }
    }
  }

  /// A time limit stops between updates and says so; the next session goes on.
  @Test func timeLimit() throws {
    let path = try WeightFiles.temporary("state.safetensors")
    defer { WeightFiles.remove(path) }
    expectSteadyBits {
      let whole = Self.task("accumulated")
      try Trainer(whole).run(RunContext())
      for session in 1...4 {
        let outcome = try Trainer(Self.task("accumulated")).run(
          TrainingSession(statePath: path, resumes: session > 1, timeLimit: 0), RunContext())
        #expect(!outcome.isComplete && outcome.record.step == 0)
      }
      let task = Self.task("accumulated")
      let outcome = try Trainer(task).run(TrainingSession(statePath: path, resumes: true), RunContext())
      #expect(outcome.isComplete && outcome.record.step == outcome.steps)
      return task.bits == whole.bits ? [] : ["weights"]
    }
  }

  /// Patience ends a run that does not get better; the network ends with the best weights, and a finished run stays finished.
  @Test func patienceAndBestWeights() throws {
    let path = try WeightFiles.temporary("state.safetensors")
    defer { WeightFiles.remove(path) }
    func task() -> ToyTask {
      let task = ToyTask(epochs: 20, batches: 2, evaluation: .epochs(1))
      (task.plan.patience, task.plan.keepsBest) = (3, true)
      task.scripted = [1, 2, 5, 4, 5, 3, 9, 9]
      return task
    }
    let first = task()
    var best: [[Float]] = []
    let trainer = Trainer(first)
    let outcome = try trainer.run(TrainingSession(statePath: path), RunContext()) { _ in best = first.bits }
    #expect(outcome.isComplete && outcome.record.step == 12 && outcome.record.best == 5 && outcome.record.bestStep == 6)
    #expect(first.bits == best && first.scripted == [9, 9])
    let again = task()
    #expect(try Trainer(again).run(TrainingSession(statePath: path, resumes: true), RunContext()).record.step == 12)
    #expect(again.bits == best)
    // A session may be more patient than the plan.
    let patient = task()
    #expect(try Trainer(patient).run(TrainingSession(patience: 4), RunContext()).record.best == 9)
  }

  /// Two batches at half weight are one batch of both, up to rounding; what is left over in an epoch is discarded.
  @Test func accumulation() throws {
    let task = Self.changed(ToyTask(epochs: 1, batches: 5)) { $0.accumulation = 2 }
    task.rule = SGD(momentum: 0)
    var seen: [[Float]] = []
    task.onBatch = { _ in seen.append(task.linear.weight.value.values) }
    try Trainer(task).run(RunContext())
    #expect(seen[0] == seen[1] && seen[1] != seen[2] && seen[2] == seen[3] && seen[3] != seen[4])
    #expect(task.linear.weight.value.values == seen[4], "the fifth batch has no partner")
    #expect(task.store.parameters.allSatisfy { $0.gradient == nil })
  }

  @Test func foreignStatesAreRefused() throws {
    let path = try WeightFiles.temporary("state.safetensors")
    defer { WeightFiles.remove(path) }
    try Trainer(ToyTask(epochs: 1)).run(TrainingSession(statePath: path), RunContext())
    let other = ToyTask(epochs: 2)
    let before = other.bits
    let error = #expect(throws: TransformerError.self) {
      try Trainer(other).run(TrainingSession(statePath: path, resumes: true), RunContext())
    }
    #expect(error?.identifier == "E-TRAINING-STATE" && other.bits == before)
    // A rule with another memory.
    let sgd = ToyTask(epochs: 1)
    sgd.rule = SGD()
    try Trainer(sgd).run(TrainingSession(statePath: path), RunContext())
    let memory = #expect(throws: TransformerError.self) {
      try Trainer(ToyTask(epochs: 1)).run(TrainingSession(statePath: path, resumes: true), RunContext())
    }
    #expect(memory?.problem.contains("second") == true)
  }

  @Test func sequencesOfSchedules() {
    let schedule = LearningRateSchedule.sequence([
      .init(epochs: 2, .constant(1)), .init(epochs: 3, .steps([.init(epoch: 0, rate: 0.3, warmUp: 1)])),
    ])
    #expect(schedule.rate(at: 1.9) == 1 && schedule.rate(at: 2) == 0 && schedule.rate(at: 9) == 0.3)
    // Exactly what the part gives by its own time, without the rounding of a difference.
    #expect(schedule.rate(at: TrainingTime(epoch: 2, fraction: 1.0 / 3)) == 0.3 * (1.0 / 3))
  }

  /// Records of version 0.1 are read: fewer keys, and the score under another name.
  @Test func recordsOfVersion01() throws {
    let json =
      #"{"step":6,"curve":[{"step":3,"loss":0.5,"psnr":21.5,"rate":0.001},{"step":6,"loss":0.25,"rate":0.002}],"best":21.5,"bestStep":3,"seconds":1.5,"settings":"old"}"#
    let record = try JSONDecoder().decode(TrainingRecord.self, from: Data(json.utf8))
    var expected = TrainingRecord(settings: "old")
    expected.step = 6
    expected.curve = [
      TrainingPoint(step: 3, epoch: 0, loss: 0.5, score: 21.5, rate: 0.001),
      TrainingPoint(step: 6, epoch: 0, loss: 0.25, rate: 0.002),
    ]
    (expected.best, expected.bestStep) = (21.5, 3)
    #expect(record == expected)
    #expect(try JSONDecoder().decode(TrainingRecord.self, from: JSONEncoder().encode(record)) == record)
  }
}
