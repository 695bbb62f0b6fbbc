import CKernels
import Foundation
import HSIKit
import Synchronization
import Testing

/// The thread count of a context holds in every room, whatever the process is set to.
@Suite struct ContextThreadsTests {
  /// More than this process uses for anything else, so that it can only come from the context.
  private static let threads = 7

  /// Notes how many threads work is shared by wherever it tells of its progress.
  private final class Probe: ProgressReporter {
    private let seen = Mutex<Set<Int>>([])
    func report(phase: String, fraction: Double, detail: String?) { note() }
    func note() { seen.withLock { _ = $0.insert(Parallel.threads) } }
    var threads: Set<Int> { seen.withLock { $0 } }
  }

  /// A scene that notes it too, whenever it is read.
  private final class ProbedScene: StripSource {
    let (cube, probe): (Cube, Probe)
    init(_ cube: Cube, _ probe: Probe) { (self.cube, self.probe) = (cube, probe) }
    var shape: CubeShape { cube.shape }
    var metadata: CubeMetadata { cube.metadata }
    var blockLines: Int { cube.blockLines }
    var workingBytesPerLine: Int { cube.workingBytesPerLine }
    func read(lines: Range<Int>, into strip: Strip) throws {
      probe.note()
      try cube.read(lines: lines, into: strip)
    }
  }

  /// Runs work under a context of its own; what it noted must be the threads of that context, and nothing may stay behind.
  private func check(_ name: String, _ work: (Probe, RunContext) throws -> Void) throws {
    let probe = Probe()
    let before = Parallel.threads
    try work(probe, RunContext(threads: Self.threads, progress: probe))
    #expect(probe.threads == [Self.threads], "\(name)")
    #expect(Parallel.threads == before, "\(name) leaves its claim behind")
  }

  private static let spectra: SpectralLibrary = {
    var values: [Double] = []
    for k in 0..<3 {
      for l in 0..<12 { values.append(0.3 + (l == 4 * k ? 0.2 : 0) + 0.02 * Double(l * k)) }
    }
    return SpectralLibrary(names: ["a", "b", "c"], axis: SpectralAxis(count: 12), values: values)
  }()

  private static func scene(lines: Int = 24, samples: Int = 24) throws -> Cube {
    var recipe = SceneRecipe(lines: lines, samples: samples, endmembers: spectra)
    recipe.seed = 4
    return try SceneSimulator(recipe).load(RunContext())
  }

  @Test func unmixing() throws {
    let scene = try Self.scene()
    for method in UnmixingMethods.count {
      try check(method.description.id) { probe, context in
        _ = try method.init([:]).count(ProbedScene(scene, probe), context)
      }
    }
    for method in UnmixingMethods.extract {
      try check(method.description.id) { probe, context in
        _ = try method.init([:]).extract(ProbedScene(scene, probe), count: 3, context)
      }
    }
    for method in UnmixingMethods.abundance {
      try check(method.description.id) { probe, context in
        try StripUnmixing.run(ProbedScene(scene, probe), method.init([:]), Self.spectra, context) { _ in probe.note() }
      }
    }
    for method in UnmixingMethods.sceneAbundance {
      try check(method.description.id) { _, context in
        _ = try method.init(["iterations": 5]).solve(scene, Self.spectra, context)
      }
    }
    for method in UnmixingMethods.blind {
      try check(method.description.id) { probe, context in
        let method = try method.init(["iterations": 5])
        let fit = try BlindUnmixing.factorise(ProbedScene(scene, probe), method, count: 3, context)
        try fit.deliver(context) { _ in probe.note() }
        _ = try method.unmix(scene, count: 3, start: nil, context)
      }
    }
  }

  @Test func transforms() throws {
    let plain = try Self.scene()
    var metadata = plain.metadata
    metadata.axis = SpectralAxis(wavelengths: (0..<plain.shape.bands).map { 450 + 20 * Double($0) })
    let scene = Cube(shape: plain.shape, metadata: metadata, pixels: plain.pixels, positions: plain.positions)
    for type in Transforms.all where type.hasComponents {
      try check(type.description.id) { probe, context in
        let method = try type.init(MethodParameters([:], for: type.description))
        _ = try method.fit(ProbedScene(scene, probe), components: 3, context)
      }
    }
  }

  @Test func restoration() throws {
    let scene = try Self.scene()
    let prompted = MPHSIRRestorer.description.id
    for entry in Restorers.all where entry.description.id != prompted {
      try check(entry.description.id) { _, context in
        _ = try entry.make([:], LearnedWeights()).restore(scene, noise: nil, context)
      }
    }
    let configuration = try MPHSIR.preset("mp-hsir-tiny")
    let model = MPHSIRModel(MPHSIR(configuration, seed: 1), card: MPHSIRModel.card("mp-hsir-tiny", configuration))
    try check(prompted) { _, context in
      _ = try MPHSIRRestorer(model, task: .noise).restore(scene, noise: nil, context)
    }
  }

  @Test(.timeLimit(.minutes(5))) func classification() throws {
    let plain = try Self.scene(lines: 14, samples: 12)
    var metadata = plain.metadata
    metadata.axis = SpectralAxis(wavelengths: (0..<plain.shape.bands).map { 450 + 20 * Double($0) })
    let scene = Cube(shape: plain.shape, metadata: metadata, pixels: plain.pixels, positions: plain.positions)
    let known = LabelledPixels(
      positions: (0..<60).map { Int32($0 * 2) }, labels: (0..<60).map { $0 % 12 < 4 ? 0 : $0 % 12 < 8 ? 1 : 2 })
    let classes = (1...3).map { ClassEntry(name: "class \($0)", colour: [0, 0, UInt8(80 * $0)]) }
    let task = ClassificationTask(scene: scene, training: known, classes: classes)
    let small: [String: Double] = [
      "epochs": 1, "batch": 16, "components": 4, "side": 5, "trees": 10, "windows": 16, "bands": 6,
    ]
    let large = LoLAClassifier.presets.dropFirst().map(\.id) + ["less-small-4"]
    for entry in Classifiers.all where !large.contains(entry.description.id) {
      let values = small.filter { value in entry.description.parameters.contains { $0.name == value.key } }
      // A classifier that neither trains in steps nor reads its scene in strips tells nothing of its course.
      let silent = Probe()
      let context = RunContext(threads: Self.threads, progress: silent)
      let trained = try entry.make(MethodParameters(values, for: entry.description)).train(task, context)
      _ = try trained.probabilities(scene, lines: 0..<14, context)
      #expect(silent.threads.isSubset(of: [Self.threads]), "\(entry.description.id)")
    }
  }

  @Test func jobs() throws {
    let folder = try #require(SampleScene.folder)
    let output = FileManager.default.temporaryDirectory.appendingPathComponent("hsi-threads-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: output, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: output) }
    let scene = SceneRequest(folder.appendingPathComponent("s.dat").path)
    func file(_ name: String) -> String { output.appendingPathComponent(name).path }
    try check("unmix") {
      _ = try UnmixJob(scene: scene, output: file("a.tif"), method: UnmixMethodRequest(.blind(.init()))).run($1)
    }
    try check("denoise") { _ = try DenoiseJob(scene: scene, output: file("d.tif")).run($1) }
    try check("resample") { _ = try ResampleJob(scene: scene, output: file("r.tif"), target: "sentinel2").run($1) }
    try check("index") { _ = try IndexJob(scene: scene, output: file("i.tif"), IndexRequest.list("b650/b550")).run($1) }
    try check("statistics") { _ = try StatisticsJob(scene: scene, output: file("s.safetensors")).run($1) }
    try check("transform") { _ = try TransformJob(scene: scene, output: file("t.tif"), .method("pca")).run($1) }
  }
}

/// Claims of threads, and the pool under them.
@Suite struct ThreadClaimTests {
  private func slots() -> Set<Int32> {
    let slots = Mutex<Set<Int32>>([])
    Parallel.forEach(400) { _ in
      slots.withLock { _ = $0.insert(hsi_pool_thread_index()) }
    }
    return slots.withLock { $0 }
  }

  @Test func claimsNestAndEnd() {
    let before = Parallel.threads
    do {
      let outer = RunContext(threads: 3).claimThreads()
      defer { outer.release() }
      #expect(Parallel.threads == 3)
      do {
        let inner = RunContext(threads: 1).claimThreads()
        defer { inner.release() }
        #expect(Parallel.threads == 1 && slots() == [0])
      }
      #expect(Parallel.threads == 3 && slots().allSatisfy { $0 < 3 })
    }
    #expect(Parallel.threads == before)
  }

  /// Scratch that is sized inside an item has room for the slot of the thread that runs it.
  @Test func itemsKnowTheirThreads() {
    let claim = RunContext(threads: 6).claimThreads()
    defer { claim.release() }
    Parallel.forEach(300) { _ in
      let nested = RunContext(threads: 1).claimThreads()
      #expect(Int(hsi_pool_thread_index()) < Parallel.threads)
      nested.release()
    }
    #expect(Parallel.threads == 6)
  }
}
