import Foundation
import HSICore
import HSITestSupport
import HSITransformer
import Testing

@testable import HSINetworks

/// Files of LESS ViT: both generations of names, what shapes tell, encoders out of larger networks.
@Suite(.serialized) struct LESSFileTests {
  private let folder = FileManager.default.temporaryDirectory.appendingPathComponent("less-\(UUID())")

  init() throws { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }

  private func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

  private typealias Contents = [(name: String, content: SafetensorsWriter.Content)]

  private func narrow(_ change: (inout LESSAutoencoderConfiguration) -> Void = { _ in })
    -> LESSAutoencoderConfiguration
  {
    var configuration = LESSAutoencoderConfiguration()
    configuration.encoder = .narrow { $0.usesRadar = false }
    (configuration.decoderWidth, configuration.decoderDepth, configuration.decoderHeads) = (16, 1, 2)
    (configuration.decoderChannelWidthPerHead, configuration.channelMaskRatio) = (2, 0.75)
    change(&configuration)
    return configuration
  }

  private let mask = LESSMask(bands: [[0, 2]], of: 4, positions: [[1, 3]], of: 4)

  private func input(_ tape: Tape = Tape(.inference)) -> LESSInput {
    let image = Tensor([1, 4, 8, 8], (0..<256).map { Float($0 * 37 % 101) / 101 })
    return LESSInput(tape.input(image), wavelengths: [0.1, 0.3, 0.5, 0.9])
  }

  private func reconstructed(_ network: LESSAutoencoder) -> [Float] {
    network(input(), mask, Tape(.inference)).value.values
  }

  /// Shapes of a file without a card tell everything but what is no shape; every kind of attention.
  @Test(arguments: LESSAttentionKind.allCases) func shapesTell(_ kind: LESSAttentionKind) throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    let configuration = narrow {
      $0.encoder.attention = kind
      ($0.encoder.isRotary, $0.encoder.layerScale, $0.encoder.normalisesQueries) = (true, 1, true)
      if kind == .full { $0.encoder.channelWidthPerHead = 1 } else { $0.encoder.rank = 3 }
      if kind == .full { $0.decoderChannelWidthPerHead = 1 }
      ($0.encoder.shortestWavelength, $0.encoder.longestWavelength) = (418.24, 2445.53)
    }
    let network = LESSAutoencoder(configuration, seed: 3)
    try SafetensorsWriter.write(network.store.contents(), to: path("a.safetensors"), overwrite: false)
    let described = try #require(try Networks.all.recognise(WeightFile.open(path("a.safetensors"))))
    #expect(described.id == "less" && described.task == "pre-training")
    #expect(
      described.parameters == network.store.parameterCount + (kind == .full ? 4 + 2 : kind == .less ? 2 + 2 : 2 + 2))
    let read = try Model<LESSAutoencoder>.read(path("a.safetensors")).network
    #expect(read.configuration == configuration)
    #expect(reconstructed(read) == reconstructed(network))
  }

  /// The first release: pieces of attention one level higher, values shared by the ranks, a sum over ranks, a mask as a buffer.
  @Test(arguments: [1, 3]) func olderFiles(_ rank: Int) throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    let network = LESSAutoencoder(narrow { $0.encoder.rank = rank }, seed: 4)
    // Values as the first release had them: the same for all ranks of a head; those of the bands r times as large, for the sum.
    var shared: [String: Tensor] = [:]
    for parameter in network.store.parameters where parameter.name.contains("_branch.v.") {
      let heads = parameter.name.hasPrefix("encoder") ? 4 : 2
      let size = parameter.value.count / heads / rank
      let values = parameter.value.values
      let first = (0..<heads).flatMap { values[($0 * rank * size)..<(($0 * rank + 1) * size)] }
      shared[parameter.name] = Tensor([parameter.shape[0] / rank] + parameter.shape.dropFirst(), first)
      let factor = parameter.name.contains("channel_branch") ? Float(rank) : 1
      parameter.set(
        Tensor(
          parameter.shape,
          (0..<heads).flatMap { head in
            (0..<rank).flatMap { _ in first[(head * size)..<((head + 1) * size)].map { factor * $0 } }
          }))
    }
    let older: Contents = network.store.contents().map { name, content in
      let name = name
      let old = name.replacing(/blocks\.(\d+)\.attn\./) { "blocks.\($0.1)." }
      return (old, shared[name].map { .floats($0) } ?? content)
    }
    #expect(older.contains { $0.name == "encoder.blocks.1.low_dim_pool.channel_pool.q.weight" })
    #expect(older.contains { $0.name == "decoder.decoder_blocks.0.attn.spatial_branch.qk.bias" })
    try SafetensorsWriter.write(
      older + [(LESSCheckpoint.field, .floats(.zeros([4, 4])))], to: path("old.safetensors"), overwrite: false)
    let file = try ModelFile<LESSAutoencoder>(path("old.safetensors"))
    #expect(file.configuration.encoder.rank == rank && file.configuration.encoder.perceptionRadius == 640)
    let read = try file.model().network
    for (a, b) in zip(read.store.parameters, network.store.parameters) {
      #expect(a.name == b.name && a.value.values == b.value.values)
    }
  }

  /// A folder stands for the last of its files by name; without one it is an error.
  @Test func folders() throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    #expect(throws: TransformerError.self) { try WeightFile.open(folder.path) }
    let networks = [LESSAutoencoder(narrow(), seed: 1), LESSAutoencoder(narrow(), seed: 2)]
    for (index, network) in networks.enumerated() {
      try SafetensorsWriter.write(
        network.store.contents(), to: path("epoch-\(index).safetensors"), overwrite: false)
    }
    try Data("{}".utf8).write(to: folder.appendingPathComponent("trainer.json"))
    let read = try Model<LESSAutoencoder>.read(folder.path).network
    #expect(reconstructed(read) == reconstructed(networks[1]) && reconstructed(read) != reconstructed(networks[0]))
  }

  /// A classifier or a segmenter takes the encoder out of the file of pre-training and keeps its own head.
  @Test func encodersOfPreTraining() throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    let network = LESSAutoencoder(narrow(), seed: 1)
    try Model(network, card: Model<LESSAutoencoder>.card(nil, network.configuration)).write(
      to: path("base.safetensors"), overwrite: false)
    let file = try WeightFile.open(path("base.safetensors"))
    let task = LESSTaskConfiguration(narrow().encoder, classes: 3)
    let classifier = LESSClassifier(task, seed: 7)
    let head = classifier.store["classifier.classifier.weight"]?.value.values
    try classifier.loadEncoder(from: file)
    let tokens = network.encoder(input(), Tape(.inference)).value.values
    #expect(classifier.encoder(input(), Tape(.inference)).value.values == tokens)
    #expect(classifier.store["classifier.classifier.weight"]?.value.values == head)
    let segmenter = LESSSegmenter(.init(task), seed: 7)
    try segmenter.loadEncoder(from: file)
    #expect(segmenter.encoder(input(), Tape(.inference)).value.values == tokens)
    // Their files without a card, too.
    try SafetensorsWriter.write(classifier.store.contents(), to: path("classifier.safetensors"), overwrite: false)
    try SafetensorsWriter.write(segmenter.store.contents(), to: path("segmenter.safetensors"), overwrite: false)
    for (name, id) in [("classifier", "less-classifier"), ("segmenter", "less-segmenter"), ("base", "less")] {
      #expect(try Networks.all.recognise(WeightFile.open(path("\(name).safetensors")))?.id == id)
    }
    let again = try Model<LESSSegmenter>.read(path("segmenter.safetensors")).network
    #expect(again.configuration.network.classes == 3)
    #expect(again(input(), Tape(.inference)).value.values == segmenter(input(), Tape(.inference)).value.values)
    // An encoder of another width is refused in one line, and nothing has changed.
    let wide = LESSClassifier(LESSTaskConfiguration(.narrow { $0.width = 64 }, classes: 3), seed: 7)
    let before = wide.store.parameters.map(\.value.values)
    #expect(message { try wide.loadEncoder(from: file) }.contains("E-WEIGHTS-SHAPE"))
    #expect(wide.store.parameters.map(\.value.values) == before)
  }

  private func message(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "accepted"
    } catch { return "\(error)" }
  }

  /// Presets and sizes that a file contradicts, and names that nobody knows: one line each.
  @Test func otherSizes() throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    let network = LESSAutoencoder(narrow(), seed: 1)
    var contents: Contents = network.store.contents()
    let file = path("a.safetensors")
    func text(_ preset: String? = nil) -> String {
      let text = message { _ = try Model<LESSAutoencoder>.read(file, model: preset) }
      #expect(!text.contains("\n"))
      return text
    }
    try SafetensorsWriter.write(contents, to: file, overwrite: true)
    #expect(text() == "accepted")
    #expect(text("less-tiny").contains("E-ARCHITECTURE") && text("less-huge").contains("there is no model less-huge"))
    contents.removeAll { $0.name == "encoder.blocks.1.mlp.fc2.bias" }
    try SafetensorsWriter.write(contents, to: file, overwrite: true)
    #expect(text().contains("encoder.blocks.1.mlp.fc2.bias"))
    contents.append(("encoder.blocks.1.mlp.fc2.bias", .floats(.zeros([31]))))
    try SafetensorsWriter.write(contents, to: file, overwrite: true)
    #expect(text().contains("E-WEIGHTS-SHAPE") && text().contains("[31]"))
    contents.removeAll { $0.name == "encoder.cls_token" }
    try SafetensorsWriter.write(contents, to: file, overwrite: true)
    #expect(text().contains("encoder.cls_token"))
  }

  /// Tensors of shapes that make no sense together are refused before anything is built.
  @Test func damagedShapes() throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    let contents: Contents = LESSAutoencoder(narrow { $0.encoder.isRotary = true }, seed: 1).store.contents()
    let telling = [
      "encoder.cls_token", "encoder.optical_patch_embed.proj.0.weight", "encoder.blocks.0.mlp.fc1.weight",
      "encoder.blocks.0.attn.low_dim_pool.channel_linear.weight",
      "encoder.blocks.0.attn.low_dim_pool.spatial_linear.weight", "encoder.blocks.0.attn.attn.channel_branch.qk.weight",
      "decoder.decoder_embed.weight", "decoder.decoder_blocks.0.attn.low_dim_pool.channel_linear.weight",
    ]
    for name in telling {
      for shape in [[0, 0, 0, 0, 0], [1, 1, 1, 1, 1], [7, 7, 7, 7, 7], [3, 40, 5, 2, 1000]] {
        let file = path("damaged.safetensors")
        let changed: Contents = contents.map { entry in
          guard entry.name == name else { return entry }
          let axes = Array(shape.prefix(entry.content.shape.count))
          return (name, .floats(.zeros(axes)))
        }
        try SafetensorsWriter.write(changed, to: file, overwrite: true)
        do {
          _ = try Model<LESSAutoencoder>.read(file)
          Issue.record("\(name) \(shape) is accepted")
        } catch { #expect(error is any HSIError, "\(name) \(shape): \(error)") }
      }
    }
  }
}
