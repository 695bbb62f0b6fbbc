import HSICore

/// A network that a configuration describes completely: what files, the register `Networks`, trainers and adapters need of it.
///
/// A network is a final class that makes its layers in a store which it is handed; whether that store is blank (zeros, for
/// weights that are loaded) or draws under a seed is not its business. What it computes is left to protocols of its task
/// (`PatchNetwork`) or to the type itself.
public protocol Network: AnyObject, Sendable {
  /// What describes it.
  associatedtype Configuration: NetworkConfiguration
  /// Family of networks as model cards name it, such as `HSDT`.
  static var architecture: String { get }
  /// What it is for as model cards say it, such as `denoising`.
  static var task: String { get }
  /// Paper: authors, title or journal, year; nothing by default.
  static var citation: String { get }
  /// The entry of a model card's configuration that holds the JSON of `Configuration`: `network` unless files of older versions
  /// have another.
  static var configurationKey: String { get }
  /// The network of a configuration that makes sense, its parameters made in `store`.
  init(_ configuration: Configuration, in store: ParameterStore)
  /// Says on a card what a configuration means for data: bands, how values are brought to the network's scale. Nothing by default.
  static func describe(_ configuration: Configuration, in card: inout ModelCard)
  /// What describes it.
  var configuration: Configuration { get }
  /// All its weights, tables and running statistics.
  var store: ParameterStore { get }
  /// The linear maps that may carry adapters.
  var linears: [Linear] { get }
  /// A file with the names that the network has: without what wrappers put before them. The file as it is by default.
  static func named(_ file: WeightFile) -> WeightFile
  /// Loads all weights and buffers from a file, after checking every name and shape; `store.load` by default.
  ///
  /// - Parameter isIgnored: names of the file that the network need not know.
  /// - Throws: `TransformerError` for the first tensor that does not fit.
  func load(_ file: WeightFile, isIgnored: (String) -> Bool) throws
  /// The configuration of a file that says nothing about itself, from names and shapes of its tensors.
  ///
  /// - Parameter name: the preset that the user named, if any.
  /// - Throws: `TransformerError.unknownModel` for a name that is no preset, `.unknownArchitecture` and others where the
  ///   tensors are not those of this network. The default knows presets only.
  static func configuration(inferredFrom file: WeightFile, named name: String?) throws -> Configuration
}

/// The values that describe a network: Codable for model cards, and checked for sense before anything is built.
public protocol NetworkConfiguration: Codable, Equatable, Sendable {
  /// The names that `init(named:)` knows, the default first.
  static var names: [String] { get }
  /// A preset; nil for other names.
  init?(named name: String)
  /// Nothing that a file claims may make us build something absurd.
  ///
  /// - Throws: `CoreError.invalidParameter` for the first value that cannot be.
  func validate() throws
  /// A lower bound of the number of values in weights: a file with fewer cannot hold the network, so that nothing it claims
  /// takes more memory than it has.
  var leastValues: Int { get }
}

extension Network {
  public static var citation: String { "" }
  public static var configurationKey: String { "network" }
  public static func describe(_ configuration: Configuration, in card: inout ModelCard) {}
  public static func named(_ file: WeightFile) -> WeightFile { file }
  public func load(_ file: WeightFile, isIgnored: (String) -> Bool) throws {
    try store.load(file, isIgnored: isIgnored)
  }

  /// A network with weights drawn under a seed.
  public init(_ configuration: Configuration, seed: UInt64 = 0) {
    self.init(configuration, in: ParameterStore(seed: seed))
  }

  /// A network of zeros whose weights are to be loaded: nothing is drawn.
  public static func blank(_ configuration: Configuration) -> Self {
    Self(configuration, in: ParameterStore(isBlank: true))
  }

  public static func configuration(inferredFrom file: WeightFile, named name: String?) throws -> Configuration {
    guard let name else {
      throw TransformerError.unknownArchitecture(
        path: file.path, task: task, detail: "it has no model card that describes one")
    }
    return try preset(name)
  }

  /// The configuration of a name.
  ///
  /// - Throws: `TransformerError.unknownModel`.
  public static func preset(_ name: String) throws -> Configuration {
    guard let preset = Configuration(named: name) else {
      throw TransformerError.unknownModel(name: name, known: Configuration.names)
    }
    return preset
  }
}

extension NetworkConfiguration {
  public static var names: [String] { [] }
  public init?(named name: String) { return nil }

  /// Whether `validate` has nothing to say.
  public var isSensible: Bool { (try? validate()) != nil }

  /// Throws `CoreError.invalidParameter` unless a value of a configuration is within a range.
  public func require<Value: Comparable>(_ name: String, _ value: Value, in range: ClosedRange<Value>) throws {
    try require(range.contains(value), name, value, "from \(range.lowerBound) to \(range.upperBound)")
  }

  /// Throws `CoreError.invalidParameter` unless a value of a configuration is good.
  public func require(_ isGood: Bool, _ name: String, _ value: Any, _ requirement: String) throws {
    if !isGood { throw CoreError.invalidParameter(name: name, value: "\(value)", requirement: requirement) }
  }
}
