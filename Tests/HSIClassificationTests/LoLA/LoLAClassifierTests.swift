import Foundation
import HSICore
import HSINetworks
import HSINumerics
import HSITestSupport
import HSITransformer
import Testing

@testable import HSIClassification

/// Training, prediction, files and adapters of LoLA-SpecViT on a small scene.
@Suite struct LoLAClassifierTests {
  /// The preset for tests: few components, small patches, few epochs.
  static func classifier(_ values: [String: Double] = [:]) throws -> any Classifier {
    try Classifiers.named(
      "lola-specvit-tiny", ["components": 4, "side": 5, "epochs": 12, "batch": 16, "rate": 4e-3].merging(values) { $1 })
  }

  nonisolated(unsafe) static let scene = SmallScene()
  static let trained: TrainedLoLA? = try? classifier().train(scene.task(), RunContext(seed: 3)) as? TrainedLoLA

  @Test func learns() throws {
    let trained = try #require(Self.trained)
    #expect(
      trained.id == "lola-specvit-tiny" && trained.classCount == 3 && trained.bands == 12 && trained.patchRadius == 2)
    #expect(try Self.scene.accuracy(trained) > 0.9)
    #expect(trained.curve.map(\.epoch) == [5, 10, 12] && trained.curve.allSatisfy { $0.validationAccuracy != nil })
    let rows = try trained.probabilities(Self.scene.scene, lines: 3..<7, RunContext())
    for n in 0..<rows.rows { #expect(abs(rows.row(n).reduce(0, +) - 1) < 1e-5) }
  }

  /// The same bytes whatever the number of threads (a call from inside a pool item runs on one), and other ones for
  /// another seed.
  @Test func trainingDependsOnTheSeedAlone() throws {
    func bytes(_ trained: any TrainedClassifier) -> [[Float]] {
      trained.contents.map { if case .floats(let tensor) = $0.content { tensor.values } else { [] } }
    }
    let again = try Self.classifier(["epochs": 1]).train(Self.scene.task(), RunContext(seed: 3))
    nonisolated(unsafe) var serial: Result<any TrainedClassifier, any Error>?
    Parallel.forEach(2) { index in
      if index == 0 {
        serial = Result { try Self.classifier(["epochs": 1]).train(Self.scene.task(), RunContext(seed: 3)) }
      }
    }
    #expect(try bytes(#require(serial).get()) == bytes(again))
    let other = try Self.classifier(["epochs": 1]).train(Self.scene.task(), RunContext(seed: 4))
    #expect(bytes(other) != bytes(again))
  }

  /// Line by line, in any strips, patch by patch: bit for bit the same.
  @Test func tilesDoNotMatter() throws {
    let trained = try #require(Self.trained)
    let (scene, context) = (Self.scene.scene, RunContext())
    let whole = try trained.probabilities(scene, lines: 0..<20, context).values
    for height in [1, 7] {
      var pieces: [Float] = []
      for line in stride(from: 0, to: 20, by: height) {
        // Only the lines that the contract promises.
        let end = min(line + height, 20)
        let offered = max(0, line - 2)..<min(20, end + 2)
        let rows = scene.rows(lines: offered)
        let pixels = PixelMatrix(rows: rows.count, columns: 12)
        pixels.pointer.update(from: scene.pixels.pointer + rows.lowerBound * 12, count: rows.count * 12)
        let strip = Cube(
          shape: CubeShape(lines: offered.count, samples: 18, bands: 12), metadata: scene.metadata, pixels: pixels,
          positions: scene.positions[rows].map { $0 - Int32(offered.lowerBound * 18) })
        let lines = (line - offered.lowerBound)..<(end - offered.lowerBound)
        pieces += try trained.probabilities(strip, lines: lines, context).values
      }
      #expect(pieces == whole, "strips of \(height)")
    }
    let image = trained.features.image(scene, lines: 0..<20)
    let logits = scene.positions.map { trained.logits(trained.cutter.patches(image, [Int($0)])).values }
    let batch = trained.logits(trained.cutter.patches(image, scene.positions.map { Int($0) })).values
    #expect(logits.flatMap { $0 } == batch)
  }

  @Test func filesKeepEverything() throws {
    let trained = try #require(Self.trained)
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("lola-\(UUID()).safetensors").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    var card = ModelCard(architecture: trained.id)
    card.configuration = trained.configuration
    try SafetensorsWriter.write(trained.contents, card: card, to: path, overwrite: false)
    let file = try WeightFile.open(path)
    let restored = try Classifiers.entry(trained.id).restore(file, #require(try file.card()))
    let context = RunContext()
    #expect(
      try restored.probabilities(Self.scene.scene, lines: 0..<20, context).values
        == trained.probabilities(Self.scene.scene, lines: 0..<20, context).values)
    // A card that claims more than the file has, or something absurd.
    for (key, value) in [
      ("\"width\":32", "\"width\":512"), ("\"width\":32", "\"width\":100000"), ("\"depths\":[2,2]", "\"depths\":[2]"),
    ] {
      var damaged = card
      damaged.configuration?["lola"] = card.configuration?["lola"]?.replacingOccurrences(of: key, with: value)
      #expect(damaged != card)
      do {
        _ = try TrainedLoLA(file, damaged)
        Issue.record("\(value) was accepted")
      } catch { #expect(error is any HSIError) }
    }
  }

  // MARK: - Adapters

  /// What was learned on another scene of other classes: small, put into the model from its file, exact.
  @Test(arguments: ["lora:r=2", "s2ft:ratio=0.1", "sara:share=0.2", "none"]) func adapters(_ text: String) throws {
    let adaptation = try Adaptation(text, option: "adapter")
    let trained = try #require(Self.trained)
    let other = SmallScene(classes: 4)
    let before = try trained.contents.map { try $0.content.floats().values }
    let adapter = try trained.finetuned(
      other.task(), by: adaptation, keepsHead: true, epochs: text == "lora:r=2" ? 20 : 6, rate: 4e-3,
      RunContext(seed: 5))
    #expect(try trained.contents.map { try $0.content.floats().values } == before)
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("adapter-\(UUID()).safetensors").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    var card = ModelCard(architecture: trained.id + TrainedAdapter.suffix)
    card.configuration = adapter.configuration
    try SafetensorsWriter.write(adapter.contents, card: card, to: path, overwrite: false)
    let adapted = try #require(try trained.adapted(by: WeightFile.open(path)) as? TrainedLoLA)
    #expect(adapted.classCount == 4)
    let accuracy = try other.accuracy(adapted)
    #expect(accuracy > (text == "lora:r=2" ? 0.8 : 0.5))
    let count = adapter.contents.reduce(0) { sum, entry in sum + ((try? entry.content.floats().values.count) ?? 0) }
    #expect((count * 2 < trained.weightCount) == (text != "none"))
    // Folding changes nothing but roundings: the unfolded network of base and adapter says the same.
    var shape = trained.shape
    shape.classes = 4
    let network = LoLASpecViT(shape)
    try trained.weights.load(network.store) { $0.hasPrefix("head.") }
    try adaptation.load(WeightFile.open(path), network.linears.dropLast(), network.store) {
      $0.name.hasPrefix("head.")
    }
    let image = trained.features.image(other.scene, lines: 0..<20)
    let patches = trained.cutter.patches(image, [40, 100, 200])
    let (folded, plain) = (adapted.logits(patches).values, network(Variable(patches), Tape(.evaluation)).value.values)
    #expect(zip(folded, plain).allSatisfy { abs($0 - $1) < 1e-4 * (1 + abs($1)) })
  }

  @Test func wrongAdaptersAreRefused() throws {
    let trained = try #require(Self.trained)
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("bad-\(UUID()).safetensors").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let head = ("head.linear.weight", SafetensorsWriter.Content.floats(.zeros([3, 64])))
    let down = ("levels.0.0.attn.qkv.linear.lora_down.weight", SafetensorsWriter.Content.floats(.zeros([2, 32])))
    let up = ("levels.0.0.attn.qkv.linear.lora_up.weight", SafetensorsWriter.Content.floats(.zeros([96, 2])))
    func refusal(_ contents: [(String, SafetensorsWriter.Content)], alpha: String? = "4") -> TransformerError? {
      do {
        try SafetensorsWriter.write(
          contents.map { (name: $0.0, content: $0.1) }, metadata: alpha.map { ["lora_alpha": $0] } ?? [:], to: path,
          overwrite: true)
        _ = try trained.adapted(by: WeightFile.open(path))
        return nil
      } catch { return error as? TransformerError }
    }
    #expect(refusal([head, down, up]) == nil)
    #expect(refusal([head])?.identifier == "E-WEIGHTS-ADAPTER")
    #expect(refusal([head, down])?.identifier == "E-WEIGHTS-MISSING")
    #expect(refusal([down, up])?.identifier == "E-WEIGHTS-MISSING")
    #expect(refusal([head, down, up], alpha: nil)?.identifier == "E-WEIGHTS-HEADER")
    #expect(
      refusal([head, down, ("levels.0.0.attn.qkv.linear.lora_up.weight", .floats(.zeros([95, 2])))])?.identifier
        == "E-WEIGHTS-SHAPE")
    #expect(
      refusal([head, down, up, ("levels.9.lora_up.weight", .floats(.zeros([95, 2])))])?.identifier
        == "E-WEIGHTS-UNEXPECTED")
  }

  @Test func cancellationAndMemory() throws {
    let context = RunContext()
    context.cancellation.cancel()
    #expect(throws: CoreError.self) { try Self.classifier().train(Self.scene.task(), context) }
    let small = RunContext(memory: MemoryBudget(bytes: 1 << 20))
    #expect(throws: CoreError.self) { try Self.classifier().train(Self.scene.task(), small) }
  }
}
