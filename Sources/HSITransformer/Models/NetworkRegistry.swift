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
  /// What users and documents are told. All names under which model cards know the network are its aliases, presets included.
  public let description: MethodDescription
  /// Family as its own model cards name it.
  public let architecture: String
  /// What it is for, as model cards say it.
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
  /// - Parameters:
  ///   - aliases: names of older model cards, in lower case.
  ///   - foreign: prefix of tensors in its files that do not belong to the network.
  public init<N: Network>(
    _ type: N.Type, id: String, name: String, aliases: [String] = [], foreign: String? = nil
  ) {
    (architecture, task, presets) = (N.architecture, N.task, N.Configuration.names)
    var names = aliases
    for other in [architecture] + presets where other.lowercased() != id && !names.contains(other.lowercased()) {
      names.append(other.lowercased())
    }
    description = MethodDescription(
      id: id, name: name, task: .network, citation: N.citation, cost: "by its configuration",
      advice: "For \(N.task).", aliases: names)
    let isForeign: @Sendable (String) -> Bool = { name in foreign.map { name.hasPrefix($0) } ?? false }
    describe = { file in
      let model = try ModelFile<N>(file)
      let buffers = [
        "running_mean", "running_var", "num_batches_tracked", "relative_position_index", "attn_mask", "clip_prompt",
      ]
      let weights = model.weights.tensors.filter { tensor in
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
}

extension MethodTask {
  /// A network that other methods are made of; its file says for what.
  public static let network = MethodTask(rawValue: "network")
}

/// Networks by name, and by what files say or show.
public typealias NetworkRegistry = MethodRegistry<NetworkEntry>

extension MethodRegistry where Entry == NetworkEntry {
  /// A register of some networks.
  public init(_ entries: [NetworkEntry]) { self.init("network", entries) { $0.description } }

  /// The network that a file holds, by its card, else by names and shapes of its tensors; nil where it holds none of these.
  ///
  /// - Throws: what `NetworkEntry.describe` throws for a network that the card names.
  public func recognise(_ file: WeightFile) throws -> NetworkDescription? {
    if let card = try file.card() { return try find(card.architecture)?.describe(file) }
    return lazy.compactMap { try? $0.describe(file) }.first
  }
}
