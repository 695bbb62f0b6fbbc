import HSIClassification
import HSITestSupport
import Testing

@Suite("Labelled pixels")
struct LabelledPixelsTests {
  @Test("as many labels as positions")
  func count() {
    #expect(LabelledPixels(positions: [3, 5], labels: [0, 1]).count == 2)
    #expect(LabelledPixels().count == 0)
  }
}

/// Every classifier of the register keeps the contract (`checkClassifier`) on a small scene.
@Suite(.serialized) struct ClassifierContractTests {
  /// Larger presets of LoLA-SpecViT and LESS ViT are the same types with other numbers.
  static let names = Classifiers.descriptions.map(\.id).filter { id in
    !LoLAClassifier.presets.dropFirst().contains { $0.id == id } && id != "less-small-4"
  }

  /// Parameters that keep networks small.
  private static let values: [String: [String: Double]] = [
    "cnn-1d": ["epochs": 2, "batch": 16], "cnn-3d": ["epochs": 2, "batch": 16, "components": 4, "side": 5],
    "less-tiny": ["epochs": 1, "windows": 8, "batch": 4, "side": 8, "bands": 6],
    "lola-specvit-tiny": ["epochs": 1, "batch": 16, "components": 4, "side": 5],
  ]

  @Test(arguments: names) func contract(_ id: String) throws {
    let task = SmallScene(lines: 14, samples: 12).task()
    #expect(try checkClassifier(Classifiers.entry(id), Self.values[id] ?? [:], task: task) == [])
  }
}
