import Foundation
import HSICore
import HSINetworks
import HSITransformer
import Synchronization

/// A patch network that was trained, or read from a file, with the features that it sees.
struct NetworkModel<Network: ConfiguredNetwork>: PatchModel {
  let id: String
  let features: Features
  let curve: [TrainingPoint]
  private let shape: Network.Configuration
  private let network: Network
  /// Layers keep packed weights; one pass at a time.
  private let lock = Lock()

  private final class Lock: Sendable { let mutex = Mutex(()) }

  private init(
    id: String, _ network: Network, _ shape: Network.Configuration, _ features: Features, curve: [TrainingPoint]
  ) {
    self.id = id
    self.network = network
    self.shape = shape
    self.features = features
    self.curve = curve
  }

  /// Trains a new network.
  init(
    id: String, training shape: Network.Configuration, on task: ClassificationTask, _ features: Features,
    _ recipe: PatchRecipe, _ session: TrainingSession, _ context: RunContext
  ) throws {
    let network = Network(shape, seed: context.seed)
    let cutter = PatchCutter(side: Network.facts(shape).side, standardisation: .none)
    let curve = try PatchTask.train(network, cutter, recipe, on: task, features, name: id, session, context)
    self.init(id: id, network, shape, features, curve: curve)
  }

  /// Reads what `contents` and `configuration` wrote.
  ///
  /// - Throws: `ClassificationError.badModel`, `TransformerError`.
  init(_ file: WeightFile, _ card: ModelCard) throws {
    func refusal(_ reason: String) -> ClassificationError { .badModel(path: file.path, reason: reason) }
    guard let json = card.configuration?["network"],
      let shape = try? JSONDecoder().decode(Network.Configuration.self, from: Data(json.utf8)), Network.isSensible(shape)
    else { throw refusal("its card does not describe a \(card.architecture)") }
    guard Network.leastValues(shape) <= file.valueCount else { throw refusal("it has fewer weights than its card says") }
    let features = try Features(file)
    guard features.dimension == Network.facts(shape).dimension else {
      throw refusal("its network sees \(Network.facts(shape).dimension) of \(features.dimension) features")
    }
    let network = Network(shape, seed: 0)
    try network.store.load(file) { $0.hasPrefix("features.") }
    self.init(id: card.architecture, network, shape, features, curve: [])
  }

  var classCount: Int { Network.facts(shape).classes }
  var cutter: PatchCutter { PatchCutter(side: Network.facts(shape).side, standardisation: .none) }
  var weightCount: Int { network.store.parameterCount }
  var bytesPerPatch: Int { 4 * Network.facts(shape).valuesPerPatch }

  func logits(_ patches: Tensor) -> Tensor {
    lock.mutex.withLock { _ in network(Variable(patches), Tape(.inference)).value }
  }

  var contents: [(name: String, content: SafetensorsWriter.Content)] { features.contents + network.store.contents() }

  var configuration: [String: String] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    return (try? encoder.encode(shape)).map { ["network": String(decoding: $0, as: UTF8.self)] } ?? [:]
  }
}
