import Foundation
import HSIKit
import HSITestSupport
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

  /// Pruned without training: half the weights, a smaller file that every reader takes, and a warning.
  @Test func prunesWithoutTraining() throws {
    let place = try SampleScene.workplace()
    let result = try place.run("model prune hsdt-s half.safetensors --pattern 2:4")
    #expect(result.errors.contains("W-PRUNED-UNTRAINED") && result.errors.contains("2:4: 66284 of 132568 weights"))
    let file = try WeightFile.open(place.path("half.safetensors"))
    #expect(try file.card()?.pruning == "2:4" && file.card()?.metrics == nil)
    let bytes = file.tensors.reduce(0) { $0 + $1.storedBytes }
    #expect(Double(bytes) < 0.56 * Double(file.tensors.reduce(0) { $0 + $1.count * $1.type.size }))
    try place.run("denoise in/s.dat o/d.dat --method hsdt --weights half.safetensors")
    let facts = try place.run("model info half.safetensors")
    #expect(facts.output.contains("without their zeros"))
    // For other programs all numbers are written.
    try place.run("model convert half.safetensors dense.safetensors")
    #expect(try place.run("model diff half.safetensors dense.safetensors").output.hasPrefix("no difference"))
    #expect(try Fixture(place.url.appendingPathComponent("dense.safetensors")).tensors.count == file.tensors.count)
    let difference = try place.run("model diff hsdt-s half.safetensors").output
    #expect(difference.contains("90 tensors changed, 102 equal"))
    try place.run("model prune hsdt-s half.safetensors --pattern 2:4", 4)
    try place.run("model prune hsdt-s x.safetensors --pattern 4:4", 2)
    try place.run("model prune hsdt-s x.safetensors --pattern 2:4 --labels in/s_abundances.dat", 2)
    try place.run("model prune hsdt-s x.safetensors --pattern 2:4 --epochs 3", 2)
    try place.run("model prune hsdt-s x.safetensors --pattern 2:4 --resume", 2)
    try place.run("model prune hsdt-s x.safetensors --pattern 2:4 --train in/s.dat --labels in/s.dat", 2)
    try place.run("model prune \(ModelCommandTests.checkpoint) x.safetensors --pattern 2:4", 7)
  }

  /// Pruned and trained: a denoiser, stopped and resumed; its pattern holds and the zeros are left out.
  @Test func prunesADenoiser() throws {
    let place = try SampleScene.workplace()
    let line =
      "model prune hsdt-s %.safetensors --pattern density=0.3 --train in/s.dat --patch 8 --stride 8 --scales 1 "
      + "--band-steps 1 --batch 2 --evaluate-every 2 --patches-per-epoch 8 --epochs 1"
    let early = try place.run(line.replacing("%", with: "early") + " --evaluate-every 1000000 --minutes 0.00001")
    #expect(early.errors.contains("W-STOPPED") && !early.errors.contains("KiB after"), "\(early.errors)")
    try place.run(line.replacing("%", with: "whole"))
    try place.run(line.replacing("%", with: "part") + " --minutes 0.0001")
    try place.run(line.replacing("%", with: "part") + " --resume")
    let files = try ["whole", "part"].map { try WeightFile.open(place.path("\($0).safetensors")) }
    #expect(try WeightDifference(files[0], files[1]).isEmpty)
    let weights = files[0].tensors.filter { $0.shape.count > 1 && $0.storedBytes < $0.count * 4 }
    #expect(weights.count > 20)
    let zeros = try files[0].tensors.reduce(0) { try $0 + $1.floats().values.filter { $0 == 0 }.count }
    #expect(zeros > 90_000)
    try place.run("denoise in/s.dat o/d.dat --method hsdt --weights whole.safetensors")
  }

  /// A classifier, pruned and trained on labels, is a model like any other.
  @Test func prunesAClassifier() throws {
    let place = try SampleScene.workplace()
    try place.run("simulate labels in/s_abundances.dat l.dat --purity 0.5")
    try place.run(
      "classify train in/s.dat l.dat --train 20% --guard 0 --model lola-specvit-tiny --set epochs=1 --out base.safetensors"
    )
    let result = try place.run(
      "model prune base.safetensors half.safetensors --pattern 2:4 --train in/s.dat --labels l.dat --epochs 1")
    #expect(result.errors.contains("2:4: "))
    try place.run("classify predict in/s.dat map.dat --model half.safetensors")
    let file = try WeightFile.open(place.path("half.safetensors"))
    #expect(try file.card()?.pruning == "2:4" && file.card()?.architecture == "lola-specvit-tiny")
    #expect(file.tensors.contains { $0.storedBytes < $0.count * 4 })
    try place.run("model prune base.safetensors x.safetensors --pattern 2:4 --train in/s.dat", 2)
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
