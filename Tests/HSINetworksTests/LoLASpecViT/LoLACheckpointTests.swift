import Foundation
import HSITransformer
import Testing

@testable import HSINetworks

/// Checkpoints as the released training script writes them.
@Suite struct LoLACheckpointTests {
  private static func path(_ name: String, _ type: String) throws -> String {
    try #require(Bundle.module.url(forResource: name, withExtension: type, subdirectory: "Fixtures")).path
  }

  /// A dictionary with `state_dict`, epoch and accuracy; shape and results from the file alone.
  @Test func dictionary() throws {
    let checkpoint = try LoLACheckpoint(WeightFile.open(Self.path("lola_checkpoint", "pth")))
    #expect(checkpoint.shape.stem == [2, 3] && checkpoint.shape.width == 16 && checkpoint.shape.side == 9)
    #expect(
      checkpoint.shape.depths == [1, 1] && checkpoint.shape.heads == [2, 4] && checkpoint.shape.windows == [3, 2])
    #expect(checkpoint.shape.expansion == 0.5 && checkpoint.shape.rank == 2 && checkpoint.shape.alpha == 4)
    #expect(checkpoint.shape.classes == 4 && checkpoint.shape.padding == .attended)
    let fixture = try WeightFile.open(Self.path("lola_checkpoint_case", "safetensors"))
    let x = try #require(try fixture["in.x"]?.floats())
    let reference = try #require(try fixture["out64.y"]?.floats()).values
    let largest = reference.reduce(Float(0)) { max($0, abs($1)) }
    for y in [
      try checkpoint.folded()(x.reshaped(x.shape + [1])),
      try checkpoint.network()(Variable(x.reshaped(x.shape + [1])), Tape(.evaluation)).value,
    ] {
      #expect(zip(y.values, reference).allSatisfy { abs($0 - $1) < 1e-4 * largest })
    }
  }

  /// The bare state dictionary, here as safetensors, is the same.
  @Test func bareStateDictionary() throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("bare-\(UUID()).safetensors").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let source = try WeightFile.open(Self.path("lola_checkpoint", "pth"))
    try SafetensorsWriter.write(
      source.tensors.map { (name: $0.name, content: .stored($0)) }, to: path, overwrite: false)
    let (bare, wrapped) = (try LoLACheckpoint(WeightFile.open(path)), try LoLACheckpoint(source))
    #expect(bare.shape == wrapped.shape)
    let x = try #require(try WeightFile.open(Self.path("lola_checkpoint_case", "safetensors"))["in.x"]?.floats())
    let patches = x.reshaped(x.shape + [1])
    #expect(try bare.folded()(patches).values == wrapped.folded()(patches).values)
  }

  /// The first tensor that does not fit is named.
  @Test func wrongCheckpointsAreRefused() throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("wrong-\(UUID()).safetensors").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let source = try WeightFile.open(Self.path("lola_checkpoint", "pth"))
    func refusal(_ change: (inout [(name: String, content: SafetensorsWriter.Content)]) -> Void) -> String {
      do {
        var tensors = source.tensors.map { (name: $0.name, content: SafetensorsWriter.Content.stored($0)) }
        change(&tensors)
        try SafetensorsWriter.write(tensors, to: path, overwrite: true)
        _ = try LoLACheckpoint(WeightFile.open(path))
        return "accepted"
      } catch { return "\(error)" }
    }
    #expect(refusal { _ in } == "accepted")
    #expect(refusal { $0.removeAll { $0.name.hasSuffix("num_batches_tracked") } } == "accepted")
    #expect(refusal { $0.removeAll { $0.name == "levels.1.0.mlp.1.w2.bias" } }.contains("levels.1.0.mlp.1.w2.bias"))
    #expect(refusal { $0.removeAll { $0.name == "pos_embed" } }.contains("pos_embed"))
    #expect(refusal { $0.append((name: "stranger", content: .floats(.zeros([2])))) }.contains("stranger"))
    #expect(
      refusal { tensors in
        for index in tensors.indices where tensors[index].name == "norm.bias" {
          tensors[index].content = .floats(.zeros([33]))
        }
      }.contains("norm.bias"))
    // A table of positions that claims windows far larger than the file.
    #expect(
      refusal { tensors in
        for index in tensors.indices where tensors[index].name == "levels.0.0.attn.relative_position_bias_table" {
          tensors[index].content = .floats(.zeros([101 * 101, 2]))
        }
      }.contains("E-WEIGHTS"))
    // Another network altogether.
    #expect(throws: TransformerError.self) {
      try LoLACheckpoint(WeightFile.open(Self.path("lola_checkpoint_case", "safetensors")))
    }
  }
}
