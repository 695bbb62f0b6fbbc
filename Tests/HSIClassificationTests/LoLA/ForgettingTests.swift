import Foundation
import HSICore
import HSINetworks
import HSITestSupport
import HSITransformer
import Testing

@testable import HSIClassification

/// LoLA-SpecViT forgetting a class of a small scene.
@Suite struct ForgettingTests {
  private var recipe: ForgettingRecipe {
    var recipe = ForgettingRecipe()
    (recipe.samples, recipe.steps, recipe.batch, recipe.rate, recipe.rank) = (12, 60, 16, 5e-3, 4)
    return recipe
  }

  /// Pixels that were neither learned from nor validated on.
  private func test(_ scene: SmallScene) -> LabelledPixels {
    let indices = scene.labels.labels.indices.filter { $0 % 5 > 1 }
    return LabelledPixels(
      positions: indices.map { scene.labels.positions[$0] }, labels: indices.map { scene.labels.labels[$0] })
  }

  /// The class is no longer told, the others stay, maps never show it, the model itself is left alone.
  @Test func aClassIsForgotten() throws {
    let trained = try #require(LoLAClassifierTests.trained)
    let scene = LoLAClassifierTests.scene
    let before = try scene.accuracy(trained)
    let result = try trained.forgetting(
      [1], scene.task(), test: test(scene), recipe, TrainingSession(), RunContext(seed: 3))
    #expect(result.before.forgotten > 0.85 && result.before.probe > 0.85)
    #expect(result.after.forgotten < 0.2)
    #expect((0.4...1).contains(result.after.probe))
    #expect(result.after.remaining > result.before.remaining - 0.1)
    #expect(result.blocks == 4 && (1...4).contains(result.changedBlocks))
    let maps = try result.classifier.probabilities(scene.scene, lines: 0..<20, RunContext())
    for n in 0..<maps.rows { #expect(maps.row(n)[1] == 0 && abs(maps.row(n).reduce(0, +) - 1) < 1e-5) }
    #expect(try scene.accuracy(trained) == before)
    #expect(result.classifier.contents.map(\.name) == trained.contents.map(\.name), "the file is one of its kind")
  }

  /// Stopped and resumed: the same bytes.
  @Test func isResumed() throws {
    let trained = try #require(LoLAClassifierTests.trained)
    let scene = LoLAClassifierTests.scene
    func forget(_ session: TrainingSession, _ context: RunContext) throws -> [[Float]] {
      try trained.forgetting([0], scene.task(), test: test(scene), recipe, session, context).classifier.contents.map {
        if case .floats(let tensor) = $0.content { tensor.values } else { [] }
      }
    }
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("forget-\(UUID()).safetensors").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    expectSteadyBits {
      let whole = try forget(TrainingSession(), RunContext(seed: 4))
      var context = RunContext(seed: 4)
      context.progress = Stop(context.cancellation, at: 0.5)
      #expect(throws: CoreError.self) { try forget(TrainingSession(statePath: path), context) }
      return try forget(TrainingSession(statePath: path, resumes: true), RunContext(seed: 4)) == whole
        ? [] : ["weights"]
    }
  }

  /// Without a pixel of the class there is nothing to forget by.
  @Test func pixelsAreNeeded() throws {
    let trained = try #require(LoLAClassifierTests.trained)
    let scene = LoLAClassifierTests.scene
    var task = scene.task()
    let kept = task.training.labels.indices.filter { task.training.labels[$0] != 1 }
    task.training = LabelledPixels(
      positions: kept.map { task.training.positions[$0] }, labels: kept.map { task.training.labels[$0] })
    let error = #expect(throws: ClassificationError.self) {
      try trained.forgetting([1], task, test: test(scene), recipe, TrainingSession(), RunContext())
    }
    #expect(error?.problem.contains("field 1") == true)
  }

  /// The probe against what it must find: a shift along one axis, and nothing.
  @Test func probes() throws {
    var random = CounterRandom(seed: 3)
    let isMember = (0..<400).map { $0 % 4 == 0 }
    func embeddings(_ shift: Double) -> Tensor {
      Tensor(
        [400, 3],
        isMember.flatMap { kind in
          (0..<3).map { Float(random.normal() + (kind && $0 == 1 ? shift : 0)) }
        })
    }
    let far = try LinearProbe(embeddings(8), isMember: isMember)
    #expect(far.balancedAccuracy(embeddings(8), isMember: isMember) ?? 0 > 0.99)
    let none = try LinearProbe(embeddings(0), isMember: isMember)
    #expect(abs((none.balancedAccuracy(embeddings(0), isMember: isMember) ?? 0) - 0.5) < 0.1)
    #expect(none.balancedAccuracy(embeddings(0), isMember: isMember.map { _ in true }) == nil)
  }
}
