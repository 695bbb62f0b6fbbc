import HSICore

/// What a file of weights is, as far as its network is concerned.
public struct NetworkDescription: Sendable, Equatable {
  /// The entry of the register.
  public var id: String
  /// Name in the field.
  public var name: String
  /// Family as model cards name it.
  public var architecture: String
  /// What it is for.
  public var task: String
  /// The configuration as JSON.
  public var configuration: String
  /// Number of weights of the network in the file: adapters included, running statistics, tables and what does not belong to the
  /// network left out.
  public var parameters: Int
}

/// A network in a register: one line per network.
public struct NetworkEntry: Sendable {
  /// Name on the command line, such as `hsdt`.
  public let id: String
  /// Name in the field.
  public let name: String
  /// Other names under which model cards know it.
  public let aliases: [String]
  /// Family as its own model cards name it.
  public let architecture: String
  /// What it is for.
  public let task: String
  /// Names of its configurations, the default first.
  public let presets: [String]
  /// Tells what a file holds without reading a number of it.
  ///
  /// - Throws: what `ModelFile.init` throws.
  public let describe: @Sendable (WeightFile) throws -> NetworkDescription
  /// Reads a network with its weights and card; the name of a preset serves files that do not tell.
  public let read: @Sendable (WeightFile, _ preset: String?) throws -> (network: any Network, card: ModelCard)
  /// A preset with weights drawn under a seed.
  ///
  /// - Throws: `TransformerError.unknownModel`.
  public let build: @Sendable (_ preset: String, _ seed: UInt64) throws -> any Network

  /// A network that is one type.
  ///
  /// - Parameter foreign: prefix of tensors in its files that do not belong to the network.
  public init<N: Network>(
    _ type: N.Type, id: String, name: String, aliases: [String] = [], foreign: String? = nil
  ) {
    self.id = id
    self.name = name
    self.aliases = aliases
    (architecture, task, presets) = (N.architecture, N.task, N.Configuration.names)
    let isForeign: @Sendable (String) -> Bool = { name in foreign.map { name.hasPrefix($0) } ?? false }
    describe = { file in
      let model = try ModelFile<N>(file)
      let buffers = ["running_mean", "running_var", "num_batches_tracked", "relative_position_index"]
      let weights = file.tensors.filter { tensor in
        tensor.type.isFloatingPoint && !isForeign(tensor.name) && !buffers.contains { tensor.name.hasSuffix($0) }
      }
      return NetworkDescription(
        id: id, name: name, architecture: N.architecture, task: N.task,
        configuration: N.cardConfiguration(model.configuration)[N.configurationKey] ?? "",
        parameters: weights.reduce(0) { $0 + $1.count })
    }
    read = { file, preset in
      let model = try ModelFile<N>(file, named: preset).model(isIgnored: isForeign)
      return (model.network, model.card)
    }
    build = { preset, seed in N(try N.preset(preset), seed: seed) }
  }

  /// Whether a model card names this network.
  func isNamed(by architecture: String) -> Bool {
    let wanted = architecture.lowercased()
    return ([id, self.architecture] + aliases + presets).contains { $0.lowercased() == wanted }
  }
}

/// Networks by name, and by what files say or show.
public struct NetworkRegistry: Sendable {
  /// The networks in order.
  public let entries: [NetworkEntry]

  /// A register of some networks.
  public init(_ entries: [NetworkEntry]) { self.entries = entries }

  /// The entry of an id, alias or preset.
  ///
  /// - Throws: `TransformerError.unknownModel`.
  public func entry(_ name: String) throws -> NetworkEntry {
    guard let entry = entries.first(where: { $0.isNamed(by: name) }) else {
      throw TransformerError.unknownModel(name: name, known: entries.map(\.id))
    }
    return entry
  }

  /// The network that a file holds, by its card, else by names and shapes of its tensors; nil where it holds none of these.
  ///
  /// - Throws: what `NetworkEntry.describe` throws for a network that the card names.
  public func describe(_ file: WeightFile) throws -> NetworkDescription? {
    if let card = try file.card() {
      return try entries.first { $0.isNamed(by: card.architecture) }?.describe(file)
    }
    return entries.lazy.compactMap { try? $0.describe(file) }.first
  }
}
