import Foundation
import HSICore
import HSITestSupport
import HSITransformer
import Testing

@testable import HSINetworks

/// Files: published names with and without the prefix of the training program, and the table of text embeddings.
@Suite(.serialized) struct MPHSIRFileTests {
  private let folder = FileManager.default.temporaryDirectory.appendingPathComponent("mphsir-\(UUID())")

  init() throws { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }

  private func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

  private typealias Contents = [(name: String, content: SafetensorsWriter.Content)]

  /// The weights of a fixture as a checkpoint of the reference holds them, buffers included.
  private func checkpoint(_ parity: MPHSIRParity, prefix: String) -> Contents {
    var contents: Contents = parity.fixture.tensors.filter { $0.key.hasPrefix("w.") }.sorted { $0.key < $1.key }.map {
      (prefix + $0.key.dropFirst(2), .floats(Tensor($0.value.shape, $0.value.floats)))
    }
    contents.append(
      (
        prefix + "latent.blocks.0.attn.relative_position_index",
        .integers([Int64](repeating: 3, count: 4096), shape: [64, 64])
      ))
    contents.append((prefix + "latent.blocks.1.attn_mask", .floats(.zeros([4, 64, 64]))))
    return contents
  }

  private func restored(_ network: MPHSIR) -> [Float] {
    let x = Tensor([1, 32, 32, 4], (0..<4096).map { Float($0 * 37 % 101) / 101 })
    return network(Variable(x), task: 2, Tape(.inference)).value.values
  }

  /// A checkpoint as PyTorch Lightning writes it, with the state of its training, restores as the reference does.
  @Test func lightningCheckpoints() throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    let checkpoint = try #require(
      Bundle.module.url(forResource: "mphsir_lightning", withExtension: "ckpt", subdirectory: "Fixtures"))
    let url = try #require(MPHSIRParity.url("lightning"))
    let parity = try Fixture(url)
    try SafetensorsWriter.write(
      [("clip_prompts", .floats(Tensor([6, 512], parity["in.clip_prompts"].floats)))], to: path("text.safetensors"),
      overwrite: false)
    let model = try MPHSIR.read(checkpoint.path, text: .file(path("text.safetensors")))
    let image = Tensor([2, 32, 32], parity["in.x"].floats)
    let result = try MPHSIRImageMap(model.network, tasks: [3])(image)
    for (a, b) in zip(result.values, parity["out.y"].floats) { #expect(abs(a - b) < 2e-5) }
  }

  /// No damage to a checkpoint or to a table of embeddings does more than a message.
  @Test func damagedFiles() throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    var configuration = MPHSIRConfiguration()
    (configuration.bands, configuration.channels, configuration.blocks) = (2, 8, [1, 1, 1])
    (configuration.refinement, configuration.heads, configuration.window) = (1, [1, 1, 1], 2)
    (configuration.prompts, configuration.promptSize, configuration.tasks) = (1, 2, 2)
    let network = MPHSIR(configuration, seed: 1)
    let names = (weights: path("w.safetensors"), text: path("t.safetensors"), damaged: path("d.safetensors"))
    let tensors = network.store.parameters.filter { !$0.name.hasSuffix("clip_prompt") }
    try SafetensorsWriter.write(
      tensors.map { ("net.\($0.name)", .floats($0.value)) }, to: names.weights, overwrite: false)
    try SafetensorsWriter.write([("clip_prompts", .floats(.zeros([2, 64])))], to: names.text, overwrite: false)
    _ = try MPHSIR.read(names.weights, text: .file(names.text))
    let (weights, text) = (
      [UInt8](try Data(contentsOf: URL(fileURLWithPath: names.weights))),
      [UInt8](try Data(contentsOf: URL(fileURLWithPath: names.text)))
    )
    var random = CounterRandom(seed: 8)
    var refused = 0
    for round in 0..<300 {
      let isText = round % 3 == 0
      let bytes = FileMutation.mutated(isText ? text : weights, heads: isText ? [120] : [30_000, 2000, 64], &random)
      try Data(bytes).write(to: URL(fileURLWithPath: names.damaged))
      do {
        _ = try MPHSIR.read(
          isText ? names.weights : names.damaged, text: .file(isText ? names.damaged : names.text))
      } catch let error as any HSIError {
        refused += 1
        #expect(!error.problem.isEmpty && error.category == .model || error.category == .input, "\(error)")
      }
    }
    #expect(refused > 100)
  }

  @Test(arguments: ["", "net."]) func publishedCheckpoints(_ prefix: String) throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    let parity = try MPHSIRParity("net_a_64")
    try SafetensorsWriter.write(checkpoint(parity, prefix: prefix), to: path("official.safetensors"), overwrite: false)

    // It says what it is, and that something is missing.
    let described = try #require(try Networks.all.recognise(WeightFile.open(path("official.safetensors"))))
    var expected = MPHSIRConfiguration()
    (expected.bands, expected.channels, expected.blocks, expected.refinement) = (4, 8, [2, 2, 2], 2)
    let count = MPHSIR.blank(expected).store.parameterCount
    #expect(described.id == "mp-hsir" && described.parameters == count)
    #expect(described.configuration == MPHSIR.cardConfiguration(expected)["mp-hsir"])
    let missing = #expect(throws: TransformerError.self) { try MPHSIRModel.read(path("official.safetensors")) }
    #expect(missing?.identifier == "E-WEIGHTS-TEXT" && missing?.problem.contains("6 tasks") == true)

    // A side file of all coordinates or of those that count gives the same.
    let table = parity.fixture["in.clip_prompt"]
    try SafetensorsWriter.write(
      [("clip_prompts", .floats(Tensor([6, 512], table.floats)))], to: path("text.safetensors"), overwrite: false)
    let few = Tensor([6, 64], (0..<384).map { table.floats[8 * $0] })
    try SafetensorsWriter.write([("clip_prompt", .floats(few))], to: path("few.safetensors"), overwrite: false)
    let model = try MPHSIR.read(path("official.safetensors"), text: .file(path("text.safetensors")))
    let result = restored(model.network)
    #expect(model.network.text.table.value.values == few.values)
    #expect(
      try restored(MPHSIR.read(path("official.safetensors"), text: .file(path("few.safetensors"))).network) == result)
    #expect(try restored(MPHSIR.read(path("official.safetensors"), text: .drawn(seed: 1)).network) != result)

    // Written and read again it is complete, and has the published names and shapes.
    try model.write(to: path("own.safetensors"), overwrite: false)
    #expect(try restored(MPHSIRModel.read(path("own.safetensors")).network) == result)
    let own = try WeightFile.open(path("own.safetensors"))
    for (name, array) in parity.fixture.tensors where name.hasPrefix("w.") {
      let stored = try #require(own[String(name.dropFirst(2))])
      #expect(stored.shape == array.shape)
      let values = try stored.floats().values
      #expect(values == array.floats)
    }
  }

  /// Whatever does not fit is refused by name.
  @Test func refusals() throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    let parity = try MPHSIRParity("net_a_64")
    func refusal(_ change: (inout Contents) -> Void) throws -> String {
      var contents = checkpoint(parity, prefix: "net.")
      contents.append(("net.text_prompt.clip_prompt", .floats(.zeros([6, 512]))))
      change(&contents)
      try SafetensorsWriter.write(contents, to: path("changed.safetensors"), overwrite: true)
      do {
        _ = try MPHSIR.read(path("changed.safetensors"))
        return "accepted"
      } catch let error as TransformerError { return "\(error.identifier) \(error.problem)" }
    }
    #expect(try refusal { _ in } == "accepted")
    let stranger = try refusal { $0.append(("net.more", .floats(.zeros([2])))) }
    #expect(stranger.contains("E-WEIGHTS-UNEXPECTED") && stranger.contains("has more [2]"))
    #expect(
      try refusal { $0.removeAll { $0.name == "net.fusion1.conv.weight" } }.contains(
        "the model has fusion1.conv.weight"))
    #expect(
      try refusal { $0[$0.count - 1].content = .floats(.zeros([5, 512])) }.contains(
        "E-WEIGHTS-SHAPE text_prompt.clip_prompt is [5, 512]"))
    #expect(try refusal { $0.removeAll { $0.name.contains("patch_embed") } }.contains("E-ARCHITECTURE"))
  }

  @Test func configurations() throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    for name in MPHSIRConfiguration.names { try MPHSIR.preset(name).validate() }
    func problem(_ change: (inout MPHSIRConfiguration) -> Void) -> String {
      var configuration = MPHSIRConfiguration()
      change(&configuration)
      do {
        try configuration.validate()
        return "good"
      } catch { return "\((error as? CoreError)?.problem ?? "another error")" }
    }
    #expect(problem { _ in } == "good")
    #expect(problem { $0.channels = 20 }.contains("channels is 20"))
    #expect(problem { $0.refinement = 5 }.contains("refinement is 5"))
    #expect(problem { $0.heads = [2, 3, 8] }.contains("heads is [2, 3, 8]"))
    #expect(problem { $0.blocks = [2, 4] }.contains("blocks is [2, 4]"))
    #expect(problem { $0.promptSize = 48 }.contains("promptSize is 48"))
    // The network of a seed is the same, tables included, and other seeds give others.
    var narrow = MPHSIRConfiguration()
    (narrow.channels, narrow.bands) = (8, 4)
    let networks = [1, 1, 2].map { MPHSIR(narrow, seed: $0) }
    #expect(restored(networks[0]) == restored(networks[1]) && restored(networks[0]) != restored(networks[2]))
    let table = networks[0].text.table
    let deviation = (table.value.values.reduce(0) { $0 + $1 * $1 } / Float(table.value.count)).squareRoot()
    #expect(table.isBuffer && table.shape == [6, 64] && abs(deviation - 0.45) < 0.05)
  }
}
