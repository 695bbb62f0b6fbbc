import Foundation
import HSICore
import HSITransformer
import Testing

@testable import HSIClassification

/// The convolutional baselines: they learn, and they keep what they learned in files.
@Suite struct CNNTests {
  @Test(arguments: [("cnn-1d", 0), ("cnn-3d", 2)])
  func learning(_ id: String, _ radius: Int) throws {
    let scene = SmallScene()
    let classifier = try Classifiers.named(
      id,
      ["epochs": 25, "batch": 16, "rate": 5e-3].merging(id == "cnn-3d" ? ["components": 4, "side": 5] : [:]) { $1 })
    #expect(classifier.patchRadius == radius)
    let trained = try classifier.train(scene.task(), RunContext(seed: 2))
    #expect(trained.id == id && trained.patchRadius == radius)
    #expect(try scene.accuracy(trained) > 0.95)
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(id)-\(UUID()).safetensors").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    var card = ModelCard(architecture: id)
    card.configuration = trained.configuration
    try SafetensorsWriter.write(trained.contents, card: card, to: path, overwrite: false)
    let file = try WeightFile.open(path)
    let restored = try Classifiers.entry(id).restore(file, #require(try file.card()))
    #expect(
      try restored.probabilities(scene.scene, lines: 0..<20, RunContext()).values
        == trained.probabilities(scene.scene, lines: 0..<20, RunContext()).values)
    // One line at a time gives the same bits.
    let lines = try (0..<20).flatMap {
      try trained.probabilities(scene.scene, lines: $0..<($0 + 1), RunContext()).values
    }
    #expect(try lines == trained.probabilities(scene.scene, lines: 0..<20, RunContext()).values)
    var damaged = card
    damaged.configuration?["network"] = card.configuration?["network"]?.replacingOccurrences(
      of: "\"hidden\":64", with: "\"hidden\":4000")
    #expect(damaged != card)
    #expect(throws: ClassificationError.self) { try Classifiers.entry(id).restore(file, damaged) }
  }
}
