import Foundation
import HSICore
import HSITransformer

/// An HSDT with its weights and what is known about them: the pair that files hold.
public struct HSDTModel: Sendable {
  /// The network with its weights.
  public let network: HSDT
  /// Where it comes from and how good it is.
  public var card: ModelCard

  /// A network and its card.
  public init(_ network: HSDT, card: ModelCard) {
    self.network = network
    self.card = card
  }

  /// A card that says how to build a network; the rest is left to the caller.
  public static func card(_ name: String, _ configuration: HSDTConfiguration) -> ModelCard {
    var card = ModelCard(architecture: "HSDT", variant: name)
    card.task = "denoising"
    card.bands = configuration.bands
    card.normalisation = "cube minimum and maximum to [0, 1]"
    let json = try? JSONEncoder().encode(configuration)
    card.configuration = json.map { ["hsdt": String(decoding: $0, as: UTF8.self)] }
    return card
  }

  /// Reads a `.safetensors` file or a PyTorch checkpoint.
  ///
  /// The network is that of `name`; without one it is what the card says, and failing that what the shapes say.
  ///
  /// - Throws: `TransformerError` for damaged files and for the first tensor that does not fit,
  ///   `TransformerError.unknownModel`, `.unknownArchitecture`.
  public static func read(_ path: String, model name: String? = nil) throws -> HSDTModel {
    let file = try WeightFile.open(path)
    let card = try file.card()
    let configuration = try configuration(of: file, card: card, named: name)
    // What is built must be in the file: nothing that a file claims takes more memory than it has.
    guard configuration.leastValues <= file.valueCount else {
      throw TransformerError.unknownArchitecture(
        path: path, detail: "its \(file.valueCount) values are fewer than the network that it names has")
    }
    let network = HSDT(configuration)
    try network.linears.attachAdapters(from: AdapterSource(file))
    try network.store.load(file)
    return HSDTModel(network, card: card ?? HSDTModel.card(name ?? "hsdt", configuration))
  }

  /// What `SafetensorsWriter` needs beside the tensors.
  public func write(to path: String, overwrite: Bool, inputs: [String] = []) throws {
    try SafetensorsWriter.write(
      network.store.contents(), card: card, metadata: network.linears.adapterMetadata, to: path, overwrite: overwrite,
      inputs: inputs)
  }

  private static func configuration(
    of file: WeightFile, card: ModelCard?, named name: String?
  ) throws -> HSDTConfiguration {
    if let json = card?.configuration?["hsdt"],
      let stored = try? JSONDecoder().decode(HSDTConfiguration.self, from: Data(json.utf8)), stored.isSensible
    {
      return stored
    }
    var configuration: HSDTConfiguration
    if let name {
      guard let named = HSDTConfiguration(named: name) else {
        throw TransformerError.unknownModel(name: name, known: HSDTConfiguration.names)
      }
      configuration = named
    } else {
      configuration = try inferred(from: file)
    }
    // The learnable queries say how many bands the network was built for.
    if let bands = file["head.attn.attn.attn_proj.weight"]?.shape.first, (1...10_000).contains(bands) {
      configuration.bands = bands
    }
    return configuration
  }

  /// Width from the tail, stages from the names of encoder layers, down-sampling where a stage has one 3×3×3 convolution.
  private static func inferred(from file: WeightFile) throws -> HSDTConfiguration {
    var configuration = HSDTConfiguration()
    guard let tail = file["tail.weight"], tail.shape.count == 5, (1...1024).contains(tail.shape[1]) else {
      throw TransformerError.unknownArchitecture(path: file.path, detail: "it has no tail.weight of five axes")
    }
    configuration.channels = tail.shape[1]
    configuration.layers = 0
    configuration.samples = []
    while configuration.layers < 32, file.tensors.contains(where: { $0.name.hasPrefix("encoder.layers.\(configuration.layers).") }) {
      if file["encoder.layers.\(configuration.layers).conv.weight"] != nil {
        configuration.samples.insert(configuration.layers)
      }
      configuration.layers += 1
    }
    guard configuration.layers > 0 else {
      throw TransformerError.unknownArchitecture(path: file.path, detail: "it has no encoder.layers")
    }
    if let head = file["head.conv.dw_conv.0.weight"], head.shape.count == 5 { configuration.inputChannels = head.shape[1] }
    configuration.usesBatchNorm = file["head.bn.weight"] != nil
    return configuration.isSensible ? configuration : HSDTConfiguration()
  }
}

extension HSDTConfiguration {
  /// Nothing that a file claims may make us build something absurd.
  var isSensible: Bool {
    (1...2).contains(inputChannels) && (1...256).contains(channels) && (1...16).contains(layers)
      && samples.count <= 5 && samples.allSatisfy { (0..<layers).contains($0) } && (1...10_000).contains(bands)
  }
}

extension HSDTConfiguration {
  /// A lower bound of the number of weights: the spectral convolutions and the learnable queries of all encoder stages.
  var leastValues: Int {
    var (width, sum) = (channels, 0)
    for layer in 0..<layers {
      if samples.contains(layer) { width *= 2 }
      sum += 3 * width * width + (block == .guided ? bands * width : 0)
    }
    return sum
  }
}
