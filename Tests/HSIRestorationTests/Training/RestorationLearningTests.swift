import Foundation
import HSICore
import HSINetworks
import HSINumerics
import HSITestSupport
import HSITransformer
import Testing

@testable import HSIRestoration

@Suite(.serialized) struct RestorationLearningTests {
  private func patches(_ size: Int = 8, seed: UInt64 = 1) throws -> TrainingPatches {
    var recipe = TrainingPatches.Recipe()
    (recipe.bands, recipe.size, recipe.bandStride) = (7, size, 2)
    recipe.scales = [.init(factor: 1, stride: 8)]
    (recipe.variesLight, recipe.keepsBandOrder) = (true, true)
    return try TrainingPatches([SyntheticScene.clean(lines: 24, samples: 24, bands: 9)], recipe: recipe, seed: seed)
  }

  private func trainer(
    epochs: Int = 2, loss: RestorationSubject.Loss = .decibel, tasks: [MPHSIRTask] = MPHSIRTask.allCases
  ) throws -> Trainer {
    var options = RestorationTraining()
    (options.epochs, options.batch, options.patchesPerEpoch) = (epochs, 2, 4)
    (options.evaluateEvery, options.rate) = (3, 2e-3)
    let network = MPHSIR(TinyMPHSIR.configuration, seed: 4)
    return Trainer(
      try RestorationLearning(
        network, tasks: tasks, loss: loss, options, patches: patches(), judges: patches(seed: 2), settings: "test",
        RunContext(seed: 3)))
  }

  private func weights(_ trainer: Trainer) -> [[Float]] { trainer.task.store.parameters.map(\.value.values) }

  @Test func aResumedRunEndsWithTheSameBytes() throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("hsi-\(UUID()).safetensors").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let whole = try trainer()
    _ = try whole.run(TrainingSession(), RunContext())
    let first = try trainer()
    let outcome = try first.run(TrainingSession(statePath: path, timeLimit: 0), RunContext())
    #expect(!outcome.isComplete)
    let second = try trainer()
    _ = try second.run(TrainingSession(statePath: path, resumes: true), RunContext())
    #expect(weights(second) == weights(whole))
  }

  @Test(arguments: RestorationSubject.Loss.allCases) func itLearns(_ loss: RestorationSubject.Loss) throws {
    let trainer = try trainer(epochs: 12, loss: loss, tasks: [.noise])
    let before = try #require(try trainer.task.score(RunContext()))
    _ = try trainer.run(TrainingSession(), RunContext())
    let after = try #require(try trainer.task.score(RunContext()))
    #expect(after.value > before.value + 1, "\(before.value) → \(after.value)")
  }

  /// Every task draws what it should, the same under the same seed, another under another.
  @Test(arguments: MPHSIRTask.allCases) func draws(_ task: MPHSIRTask) throws {
    let scene = SyntheticScene.clean(lines: 16, samples: 16, bands: 31)
    for i in 0..<(scene.count * 31) { scene.pixels.pointer[i] = min(max(scene.pixels.pointer[i], 0), 1) }
    var seen: Set<[Float]> = []
    for seed in 0..<6 {
      let draw = try DegradationDraw(task, seed: UInt64(seed))
      let a = try draw.apply(to: scene, RunContext(threads: 1))
      let b = try DegradationDraw(task, seed: UInt64(seed)).apply(to: scene, RunContext(threads: 2))
      #expect(
        zip(a.pixels.values, b.pixels.values).allSatisfy { $0 == $1 || ($0.isNaN && $1.isNaN) }
          && a.pixels.values.count == b.pixels.values.count)
      let lost = a.pixels.values.count { !$0.isFinite }
      #expect((lost > 0) == [.inpaint].contains(task) || task == .bands)
      #expect((draw.scale > 1) == (task == .superres))
      #expect(a.shape.lines * draw.scale == 16)
      seen.insert(a.pixels.values.map { $0.isNaN ? -9 : $0 })
    }
    #expect(seen.count >= (task == .superres ? 3 : 5))
  }

  @Test func allTasksAreDrawn() throws {
    var counts: [MPHSIRTask: Int] = [:]
    for seed in 0..<900 { counts[try DegradationDraw(MPHSIRTask.allCases, seed: UInt64(seed)).task, default: 0] += 1 }
    #expect(counts.count == MPHSIRTask.allCases.count)
    #expect(counts.values.allSatisfy { (60...150).contains($0) }, "\(counts)")
  }

  /// Patches keep the order of bands, and know their wavelengths.
  @Test func bandsKeepTheirOrder() throws {
    let plain = SyntheticScene.clean(lines: 8, samples: 8, bands: 9)
    var metadata = plain.metadata
    metadata.axis = SpectralAxis(wavelengths: (0..<9).map { 400 + 50 * Double($0) })
    for row in 0..<64 { for band in 0..<9 { plain.pixels[row, band] = Float(band) } }
    let scene = Cube(shape: plain.shape, metadata: metadata, pixels: plain.pixels, positions: plain.positions)
    var recipe = TrainingPatches.Recipe()
    (recipe.bands, recipe.size, recipe.bandStride, recipe.bandSteps) = (4, 8, 2, [2])
    recipe.scales = [.init(factor: 1, stride: 8)]
    recipe.keepsBandOrder = true
    let patches = try TrainingPatches([scene], recipe: recipe)
    #expect(patches.metadata(0).axis.wavelengths == [400, 500, 600, 700])
    for epoch in 0..<8 {
      let values = Tensor(uninitialised: [4, 64])
      patches.copy(0, epoch: epoch, to: values.output)
      let bands = (0..<4).map { values.pointer[64 * $0] }
      #expect(bands == bands.sorted())
    }
  }

  @Test func unusableRequests() throws {
    var request = RestorationTraining()
    request.variant = "hsdt-s"
    #expect(throws: TransformerError.self) { try request.startingModel(seed: 0) }
    request.variant = "mp-hsir-tiny"
    request.patch = 40
    let model = try request.startingModel(seed: 0)
    #expect(throws: CoreError.self) { try request.check(model.network) }
    request.patch = 32
    try request.check(model.network)
    let x = Variable(Tensor([1, 32, 32, 31], (0..<(32 * 32 * 31)).map { Float($0 % 89) / 89 }))
    #expect(model.network(x, task: 2, Tape(.inference)).value.values == x.value.values)
    request.subject.tasks = []
    #expect(throws: CoreError.self) { try request.check(model.network) }
    request.subject.tasks = [.haze]
    let natural = MPHSIR(TinyMPHSIR.configuration, seed: 0)
    #expect(natural.configuration.id(of: .haze) != nil)
  }
}
