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
    try trained.contents.map { try $0.content.floats().values }
  }

  private static func temporary() -> String {
    FileManager.default.temporaryDirectory.appendingPathComponent("hsi-\(UUID()).safetensors").path
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

  /// An adapter that went through a file maps as the network that learned it, on bands of its own, and leaves the model alone.
  @Test func adaptersOfAnyBands() throws {
    let small = SmallScene()
    let settings: [String: Double] = ["epochs": 1, "windows": 8, "batch": 4, "side": 8, "bands": 6]
    let trained = try Classifiers.named("less-tiny", settings).train(small.task(), RunContext(seed: 2))
    let base = try #require(trained as? any AdaptableClassifier)
    let other = SmallScene(bands: 9, classes: 4, seed: 5)
    let adapter = try base.finetuned(
      other.task(), by: .beside(.lora(rank: 2)), keepsHead: false, epochs: 2, rate: nil, RunContext(seed: 4))
    let classes = ClassTable(values: [1, 2, 3], entries: small.classes)
    let model = ClassificationModel(
      trained, classes: classes, axis: small.scene.metadata.axis, trainingCounts: [1, 1, 1], split: nil)
    let path = Self.temporary()
    defer { try? FileManager.default.removeItem(atPath: path) }
    let facts = SplitFacts(scheme: "file", training: "1", validation: "0%", guardRadius: 0, seed: 0)
    try model.write(
      adapter, card: ModelCard(architecture: ""), classes: ClassTable(values: [1, 2, 3, 4], entries: other.classes),
      trainingCounts: [1, 1, 1, 1], split: facts, to: path, overwrite: false)
    let adapted = try model.adapted(by: path, model: "base")
    #expect(adapted.classes.count == 4 && adapted.axis.count == 9 && adapted.classifier.takesAnyBands)
    let probabilities = try adapted.classifier.probabilities(other.scene, lines: 0..<20, RunContext())
    #expect(probabilities.columns == 4 && probabilities.values.allSatisfy { (0...1).contains($0) })
    // What was learned is in the file: an adapter that only copied would leave the encoder as it is.
    let names = adapter.contents.map(\.name)
    #expect(names.contains { $0.hasSuffix("lora_down") || $0.contains("lora") })
    #expect(names.contains("normalisation.mean") && names.contains { $0.hasPrefix("decoder.") })
    #expect(!names.contains { $0.hasPrefix("encoder.") && !$0.contains("lora") })
    // The model maps as before.
    let before = try trained.probabilities(small.scene, lines: 0..<20, RunContext()).values
    _ = try base.finetuned(
      small.task(), by: .beside(.lora(rank: 1)), keepsHead: true, epochs: 1, rate: 0.1, RunContext(seed: 4))
    #expect(try trained.probabilities(small.scene, lines: 0..<20, RunContext()).values == before)
    // Files that claim absurd things are refused.
    for (key, value) in [("adaptation", "lora:r=1e9"), ("classes", "1"), ("temperature", "nan")] {
      var damaged = adapter
      damaged.configuration[key] = value
      try model.write(
        damaged, card: ModelCard(architecture: ""), classes: ClassTable(values: [1, 2, 3, 4], entries: other.classes),
        trainingCounts: [1, 1, 1, 1], split: facts, to: path, overwrite: true)
      #expect(throws: TransformerError.self, "\(key)") { try model.adapted(by: path, model: "base") }
    }
  }

  /// Adapters, and changes of a part of the weights, are learned by the same trainer.
  @Test(arguments: ["lola-specvit-tiny", "less-tiny"], ["lora:r=2", "s2ft:ratio=0.1", "sara:share=0.1"])
  func finetuningIsResumed(id: String, adapter: String) throws {
    let adaptation = try Adaptation(adapter, option: "adapter")
    let task = SmallScene().task()
    let settings: [String: Double] =
      id == "less-tiny" ? ["epochs": 1, "windows": 8, "batch": 4, "side": 8, "bands": 6] : [:]
    let base = try #require(
      try (id == "less-tiny" ? Classifiers.named(id, settings) : classifier(id))
        .train(task, RunContext(seed: 2)) as? any AdaptableClassifier)
    func tuned(_ session: TrainingSession, _ context: RunContext) throws -> [[Float]] {
      try base.finetuned(
        task, by: adaptation, keepsHead: true, epochs: 4, rate: nil, session, context
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

/// Stops a run at the first report of at least a fraction.
final class Stop: ProgressReporter {
  let flag: CancellationFlag
  let fraction: Double
  init(_ flag: CancellationFlag, at fraction: Double) { (self.flag, self.fraction) = (flag, fraction) }
  func report(phase: String, fraction: Double, detail: String?) { if fraction >= self.fraction { flag.cancel() } }
}
