import HSICore
import HSINetworks
import HSITransformer

/// A LoLA-SpecViT that was trained, or read from a file, with the components that it sees.
public struct TrainedLoLA: PatchModel, Sendable {
  public let id: String
  public let curve: [TrainingPoint]
  /// The shape of the network.
  public let shape: LoLAConfiguration
  public let features: Features
  let weights: NamedWeights
  private let network: FoldedLoLA

  /// - Throws: `TransformerError` when weights are missing or have other shapes.
  init(
    id: String, shape: LoLAConfiguration, features: Features, weights: NamedWeights, curve: [TrainingPoint] = []
  ) throws {
    self.id = id
    self.shape = shape
    self.features = features
    self.weights = weights
    self.curve = curve
    network = try FoldedLoLA(shape, weights)
  }

  /// Reads what `contents` and `configuration` wrote.
  ///
  /// - Throws: `ClassificationError.badModel`, `TransformerError`.
  public init(_ file: WeightFile, _ card: ModelCard) throws {
    let shape = try ModelFile<LoLASpecViT>(classifier: file, card).configuration
    let features = try Features(file, of: shape)
    let weights = try NamedWeights(file, shape, isIgnored: Features.owns)
    try self.init(id: card.architecture, shape: shape, features: features, weights: weights)
  }

  public var classCount: Int { shape.classes }
  public var cutter: PatchCutter { PatchCutter(side: shape.side, standardisation: shape.standardisation) }
  public var weightCount: Int { shape.parameterCount }
  public var bytesPerPatch: Int { 4 * shape.activationCount }
  public func logits(_ patches: Tensor) -> Tensor { network.logits(patches) }

  public var contents: [(name: String, content: SafetensorsWriter.Content)] {
    features.contents + weights.contents
  }

  public var configuration: [String: String] { LoLASpecViT.cardConfiguration(shape) }
}
