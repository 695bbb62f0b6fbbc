import Foundation
import HSICore
import HSINetworks
import HSITransformer
import Testing

/// The register, and the one road from a file to a network.
@Suite struct NetworksTests {
  private func temporary() -> String {
    FileManager.default.temporaryDirectory.appendingPathComponent("hsi-\(UUID()).safetensors").path
  }

  private func hsdt(_ change: (inout HSDTConfiguration) -> Void = { _ in }) -> HSDTConfiguration {
    var configuration = HSDTConfiguration()
    (configuration.channels, configuration.layers, configuration.samples, configuration.bands) = (4, 3, [1], 7)
    change(&configuration)
    return configuration
  }

  @Test func namesAreUnique() throws {
    let names = Networks.all.descriptions.flatMap { [$0.id] + $0.aliases }
    #expect(Set(names).count == names.count && names.allSatisfy { $0 == $0.lowercased() })
    for entry in Networks.all {
      let own = [entry.description.id, entry.architecture] + entry.description.aliases + entry.presets
      for name in own { #expect(Networks.all.find(name.uppercased())?.architecture == entry.architecture) }
    }
    #expect(throws: CoreError.self) { try Networks.all.entry("resnet") }
  }

  /// A file says what it holds; a checkpoint without a card shows it.
  @Test func describes() throws {
    let path = temporary()
    defer { try? FileManager.default.removeItem(atPath: path) }
    let network = HSDT(hsdt(), seed: 1)
    try HSDTModel(network, card: HSDTModel.card("small", network.configuration)).write(to: path, overwrite: false)
    let described = try #require(try Networks.all.recognise(WeightFile.open(path)))
    #expect(described.id == "hsdt" && described.task == "denoising")
    #expect(described.parameters == network.store.parameterCount)
    #expect(described.configuration.contains("\"samples\":[1]"))
    try SafetensorsWriter.write(network.store.contents(), to: path, overwrite: true)
    let shown = try #require(try Networks.all.recognise(WeightFile.open(path)))
    #expect(shown == described)
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures")
    let lola = try #require(
      try Networks.all.recognise(WeightFile.open(folder.appendingPathComponent("lola_checkpoint.pth").path)))
    #expect(lola.id == "lola-specvit" && lola.configuration.contains("\"classes\":4"))
    try SafetensorsWriter.write([("a", .floats(.zeros([3])))], to: path, overwrite: true)
    #expect(try Networks.all.recognise(WeightFile.open(path)) == nil)
  }

  /// Reading draws nothing, and what is attached afterwards is what it was when reading drew.
  @Test func loadingAndAttaching() throws {
    let path = temporary()
    defer { try? FileManager.default.removeItem(atPath: path) }
    let configuration = hsdt()
    let network = HSDT(configuration, seed: 1)
    try HSDTModel(network, card: HSDTModel.card("small", configuration)).write(to: path, overwrite: false)
    let loaded = try HSDTModel.read(path).network
    for (a, b) in zip(network.store.parameters, loaded.store.parameters) {
      #expect(a.name == b.name && a.value.values == b.value.values)
    }
    loaded.linears.attach(LowRankAdapter.Configuration(rank: 2))
    let drawn = HSDT(configuration)
    drawn.linears.attach(LowRankAdapter.Configuration(rank: 2))
    let downs = drawn.linears.compactMap { ($0.adapters.first as? LowRankAdapter)?.down.value.values }
    #expect(
      !downs.isEmpty && downs == loaded.linears.compactMap { ($0.adapters.first as? LowRankAdapter)?.down.value.values }
    )
    #expect(Set(downs[0]).count > 1)
    // Adapters are saved and come back with their α.
    for linear in loaded.linears {
      (linear.adapters.first as? LowRankAdapter)?.up.update { for i in $0.indices { $0[i] = Float(i) * 0.01 } }
    }
    let adapted = HSDTModel(loaded, card: HSDTModel.card("small", configuration))
    try adapted.write(to: path, overwrite: true)
    let again = try HSDTModel.read(path).network
    #expect(
      again.linears.hasAdapters
        && again.linears.allSatisfy { ($0.adapters.first as? LowRankAdapter)?.configuration.alpha == 4 })
    let x = Variable(Tensor([1, 7, 4, 4, 1], (0..<112).map { Float($0 % 13) / 13 }))
    #expect(again(x, Tape(.inference)).value.values == loaded(x, Tape(.inference)).value.values)
  }

  /// The same configuration is the same text, and texts of files that exist are read.
  @Test func configurationsAsText() throws {
    let configuration = try #require(HSDTConfiguration(named: "hsdt-l"))
    let texts = (0..<8).map { _ in HSDT.cardConfiguration(configuration)["hsdt"] }
    #expect(Set(texts).count == 1 && texts[0]?.contains("\"samples\":[1,3,5]") == true)
    let stored = try JSONDecoder().decode(
      HSDTConfiguration.self,
      from: Data(
        #"{"layers":7,"samples":[5,1,3],"feedForward":"selfModulated","bands":31,"channels":16,"block":"guided","convolution":"parallel","inputChannels":1,"usesBatchNorm":true}"#
          .utf8))
    #expect(stored == configuration)
    #expect(Array(LoLASpecViT.cardConfiguration(LoLAConfiguration()).keys) == ["lola"])
    #expect(Array(CNN1D.cardConfiguration(.init(bands: 9, classes: 2)).keys) == ["network"])
  }

  /// A card that describes what cannot be is refused with the value that is wrong, not passed over.
  @Test func absurdCards() throws {
    let path = temporary()
    defer { try? FileManager.default.removeItem(atPath: path) }
    func refusal(_ change: (inout ModelCard) -> Void) throws -> String {
      let configuration = hsdt()
      var card = HSDTModel.card("small", configuration)
      change(&card)
      try SafetensorsWriter.write(HSDT(configuration).store.contents(), card: card, to: path, overwrite: true)
      do {
        _ = try HSDTModel.read(path)
        return "accepted"
      } catch { return "\(error)" }
    }
    #expect(try refusal { _ in } == "accepted")
    let wide = try refusal { $0.configuration = HSDT.cardConfiguration(hsdt { $0.channels = 100_000 }) }
    #expect(wide.contains("channels is 100000") && wide.contains("E-ARCHITECTURE"))
    #expect(
      try refusal { $0.configuration = HSDT.cardConfiguration(hsdt { $0.samples = [9] }) }.contains("samples is [9]"))
    #expect(try refusal { $0.configuration = ["hsdt": "{}"] }.contains("E-ARCHITECTURE"))
    #expect(
      try refusal { $0.configuration = HSDT.cardConfiguration(hsdt { $0.channels = 8 }) }.contains("E-WEIGHTS-SHAPE"))
  }
}
