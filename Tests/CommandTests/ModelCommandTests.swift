import Foundation
import HSIKit
import Testing

/// `hsi model` on the sample checkpoint and on files that must be refused.
@Suite struct ModelCommandTests {
  static let checkpoint = Tool.package.appendingPathComponent("SampleData/checkpoint.pth").path
  private static let fixtures = Tool.package.appendingPathComponent(
    "Tests/HSITransformerTests/Fixtures/checkpoints")

  private func object(_ arguments: [String]) throws -> [String: Any] {
    let result = try Tool.run(arguments)
    #expect(result.status == 0, "\(result.errors)")
    return try #require(JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
  }

  @Test func listsTensorsAndFacts() throws {
    let facts = try object(["model", "info", ModelCommandTests.checkpoint, "--json"])
    #expect(facts["format"] as? String == "PyTorch")
    // 16·8 + 16 + 4·8 + 16·4 + 16 + 16 + 16, and 33 running statistics and counts.
    #expect(facts["parameters"] as? Int == 288 && facts["values"] as? Int == 321)
    #expect(facts["metadata"] as? [String: String] == ["epoch": "3", "iteration": "120"])
    let text = try Tool.run(["model", "info", ModelCommandTests.checkpoint]).output
    #expect(text.contains("head.lora_down.weight") && text.contains("4 × 8"))
    #expect(text.contains("288 parameters, 33 in statistics and tables"))
  }

  @Test func convertsAndMerges() throws {
    let folder = try TemporaryFolder()
    let (converted, merged) = (folder.path("a.safetensors"), folder.path("b.safetensors"))
    #expect(try Tool.run(["model", "convert", ModelCommandTests.checkpoint, converted]).status == 0)
    let (from, to) = (try WeightFile.open(ModelCommandTests.checkpoint), try WeightFile.open(converted))
    #expect(Set(from.tensors.map(\.name)) == Set(to.tensors.map(\.name)))
    for tensor in from.tensors { #expect(try to[tensor.name]?.floats().values == tensor.floats().values) }
    #expect(try Tool.run(["model", "convert", ModelCommandTests.checkpoint, converted]).status == 4)
    #expect(try Tool.run(["model", "convert", converted, converted, "--overwrite"]).status == 4)
    #expect(try Tool.run(["model", "merge", converted, merged]).status == 2)
    let result = try Tool.run(["model", "merge", converted, merged, "--alpha", "8"])
    #expect(result.status == 0 && result.output == "folded 1 adapters\n")
    #expect(try WeightFile.open(merged).tensors.allSatisfy { !$0.name.contains("lora_") })
    #expect(folder.names == ["a.safetensors", "b.safetensors"])
  }

  @Test(arguments: [
    "refused_system.pth", "refused_legacy.pth", "refused_module.pth", "complex.pth", "expanded.pth",
    "empty.pth",
    "missing.pth", "make_checkpoints.py",
  ])
  func badFilesGiveCodeSeven(name: String) throws {
    let result = try Tool.run(["model", "info", ModelCommandTests.fixtures.appendingPathComponent(name).path])
    #expect(result.status == 7 && result.output.isEmpty)
    #expect(result.errorLines.count == 1 && result.errors.contains("[E-WEIGHTS-"))
  }

  /// Checkpoints without text embeddings are refused until these are put beside the weights.
  @Test func promptsAreBundled() throws {
    let folder = try TemporaryFolder()
    let network = MPHSIR(try MPHSIR.preset("mp-hsir-tiny"), seed: 3)
    let bare = network.store.parameters.filter { !$0.name.hasSuffix("clip_prompt") }
    try SafetensorsWriter.write(
      bare.map { ("net.\($0.name)", .floats($0.value)) }, metadata: [:], to: folder.path("official.safetensors"),
      overwrite: false)
    try SafetensorsWriter.write(
      [("clip_prompts", .floats(Tensor([9, 512], (0..<(9 * 512)).map { Float($0 % 97) })))], metadata: [:],
      to: folder.path("prompts.safetensors"), overwrite: false)
    let (official, out) = (folder.path("official.safetensors"), folder.path("whole.safetensors"))
    #expect(
      try Tool.run(["model", "convert", official, out, "--prompts", folder.path("prompts.safetensors")]).status == 0)
    let whole = try MPHSIR.read(out)
    let table = try #require(whole.network.store.parameters.first { $0.name.hasSuffix("clip_prompt") })
    #expect(table.shape == [9, 64] && table.value.values[1] == 8 && table.value.values[64] == Float(512 % 97))
    let drawn = folder.path("drawn.safetensors")
    #expect(try Tool.run(["model", "convert", official, drawn, "--prompts", "drawn:4"]).status == 0)
    #expect(try MPHSIR.read(drawn).card.notes?.contains("stand-in") == true)
    for (prompts, status) in [("drawn:x", 2), ("nowhere.safetensors", 7), (official, 7)] {
      let result = try Tool.run(["model", "convert", official, folder.path("x.safetensors"), "--prompts", prompts])
      #expect(result.status == Int32(status), "\(prompts): \(result.errors)")
    }
    #expect(!FileManager.default.fileExists(atPath: folder.path("x.safetensors")))
  }
}
