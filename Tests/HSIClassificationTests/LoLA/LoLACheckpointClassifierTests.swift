import Foundation
import HSICore
import HSINetworks
import HSITransformer
import Testing

@testable import HSIClassification

/// A checkpoint of the released code does not tell its components: a classifier of it needs the scene.
@Suite struct LoLACheckpointClassifierTests {
  @Test func componentsAndTheirSigns() throws {
    let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("HSINetworksTests/Fixtures")
    let checkpoint = try LoLACheckpoint(
      WeightFile.open(fixtures.appendingPathComponent("lola_checkpoint.pth").path))
    let scene = SmallScene().scene
    let classifier = try checkpoint.classifier(of: scene, components: 5)
    #expect(classifier.classCount == 4 && classifier.patchRadius == 4 && classifier.id == "lola-specvit")
    let plain = try classifier.probabilities(scene, lines: 4..<6, RunContext()).values
    // Turning a component that the checkpoint sees turned is another map; turning it twice is none.
    let turned = try checkpoint.classifier(of: scene, components: 5, flipped: [0])
    #expect(try turned.probabilities(scene, lines: 4..<6, RunContext()).values != plain)
    #expect(turned.features.flipping([0]).components == classifier.features.components)
    #expect(throws: ClassificationError.self) { try checkpoint.classifier(of: scene, components: 40) }
  }
}
