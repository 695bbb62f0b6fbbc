import Foundation
import HSICore
import HSINetworks
import HSINumerics
import HSITransformer
import Testing

@testable import HSIRestoration

@Suite(.serialized) struct DenoisingTrainerTests {
  /// A smooth scene of some regions, noise-free.
  private func scene() -> Cube {
    let shape = CubeShape(lines: 24, samples: 24, bands: 9)
    let pixels = PixelMatrix(rows: shape.pixels, columns: shape.bands)
    for place in 0..<shape.pixels {
      let (line, sample) = (Double(place / 24), Double(place % 24))
      for b in 0..<9 {
        pixels[place, b] = Float(
          0.5 + 0.3 * sin(line / 5 + Double(b) / 4) * cos(sample / 6) + (line > sample ? 0.2 : 0))
      }
    }
    return Cube(
      shape: shape, metadata: CubeMetadata(bands: 9), pixels: pixels, positions: (0..<576).map { Int32($0) })
  }

  private func trainer(
    seed: UInt64 = 3, epochs: Int = 2, frozenShare: Double = 0.25, loss: DenoisingRecipe.Loss = .squared,
    settings: String = "test", evaluateEvery: Int = 3
  ) throws -> Trainer {
    var configuration = HSDTConfiguration()
    configuration.channels = 4
    configuration.layers = 3
    configuration.samples = [1]
    configuration.bands = 7
    var cut = TrainingPatches.Recipe()
    cut.bands = 7
    cut.size = 8
    cut.scales = [.init(factor: 1, stride: 8)]
    cut.bandStride = 2
    var recipe = DenoisingRecipe.compact(epochs: epochs, rate: 5e-3)
    recipe.batch = 4
    recipe.patchesPerEpoch = 16
    recipe.seed = seed
    recipe.frozenShare = frozenShare
    recipe.loss = loss
    recipe.evaluateEvery = evaluateEvery
    let patches = try TrainingPatches([scene()], recipe: cut, seed: seed)
    return Trainer(
      try DenoisingTask(
        HSDT(configuration, seed: seed), patches: patches,
        validation: DenoisingValidation(patches, noise: .judging, count: 2), recipe: recipe, settings: settings))
  }

  private func weights(_ trainer: Trainer) -> [[Float]] {
    trainer.task.store.parameters.map(\.value.values)
  }

  @Test func aResumedRunEndsWithTheSameBytes() throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("hsi-\(UUID()).safetensors").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let whole = try trainer()
    #expect(whole.steps == 8)
    try whole.run(RunContext())

    // Stopped by cancellation after the evaluation at step 3: the state on disk is that of step 3.
    let first = try trainer()
    let context = RunContext()
    #expect(throws: CoreError.self) {
      try first.run(TrainingSession(statePath: path), context) { _ in context.cancellation.cancel() }
    }
    #expect(first.record.step < 8)
    let second = try trainer()
    try second.resume(from: path)
    #expect(second.record.step == first.record.step)
    try second.run(TrainingSession(statePath: path), RunContext())
    #expect(second.record.step == 8)
    #expect(weights(second) == weights(whole))
    #expect(second.record.curve.map(\.score) == whole.record.curve.map(\.score))
  }

  @Test func threadsDoNotMatter() throws {
    let results = try [1, 3].map { threads in
      let trainer = try trainer(epochs: 1, evaluateEvery: 100)
      try trainer.run(RunContext(threads: threads))
      return weights(trainer)
    }
    #expect(results[0] == results[1])
  }

  @Test func trainingLowersTheErrorOfTheValidationPatches() throws {
    let trainer = try trainer(epochs: 12, evaluateEvery: 48)
    let before = DenoisingValidation(
      try TrainingPatches([scene()], recipe: patchRecipe, seed: 3), noise: .judging, count: 2
    ).score(try #require((trainer.task as? DenoisingTask)?.network))
    try trainer.run(RunContext())
    let after = try #require(trainer.record.best)
    #expect(after > before + 1, "\(before) to \(after) dB")
  }

  private var patchRecipe: TrainingPatches.Recipe {
    var cut = TrainingPatches.Recipe()
    cut.bands = 7
    cut.size = 8
    cut.scales = [.init(factor: 1, stride: 8)]
    cut.bandStride = 2
    return cut
  }

  /// Compact recipe, all of it frozen: running statistics keep their start values, and weights still move.
  @Test func frozenStatisticsStay() throws {
    for (share, moves) in [(1.0, false), (0.25, true)] {
      let trainer = try trainer(epochs: 1, frozenShare: share, evaluateEvery: 100)
      let before = trainer.task.store.parameters.map(\.value.values)
      try trainer.run(RunContext())
      for (parameter, value) in zip(trainer.task.store.parameters, before) {
        if parameter.name.contains("running") {
          #expect((parameter.value.values != value) == moves, "\(parameter.name)")
        }
        if parameter.name == "tail.weight" { #expect(parameter.value.values != value) }
      }
    }
  }

  @Test(arguments: [("hsdt-tiny", 2, 16), ("hsdt-s", 1, 32), ("hsdt-m", 2, 16), ("hsdt-l", 1, 32)])
  func memoryIsWhatWasSaid(_ name: String, _ batch: Int, _ size: Int) throws {
    let configuration = try #require(HSDTConfiguration(named: name))
    let pool = BufferPool()
    BufferPool.$current.withValue(pool) {
      let network = HSDT(configuration)
      let optimiser = Optimiser(.adam(), network.store.parameters.filter { !$0.isBuffer })
      let x = Tensor.zeros([batch, 31, size, size, 1])
      for _ in 0..<2 {
        let tape = Tape(.training)
        let loss = tape.planeDecibelLoss(network(Variable(x), tape), x, planes: batch * 31)
        tape.backward(from: loss)
        optimiser.step(rate: 1e-3)
      }
      let (used, said) = (
        pool.statistics.peakBytesInUse, DenoisingTask.workingBytes(network, batch: batch, size: size)
      )
      #expect(used <= said && said < 2 * used, "\(name): \(used) used, \(said) said")
    }
  }

  @Test func aStateOfAnotherRunIsRefused() throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("hsi-\(UUID()).safetensors").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try trainer(epochs: 1, evaluateEvery: 2).run(TrainingSession(statePath: path), RunContext())
    #expect(throws: TransformerError.self) { try trainer(settings: "other").resume(from: path) }
  }

  /// Scratch is sized for the threads of the pool, whose number other tests change meanwhile: the least of some runs
  /// counts, and must be none.
  @Test func noFreshMemoryAfterTheFirstSteps() throws {
    let pool = BufferPool()
    try BufferPool.$current.withValue(pool) {
      try trainer(epochs: 1, evaluateEvery: 1).run(RunContext())
      let fresh = try (0..<6).map { _ in
        let before = pool.statistics.allocations
        try trainer(epochs: 1, evaluateEvery: 1).run(RunContext())
        return pool.statistics.allocations - before
      }
      #expect(fresh.min() == 0, "\(fresh)")
    }
  }
}
