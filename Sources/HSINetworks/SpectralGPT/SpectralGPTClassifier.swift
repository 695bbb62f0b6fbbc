import HSITransformer

/// SpectralGPT that tells the class of an image: its blocks, the mean of all tokens but the first, layer norm, dropout and a linear head.
///
/// The first token is left out although it is no class token, as in the published network. Names of the published checkpoints; places are
/// one table, `pos_embed`. Source: Hong et al., IEEE TPAMI, 2024.
public final class SpectralGPTClassifier: Network, @unchecked Sendable {
  /// Its shape.
  public struct Configuration: NetworkConfiguration {
    /// Embedding and blocks; what it says of a decoder and masks does not count.
    public var network: SpectralGPTConfiguration
    /// Number of classes.
    public var classes: Int
    /// Rate of dropout before the head.
    public var dropout = 0.0

    /// A shape for a number of classes.
    public init(_ network: SpectralGPTConfiguration, classes: Int) { (self.network, self.classes) = (network, classes) }

    public func validate() throws {
      try network.validate()
      try require(network.tokens > 1, "size", network.size, "such that an image has two tokens at least")
      try require("classes", classes, in: 1...classLimit)
      try require("dropout", dropout, in: 0...0.9)
    }

    public var leastValues: Int { network.encoderLeastValues }
  }

  public let configuration: Configuration
  public let store: ParameterStore
  private let core: SpectralGPTCore
  private let places: Parameter
  private let head: Linear
  private let others: RowMap

  public init(_ configuration: Configuration, in store: ParameterStore) {
    (self.configuration, self.store) = (configuration, store)
    let network = configuration.network
    core = SpectralGPTCore(store.root, network)
    places = store.root.parameter(
      "pos_embed", [1, network.tokens, network.width], .truncatedNormal(0.02), role: .table)
    head = Linear(
      store.root["head"], input: network.width, output: configuration.classes, initialisation: .truncatedNormal(0.02))
    others = RowMap(inputCount: network.tokens, sources: (1..<Int32(network.tokens)).map { $0 })
  }

  public var linears: [Linear] { core.linears + [head] }

  /// Logits `[B, classes]` of images `[B, bands, size, size]`.
  public func callAsFunction(_ image: Variable, _ tape: Tape) -> Variable {
    let (batch, network) = (image.shape[0], configuration.network)
    let x = tape.add(core.embed(core.cubes(image, tape), tape), tape.variable(places), repeatedOver: 0..<1)
    let tokens = tape.rearrange(
      core.transform(x, tape), others, width: network.width, shape: [batch, network.tokens - 1, network.width])
    let features = core.norm(tape.mean(tokens, over: 1..<2), tape)
    return head(Dropout.values(features, rate: configuration.dropout, tape), tape)
  }

  /// Loads embedding, blocks and places from the file of an autoencoder, and leaves the head as it is.
  ///
  /// - Throws: `TransformerError` for the first tensor that does not fit; nothing has changed then.
  public func loadEncoder(from file: WeightFile) throws {
    let network = configuration.network
    let shared = store.parameters.filter { $0 !== places && !$0.name.hasPrefix("head.") }
    let (space, groups) = ("pos_embed_spatial", "pos_embed_temporal")
    let shapes =
      shared.map { ($0.name, $0.shape) }
      + [(space, [1, network.positions, network.width]), (groups, [1, network.groups, network.width])]
    let names = Set(shapes.map(\.0))
    let tensors = try file.tensors(for: shapes) { _ in
      false
    } isIgnored: {
      !names.contains($0)
    }
    for parameter in shared { if let tensor = tensors[parameter.name] { parameter.set(tensor) } }
    guard let space = tensors[space], let groups = tensors[groups] else { return }
    places.update { values in
      for t in 0..<network.groups {
        for l in 0..<network.positions {
          for k in 0..<network.width {
            values[(t * network.positions + l) * network.width + k] =
              space.pointer[l * network.width + k] + groups.pointer[t * network.width + k]
          }
        }
      }
    }
  }
}

extension SpectralGPTClassifier {
  public static let architecture = "SpectralGPT-classifier"
  public static let task = "classification"
  public static var citation: String { SpectralGPT.citation }

  public static func describe(_ configuration: Configuration, in card: inout ModelCard) {
    card.bands = configuration.network.bands
  }

  /// A preset with the classes of the head, or as the shapes tell; images have 12 bands then, which the one table of places hides.
  public static func configuration(inferredFrom file: WeightFile, named name: String?) throws -> Configuration {
    let shapes = SpectralGPTShapes(file, task: task)
    let classes = try shapes.extent("head.weight", 0, of: 2)
    if let name {
      guard let preset = SpectralGPTConfiguration(named: name) else {
        throw TransformerError.unknownModel(name: name, known: SpectralGPTConfiguration.names)
      }
      return Configuration(preset, classes: classes)
    }
    var network = try shapes.core()
    let tokens = try shapes.extent("pos_embed", 1, of: 3)
    guard network.groups > 0, tokens % network.groups == 0 else {
      throw TransformerError.unknownArchitecture(
        path: file.path, task: task, detail: "\(tokens) tokens are not those of \(network.bands) bands")
    }
    network.size = try shapes.side(of: tokens / network.groups) * network.patch
    return Configuration(network, classes: classes)
  }
}
