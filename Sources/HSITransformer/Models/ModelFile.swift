import Foundation
import HSICore

/// A file of weights opened as a network: its configuration is known, makes sense, and is not larger than the file.
///
/// The configuration is the JSON of the model card; files without one (checkpoints of reference implementations) tell it by a
/// name that the caller gives, or by names and shapes of their tensors. Nothing is built before that, and nothing is drawn that
/// loading overwrites. `model()` builds the network and loads it; networks that are too large to be held twice are read tensor by
/// tensor from `weights`.
///
///     let model = try ModelFile<HSDT>("hsdt-m.pth").model()
///     try model.write(to: "hsdt-m.safetensors", overwrite: false)
public struct ModelFile<N: Network>: Sendable {
  /// The tensors.
  public let weights: WeightFile
  /// What the file says about itself; nil for foreign checkpoints.
  public let card: ModelCard?
  /// The network that the file holds.
  public let configuration: N.Configuration
  /// The preset that was named, where the card did not tell.
  private let name: String?

  /// Opens a `.safetensors` file or a PyTorch checkpoint.
  ///
  /// - Parameter name: the preset of a file that does not say what it holds; a model card wins over it.
  /// - Throws: `TransformerError` for files that are no weights, are damaged, or hold another network than they say,
  ///   `.unknownModel`, `.unknownArchitecture`.
  public init(_ path: String, named name: String? = nil) throws {
    try self.init(WeightFile.open(path), named: name)
  }

  /// An opened file; see `init(_:named:)`.
  public init(_ weights: WeightFile, named name: String? = nil) throws {
    try self.init(weights, card: weights.card(), named: name)
  }

  /// An opened file whose card is known.
  public init(_ weights: WeightFile, card: ModelCard?, named name: String? = nil) throws {
    let weights = N.named(weights)
    func refusal(_ detail: String) -> TransformerError {
      .unknownArchitecture(path: weights.path, task: N.task, detail: detail)
    }
    self.weights = weights
    self.card = card
    if let json = card?.configuration?[N.configurationKey] {
      guard let stored = try? JSONDecoder().decode(N.Configuration.self, from: Data(json.utf8)) else {
        throw refusal("its card does not describe a network of the kind \(N.architecture)")
      }
      configuration = stored
      self.name = nil
    } else {
      configuration = try N.configuration(inferredFrom: weights, named: name)
      self.name = name
    }
    do {
      try configuration.validate()
    } catch let error as any HSIError {
      throw refusal("it describes a network that cannot be: \(error.problem)")
    }
    guard configuration.leastValues <= weights.valueCount else {
      throw refusal("its \(weights.valueCount) values are fewer than the network that it names has")
    }
  }

  /// The network with its weights, adapters among them, and its card.
  ///
  /// - Parameter isIgnored: names of the file that the network need not know.
  /// - Throws: `TransformerError` for the first tensor that does not fit, or for damaged adapters.
  public func model(isIgnored: (String) -> Bool = { _ in false }) throws -> Model<N> {
    try model { try $0.load($1, isIgnored: isIgnored) }
  }

  /// The same with loading that a network has beside `Network.load`: from more files than one, for example.
  public func model(loading load: (N, WeightFile) throws -> Void) throws -> Model<N> {
    let network = N.blank(configuration)
    try network.linears.attachAdapters(from: AdapterSource(weights))
    try load(network, weights)
    network.store.startDrawing()
    return Model(network, card: card ?? Model<N>.card(name, configuration))
  }
}

/// A network with its weights and what is known about them: the pair that files hold.
public struct Model<N: Network>: Sendable {
  /// The network with its weights.
  public let network: N
  /// Where it comes from and how good it is.
  public var card: ModelCard

  /// A network and its card.
  public init(_ network: N, card: ModelCard) {
    self.network = network
    self.card = card
  }

  /// Reads a file: `ModelFile(path, named: name).model()`.
  public static func read(_ path: String, model name: String? = nil) throws -> Model {
    try ModelFile<N>(path, named: name).model()
  }

  /// A card that says how to build a network; the rest is left to the caller.
  ///
  /// - Parameter name: the member of the family; that of the architecture in small letters when nil.
  public static func card(_ name: String?, _ configuration: N.Configuration) -> ModelCard {
    var card = ModelCard(architecture: N.architecture, variant: name ?? N.architecture.lowercased())
    card.task = N.task
    card.configuration = N.cardConfiguration(configuration)
    N.describe(configuration, in: &card)
    return card
  }

  /// Writes network, adapters and card; of networks whose card says that they were pruned without the zeros.
  ///
  /// - Throws: the errors of `SafetensorsWriter.write`.
  public func write(to path: String, overwrite: Bool, inputs: [String] = []) throws {
    try SafetensorsWriter.write(
      card.packed(network.store.contents()), card: card, metadata: network.linears.adapterMetadata, to: path,
      overwrite: overwrite,
      inputs: inputs)
  }
}

extension Network {
  /// The configuration as model cards hold it: one JSON, keys in order.
  public static func cardConfiguration(_ configuration: Configuration) -> [String: String] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    return (try? encoder.encode(configuration)).map { [configurationKey: String(decoding: $0, as: UTF8.self)] } ?? [:]
  }
}
