import Foundation
import HSICore
import HSINetworks
import HSITransformer
import Testing

@testable import HSIRestoration

@Suite(.serialized) struct PredictorLearningTests {
  private static var configuration: DegradationPredictorConfiguration {
    var configuration = DegradationPredictorConfiguration()
    (configuration.bands, configuration.size, configuration.width, configuration.blocks) = (7, 16, 4, [1, 1, 1, 1])
    configuration.tasks = [.noise, .inpaint]
    return configuration
  }

  private func patches(seed: UInt64 = 1) throws -> TrainingPatches {
    var recipe = TrainingPatches.Recipe()
    (recipe.bands, recipe.size, recipe.bandStride) = (7, 16, 2)
    recipe.scales = [.init(factor: 1, stride: 8)]
    (recipe.variesLight, recipe.keepsBandOrder) = (true, true)
    return try TrainingPatches([SyntheticScene.clean(lines: 48, samples: 48, bands: 9)], recipe: recipe, seed: seed)
  }

  private func trainer(epochs: Int = 2, perEpoch: Int = 12, evaluateEvery: Int = 2) throws -> Trainer {
    var options = PredictorTraining()
    (options.epochs, options.batch, options.patchesPerEpoch) = (epochs, 6, perEpoch)
    (options.evaluateEvery, options.rate, options.patch) = (
      evaluateEvery, 5e-3, 16
    )
    return Trainer(
      try PredictorLearning(
        DegradationPredictor(Self.configuration, seed: 4), options, patches: patches(), judges: patches(seed: 2),
        settings: "test", RunContext(seed: 3)))
  }

  private func weights(_ trainer: Trainer) -> [[Float]] { trainer.task.store.parameters.map(\.value.values) }

  @Test func aResumedRunEndsWithTheSameBytes() throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("hsi-\(UUID()).safetensors").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let whole = try trainer()
    _ = try whole.run(TrainingSession(), RunContext(threads: 2))
    let first = try trainer()
    let outcome = try first.run(TrainingSession(statePath: path, timeLimit: 0), RunContext())
    #expect(!outcome.isComplete)
    let second = try trainer()
    _ = try second.run(TrainingSession(statePath: path, resumes: true), RunContext(threads: 1))
    #expect(weights(second) == weights(whole))
  }

  /// Noise, lost values and nothing at all are told apart after a few steps; drawing lots would give a third.
  @Test func itLearns() throws {
    let trainer = try trainer(epochs: 8, perEpoch: 48, evaluateEvery: 20)
    _ = try trainer.run(TrainingSession(), RunContext())
    let score = try #require(try trainer.task.score(RunContext()))
    #expect(score.value > 0.7, "\(trainer.task.text(score.value))")
    #expect(trainer.task.text(score.value).contains("nothing"))
  }

  /// Beside a blurred patch there is its mirror image: a predictor must not learn dark borders.
  @Test(arguments: [MPHSIRTask.blur, .motion]) func bordersAreMirrored(_ task: MPHSIRTask) throws {
    let scene = SyntheticScene.clean(lines: 24, samples: 24, bands: 7)
    for i in 0..<(scene.count * 7) { scene.pixels.pointer[i] = 0.5 }
    func darkest(mirrors: Bool) throws -> Float {
      try (0..<8).map { seed in
        let degraded = try DegradationDraw(task, seed: UInt64(seed), mirrors: mirrors).apply(to: scene, RunContext())
        let values = (0..<24).flatMap { line in degraded.pixels.row(line * 24).map { $0 } }
        let middle = (0..<24).flatMap { line in degraded.pixels.row(line * 24 + 12).map { $0 } }
        return values.reduce(0, +) / middle.reduce(0, +)
      }.min() ?? 0
    }
    #expect(try darkest(mirrors: true) > 0.95)
    #expect(try darkest(mirrors: false) < 0.8)
  }

  /// Patches as scenes of their own are the planes that `copy` writes.
  @Test func patchesAsScenes() throws {
    let patches = try patches()
    let planes = Tensor(uninitialised: [7, 256])
    patches.copy(3, epoch: 1, to: planes.output)
    let cube = patches.cube(3, epoch: 1)
    #expect(cube.shape == CubeShape(lines: 16, samples: 16, bands: 7) && cube.count == 256)
    for place in 0..<256 {
      for band in 0..<7 { #expect(cube.pixels[place, band] == planes.pointer[band * 256 + place]) }
    }
  }

  /// What is promised about memory holds.
  @Test func memory() throws {
    let configuration = try #require(DegradationPredictorConfiguration(named: "degradation-predictor-tiny"))
    let pool = BufferPool()
    let (peak, promised) = BufferPool.$current.withValue(pool) {
      let network = DegradationPredictor(configuration, seed: 1)
      let tape = Tape(.training)
      let x = Variable(Tensor([8, 16, 16, 31], repeating: 0.5))
      let loss = tape.crossEntropy(network(x, tape), labels: Array(0..<8))
      tape.backward(from: loss)
      return (
        pool.statistics.peakBytesInUse, PredictorSubject.workingBytes(network, batch: 8, size: configuration.size)
      )
    }
    #expect(peak < promised && promised < 4 * peak, "\(peak) of \(promised)")
  }

  @Test func unusableRequests() throws {
    var request = PredictorTraining()
    request.variant = "hsdt-s"
    #expect(throws: TransformerError.self) { try request.startingModel(seed: 0) }
    request.variant = "degradation-predictor-tiny"
    request.subject.tasks = [.haze, .blur]
    let model = try request.startingModel(seed: 0)
    #expect(model.network.configuration.classes == 3)
    #expect(throws: CoreError.self) {
      request.patch = 40
      try request.check(model.network)
    }
    request.patch = 16
    try request.check(model.network)
    for tasks in [[], [.haze, .haze]] as [[MPHSIRTask]] {
      request.subject.tasks = tasks
      #expect(throws: CoreError.self) { try request.check(model.network) }
    }
    // Another patch, or other outputs, than the network has.
    var options = PredictorTraining()
    options.batch = 2
    let network = DegradationPredictor(Self.configuration, seed: 1)
    var subject = PredictorSubject()
    subject.tasks = [.haze]
    let patches = try patches()
    #expect(throws: CoreError.self) {
      try subject.task(network, options, patches: patches, judges: patches, settings: "", RunContext())
    }
    var recipe = patches.recipe
    recipe.size = 32
    let large = try TrainingPatches([SyntheticScene.clean(lines: 48, samples: 48, bands: 9)], recipe: recipe)
    #expect(throws: CoreError.self) {
      try PredictorSubject().task(network, options, patches: large, judges: large, settings: "", RunContext())
    }
  }
}
