import Foundation
import HSICore
import HSITestSupport
import HSITransformer
import Testing

@testable import HSINetworks

/// SpectralGPT against an independent implementation in PyTorch (`spectralgpt_reference.py`), its sizes and its files.
@Suite(.serialized) struct SpectralGPTTests {
  private func narrow(_ change: (inout SpectralGPTConfiguration) -> Void = { _ in }) -> SpectralGPTConfiguration {
    var configuration = SpectralGPTConfiguration()
    (configuration.bands, configuration.size, configuration.patch) = (6, 6, 2)
    (configuration.width, configuration.depth, configuration.heads) = (16, 2, 2)
    (configuration.decoderWidth, configuration.decoderDepth, configuration.decoderHeads) = (12, 1, 3)
    configuration.maskRatio = 0.6
    change(&configuration)
    return configuration
  }

  private func fixture(_ name: String) throws -> Fixture {
    try Fixture(
      try #require(
        Bundle.module.url(forResource: "spectralgpt_" + name, withExtension: "safetensors", subdirectory: "Fixtures")))
  }

  private func load(_ fixture: Fixture, _ store: ParameterStore) {
    for parameter in store.parameters {
      let array = fixture["w.\(parameter.name)"]
      #expect(array.shape == parameter.shape, "\(parameter.name)")
      parameter.set(Tensor(array.shape, array.floats))
    }
    #expect(fixture.tensors.keys.filter { $0.hasPrefix("w.") }.count == store.parameters.count)
  }

  private func expect(_ values: [Float], _ reference: [Double], _ limit: Double, _ label: String, floor: Double = 1e-12)
  {
    #expect(values.count == reference.count, "\(label)")
    let scale = reference.reduce(floor) { max($0, abs($1)) }
    let difference = zip(values, reference).reduce(0.0) { max($0, abs(Double($1.0) - $1.1)) }
    #expect(difference <= limit * scale, "\(label): \(difference / scale) of the largest value")
  }

  private func expectGradients(_ fixture: Fixture, _ store: ParameterStore, _ image: Variable, _ tape: Tape) throws {
    let largest = fixture.tensors.filter { $0.key.hasPrefix("g.") }.reduce(0.0) {
      $1.value.values.reduce($0) { max($0, abs($1)) }
    }
    for parameter in store.parameters {
      let gradient = try #require(parameter.gradient, "\(parameter.name)")
      expect(
        gradient.values, fixture["g.w.\(parameter.name)"].values, 2e-4, parameter.name, floor: 1e-4 * largest)
    }
    expect(
      try #require(tape.gradient(of: image)).values, fixture["g.in.x"].values, 2e-4, "image", floor: 1e-4 * largest)
  }

  @Test(arguments: [("autoencoder", false), ("autoencoder_normalised", true)])
  func autoencoder(_ name: String, _ normalises: Bool) throws {
    let fixture = try fixture(name)
    let network = SpectralGPT(narrow { $0.normalisesTargets = normalises }, in: ParameterStore())
    load(fixture, network.store)
    let draws = fixture["in.noise"]
    let kept = network.kept(
      (0..<draws.shape[0]).map { Array(draws.floats[($0 * draws.shape[1])..<(($0 + 1) * draws.shape[1])]) })
    for (b, list) in kept.enumerated() {
      let hidden = (0..<draws.shape[1]).map { list.contains($0) ? 0.0 : 1 }
      #expect(hidden == Array(fixture["out.mask"].values[(b * draws.shape[1])..<((b + 1) * draws.shape[1])]))
    }
    let x = Tensor(fixture["in.x"].shape, fixture["in.x"].floats)
    // The reference keeps its shuffled order; sums of what stays do not depend on it.
    let latent = network.encoded(Variable(x), kept: kept, Tape(.inference)).value.values.map(Double.init)
    func moments(_ values: [Double]) -> [Double] {
      (0..<(2 * 16)).map { i in
        stride(from: i % 16, to: values.count / 2, by: 16).reduce(0.0) {
          $0 + pow(values[i / 16 * values.count / 2 + $1], 2)
        }
      }
    }
    expect(moments(latent).map { Float($0) }, moments(fixture["out.latent"].values), 1e-5, "latent")
    let tape = Tape(.training)
    let image = tape.input(x)
    let cubes = network(image, kept: kept, tape)
    expect(cubes.value.values, fixture["out.pred"].values, 1e-5, "prediction")
    let loss = network.loss(cubes, network.target(image, tape), kept: kept, tape)
    expect(loss.value.values, fixture["out.loss"].values, 1e-5, "loss")
    tape.backward(from: loss)
    if normalises {
      expect(try #require(tape.gradient(of: image)).values, fixture["g.in.x"].values, 2e-4, "image")
    } else {
      try expectGradients(fixture, network.store, image, tape)
    }
  }

  @Test func classifier() throws {
    let fixture = try fixture("classifier")
    let network = SpectralGPTClassifier(.init(narrow(), classes: 5), in: ParameterStore())
    load(fixture, network.store)
    let x = Tensor(fixture["in.x"].shape, fixture["in.x"].floats)
    expect(network(Variable(x), Tape(.inference)).value.values, fixture["out.y"].values, 1e-5, "inference")
    let tape = Tape(.evaluation)
    let image = tape.input(x)
    let y = network(image, tape)
    expect(y.value.values, fixture["out.y"].values, 1e-5, "logits")
    tape.backward(from: y, gradient: Tensor(fixture["gout.y"].shape, fixture["gout.y"].floats))
    try expectGradients(fixture, network.store, image, tape)
  }

  /// The numbers of the published networks.
  @Test func parameterCounts() throws {
    var base = try #require(SpectralGPTConfiguration(named: "spectralgpt-base"))
    #expect(base.parameterCount == 98_640_320 && base.parameterCount(classes: 10) == 85_998_346)
    base.size = 96
    #expect(base.parameterCount == 98_496_960)
    for configuration in [narrow(), try #require(SpectralGPTConfiguration(named: "spectralgpt-tiny"))] {
      #expect(SpectralGPT.blank(configuration).store.parameterCount == configuration.parameterCount)
      #expect(
        SpectralGPTClassifier.blank(.init(configuration, classes: 7)).store.parameterCount
          == configuration.parameterCount(classes: 7))
    }
    for name in SpectralGPTConfiguration.names { try #require(SpectralGPTConfiguration(named: name)).validate() }
    #expect(SpectralGPTConfiguration(named: "spectralgpt") == nil)
  }

  @Test func absurdConfigurations() {
    func problem(_ change: (inout SpectralGPTConfiguration) -> Void) -> String {
      do {
        try narrow(change).validate()
        return "accepted"
      } catch { return "\(error)" }
    }
    #expect(problem { _ in } == "accepted")
    #expect(problem { $0.bands = 7 }.contains("bands is 7"))
    #expect(problem { $0.size = 7 }.contains("size is 7"))
    #expect(problem { $0.heads = 3 }.contains("heads is 3"))
    #expect(problem { $0.decoderHeads = 5 }.contains("decoderHeads is 5"))
    #expect(problem { $0.maskRatio = 0.99 }.contains("maskRatio is 0.99"))
    #expect(problem { $0.depth = 0 }.contains("depth is 0"))
    #expect(problem { ($0.group, $0.patch, $0.normalisesTargets) = (1, 1, true) }.contains("normalisesTargets"))
    #expect(throws: CoreError.self) { try SpectralGPTClassifier.Configuration(narrow(), classes: 0).validate() }
  }

  /// What is hidden is not computed, and does not count.
  @Test func hiddenValuesDoNotCount() {
    let network = SpectralGPT(narrow(), seed: 1)
    var random = CounterRandom(seed: 2)
    let x = Tensor([1, 6, 6, 6], (0..<216).map { _ in Float(random.normal()) })
    let kept = [[1, 4, 12]]
    let plain = network.encoded(Variable(x), kept: kept, Tape(.inference)).value
    #expect(plain.shape == [1, 3, 16])
    var hidden = x.copy()
    // The first token: bands 0 to 2, two rows and columns.
    hidden.withMutableValues { for band in 0..<3 { for i in [0, 1, 6, 7] { $0[band * 36 + i] = .nan } } }
    #expect(network.encoded(Variable(hidden), kept: kept, Tape(.inference)).value.values == plain.values)
    let drawn = network.draw(images: 2, &random)
    #expect(drawn.count == 2 && drawn[0] != drawn[1] && drawn.allSatisfy { $0.count == 7 && $0 == $0.sorted() })
  }

  /// Checkpoints without a card, encoders of pre-training in a classifier, tensors that do not fit.
  @Test func files() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("spectralgpt-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.appendingPathComponent("base.safetensors").path
    // Widths whose heads a file without a card can tell, and the share of hidden tokens of the published network.
    let configuration = narrow {
      ($0.bands, $0.width, $0.heads, $0.decoderWidth, $0.decoderHeads, $0.maskRatio) = (12, 64, 2, 32, 1, 0.9)
    }
    let network = SpectralGPT(configuration, seed: 3)
    try SafetensorsWriter.write(network.store.contents(), to: path, overwrite: false)
    let described = try #require(try Networks.all.recognise(WeightFile.open(path)))
    #expect(described.id == "spectralgpt" && described.parameters == network.store.parameterCount)
    let read = try Model<SpectralGPT>.read(path).network
    #expect(read.configuration == configuration)
    let image = Variable(Tensor([1, 12, 6, 6], (0..<432).map { Float($0 % 17) / 17 }))
    let kept = [[0, 7, 20]]
    #expect(
      read(image, kept: kept, Tape(.inference)).value.values
        == network(image, kept: kept, Tape(.inference)).value.values)

    let classifier = SpectralGPTClassifier(.init(configuration, classes: 3), seed: 5)
    let head = classifier.store["head.weight"]?.value.values
    try classifier.loadEncoder(from: WeightFile.open(path))
    #expect(classifier.store["head.weight"]?.value.values == head)
    // Its logits are those of the encoder's tokens before their norm, which both share: compared by hand.
    for name in ["patch_embed.proj.weight", "blocks.1.attn.k.weight", "norm.bias"] {
      #expect(classifier.store[name]?.value.values == network.store[name]?.value.values)
    }
    let (space, groups) = (network.store["pos_embed_spatial"]!.value, network.store["pos_embed_temporal"]!.value)
    let places = try #require(classifier.store["pos_embed"]).value
    #expect(places.values[(3 * 9 + 5) * 64 + 2] == space.values[5 * 64 + 2] + groups.values[3 * 64 + 2])
    try SafetensorsWriter.write(classifier.store.contents(), to: path, overwrite: true)
    let again = try Model<SpectralGPTClassifier>.read(path).network
    #expect(
      again.configuration.classes == 3 && again.configuration.network.size == 6
        && again.configuration.network.heads == 2)
    #expect(again(image, Tape(.inference)).value.values == classifier(image, Tape(.inference)).value.values)
    #expect(try Networks.all.recognise(WeightFile.open(path))?.id == "spectralgpt-classifier")

    func message(_ body: () throws -> Void) -> String {
      do {
        try body()
        return "accepted"
      } catch { return "\(error)" }
    }
    let before = classifier.store.parameters.map(\.value.values)
    // A classifier's file has no tables of an autoencoder.
    let missing = message { try classifier.loadEncoder(from: WeightFile.open(path)) }
    #expect(missing.contains("E-WEIGHTS-MISSING") && missing.contains("pos_embed_spatial") && !missing.contains("\n"))
    #expect(classifier.store.parameters.map(\.value.values) == before)
    #expect(
      message { _ = try Model<SpectralGPTClassifier>.read(path, model: "spectralgpt-giant") }.contains(
        "there is no model"))
    #expect(
      message { _ = try Model<SpectralGPTClassifier>.read(path, model: "spectralgpt-base") }.contains("E-ARCHITECTURE"))
    #expect(message { _ = try Model<SpectralGPT>.read(path) }.contains("E-ARCHITECTURE"))
    let cut = classifier.store.contents().map { name, content in
      name == "pos_embed" ? (name: name, content: .floats(.zeros([1, 35, 64]))) : (name: name, content: content)
    }
    try SafetensorsWriter.write(cut, to: path, overwrite: true)
    #expect(message { _ = try Model<SpectralGPTClassifier>.read(path) }.contains("35 tokens"))
  }
}
