import Foundation
import HSICore
import HSINetworks
import HSITransformer
import Synchronization

/// A patch network that was trained, or read from a file, with the features that it sees.
struct NetworkModel<N: PatchNetwork>: PatchModel {
  let id: String
  let features: Features
  let curve: [TrainingPoint]
  private let network: N
  /// Layers keep packed weights; one pass at a time.
  private let lock = Lock()

  private final class Lock: Sendable { let mutex = Mutex(()) }

  private init(id: String, _ network: N, _ features: Features, curve: [TrainingPoint]) {
    self.id = id
    self.network = network
    self.features = features
    self.curve = curve
  }

  /// Trains a new network.
  init(
    id: String, training shape: N.Configuration, on task: ClassificationTask, _ features: Features,
    _ recipe: PatchRecipe, _ session: TrainingSession, _ context: RunContext
  ) throws {
    let network = N(shape, seed: context.seed)
    let cutter = PatchCutter(side: shape.side, standardisation: .none)
    let curve = try PatchTask.train(network, cutter, recipe, on: task, features, name: id, session, context)
    self.init(id: id, network, features, curve: curve)
  }

  /// Reads what `contents` and `configuration` wrote.
  ///
  /// - Throws: `ClassificationError.badModel`, `TransformerError`.
  init(_ file: WeightFile, _ card: ModelCard) throws {
    let model = try ModelFile<N>(classifier: file, card)
    let features = try Features(file, of: model.configuration)
    self.init(
      id: card.architecture, try model.model(isIgnored: Features.owns).network, features, curve: [])
  }

  var classCount: Int { network.configuration.classes }
  var cutter: PatchCutter { PatchCutter(side: network.configuration.side, standardisation: .none) }
  var weightCount: Int { network.store.parameterCount }
  var bytesPerPatch: Int { 4 * network.configuration.valuesPerPatch }

  func logits(_ patches: Tensor) -> Tensor {
    lock.mutex.withLock { _ in network(Variable(patches), Tape(.inference)).value }
  }

  var contents: [(name: String, content: SafetensorsWriter.Content)] { features.contents + network.store.contents() }

  var configuration: [String: String] { N.cardConfiguration(network.configuration) }
}

extension ModelFile where N: PatchNetwork {
  /// The network in the file of a classifier, whose card must describe it.
  ///
  /// - Throws: `ClassificationError.badModel`.
  init(classifier file: WeightFile, _ card: ModelCard) throws {
    guard card.configuration?[N.configurationKey] != nil else {
      throw ClassificationError.badModel(path: file.path, reason: "its card does not describe a \(N.architecture)")
    }
    do {
      try self.init(file, card: card)
    } catch TransformerError.unknownArchitecture(let path, _, let detail) {
      throw ClassificationError.badModel(path: path, reason: detail)
    }
  }
}

extension Features {
  /// The features in the file of a classifier, as many as its network sees.
  ///
  /// - Throws: `ClassificationError.badModel`, `TransformerError`.
  init(_ file: WeightFile, of network: some PatchConfiguration) throws {
    try self.init(file)
    guard dimension == network.dimension else {
      throw ClassificationError.badModel(
        path: file.path, reason: "its network sees \(network.dimension) of \(dimension) features")
    }
  }

  /// Whether a tensor of a model file belongs to the features, not to the network.
  static func owns(_ tensor: String) -> Bool { tensor.hasPrefix("features.") }
}
