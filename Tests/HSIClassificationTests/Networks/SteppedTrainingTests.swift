import Foundation
import HSICore
import HSITestSupport
import HSITransformer
import Testing

@testable import HSIClassification

/// Training of classifiers that is stopped, resumed, limited and ended early.
@Suite struct SteppedTrainingTests {
  private static let names = ["lola-specvit-tiny", "cnn-3d", "cnn-1d"]

  private func classifier(_ name: String) throws -> any Classifier {
    var values: [String: Double] = ["epochs": 11, "batch": 32]
    if name != "cnn-1d" { values.merge(["components": 3, "side": 3]) { $1 } }
    return try Classifiers.named(name, values)
  }

  private func contents(_ trained: any TrainedClassifier) throws -> [[Float]] {
    try trained.contents.map {
      switch $0.content {
      case .floats(let tensor): tensor.values
      case .integers(let values, _): values.map { Float($0) }
      case .stored(let tensor): try tensor.floats().values
      }
    }
  }

  private static func temporary() -> String {
    FileManager.default.temporaryDirectory.appendingPathComponent("hsi-\(UUID()).safetensors").path
  }

  /// Stops the run at the first report of at least a fraction.
  private final class Stop: ProgressReporter {
    let flag: CancellationFlag
    let fraction: Double
    init(_ flag: CancellationFlag, at fraction: Double) { (self.flag, self.fraction) = (flag, fraction) }
    func report(phase: String, fraction: Double, detail: String?) { if fraction >= self.fraction { flag.cancel() } }
  }

  @Test(arguments: names, [0.3, 0.8]) func resumedTrainingEndsWithTheSameBytes(_ name: String, _ fraction: Double)
    throws
  {
    let task = SmallScene().task()
    let path = Self.temporary()
    defer { try? FileManager.default.removeItem(atPath: path) }
    expectSteadyBits {
      let whole = try classifier(name).train(task, RunContext(seed: 2))
      var context = RunContext(seed: 2)
      context.progress = Stop(context.cancellation, at: fraction)
      #expect(throws: CoreError.self) {
        try Classifiers.train(classifier(name), task, TrainingSession(statePath: path), context)
      }
      let resumed = try Classifiers.train(
        classifier(name), task, TrainingSession(statePath: path, resumes: true), RunContext(seed: 2))
      #expect(whole.curve.count == 3)
      return try (contents(resumed) == contents(whole) ? [] : ["weights"])
        + (resumed.curve == whole.curve ? [] : ["curve"])
    }
  }

  /// A state of another seed or of other pixels is refused.
  @Test func foreignStates() throws {
    let task = SmallScene().task()
    let path = Self.temporary()
    defer { try? FileManager.default.removeItem(atPath: path) }
    _ = try Classifiers.train(classifier("cnn-1d"), task, TrainingSession(statePath: path), RunContext(seed: 2))
    var fewer = task
    fewer.training.positions.removeLast()
    fewer.training.labels.removeLast()
    for (task, seed) in [(task, UInt64(3)), (fewer, 2)] {
      let error = #expect(throws: TransformerError.self) {
        try Classifiers.train(
          classifier("cnn-1d"), task, TrainingSession(statePath: path, resumes: true), RunContext(seed: seed))
      }
      #expect(error?.identifier == "E-TRAINING-STATE")
    }
  }

  /// A time limit gives a classifier all the same, and says that there is more to do.
  @Test func timeLimit() throws {
    let path = Self.temporary()
    defer { try? FileManager.default.removeItem(atPath: path) }
    let task = SmallScene().task()
    expectSteadyBits {
      nonisolated(unsafe) var outcome: TrainingOutcome?
      let session = TrainingSession(statePath: path, timeLimit: 0) { outcome = $0 }
      let trained = try Classifiers.train(classifier("cnn-1d"), task, session, RunContext())
      #expect(trained.classCount == 3 && outcome?.isComplete == false)
      let resumed = try Classifiers.train(
        classifier("cnn-1d"), task, TrainingSession(statePath: path, resumes: true) { outcome = $0 }, RunContext())
      #expect(outcome?.isComplete == true)
      return try contents(resumed) == contents(classifier("cnn-1d").train(task, RunContext())) ? [] : ["weights"]
    }
  }

  /// Classifiers that learn in one go refuse to keep a state instead of keeping none.
  @Test func oneGo() throws {
    let forest = try Classifiers.named("rf")
    let task = SmallScene().task()
    _ = try Classifiers.train(forest, task, TrainingSession(), RunContext())
    for session in [TrainingSession(statePath: "x"), TrainingSession(timeLimit: 60), TrainingSession(patience: 3)] {
      let error = #expect(throws: ClassificationError.self) {
        try Classifiers.train(forest, task, session, RunContext())
      }
      #expect(error?.identifier == "E-ONE-GO" && error?.category == .usage)
    }
  }

  /// Adapters are learned by the same trainer.
  @Test func finetuningIsResumed() throws {
    let task = SmallScene().task()
    let base = try #require(
      try classifier("lola-specvit-tiny").train(task, RunContext(seed: 2)) as? any AdaptableClassifier)
    func tuned(_ session: TrainingSession, _ context: RunContext) throws -> [[Float]] {
      try base.finetuned(
        task, lora: .init(rank: 2), keepsHead: true, epochs: 4, rate: nil, session, context
      ).contents.map { if case .floats(let tensor) = $0.content { tensor.values } else { [] } }
    }
    let path = Self.temporary()
    defer { try? FileManager.default.removeItem(atPath: path) }
    expectSteadyBits {
      let whole = try tuned(TrainingSession(), RunContext(seed: 4))
      var context = RunContext(seed: 4)
      context.progress = Stop(context.cancellation, at: 0.5)
      #expect(throws: CoreError.self) { try tuned(TrainingSession(statePath: path), context) }
      return try tuned(TrainingSession(statePath: path, resumes: true), RunContext(seed: 4)) == whole ? [] : ["weights"]
    }
  }
}
