import Foundation
import HSIKit
import Testing

/// `hsi model` on the sample checkpoint and on files that must be refused.
@Suite struct ModelCommandTests {
  private static let checkpoint = Tool.package.appendingPathComponent("SampleData/checkpoint.pth").path
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
}
