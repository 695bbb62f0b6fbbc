import HSITransformer

/// LESS ViT that tells the class of an image: an encoder and a head on its class entries. Names `encoder.…` and `classifier.…` of
/// the published checkpoints. Source: Si et al., arXiv 2503.12843.
public final class LESSClassifier: LESSNetwork, @unchecked Sendable {
  public let configuration: LESSTaskConfiguration
  public let store: ParameterStore
  public let encoder: LESSEncoder
  private let head: LESSClassifierHead

  public init(_ configuration: LESSTaskConfiguration, in store: ParameterStore) {
    (self.configuration, self.store) = (configuration, store)
    encoder = LESSEncoder(store.root["encoder"], configuration.encoder)
    head = LESSClassifierHead(store.root["classifier"], configuration)
  }

  public var linears: [Linear] { encoder.linears + head.linears }

  /// Logits `[B, classes]`.
  public func callAsFunction(_ input: LESSInput, _ tape: Tape) -> Variable {
    logits(features(input, tape), tape)
  }

  /// What the head sees: the class entries of the image and of its bands, `[B, 1 + C, width]`. A probe computes them once.
  public func features(_ input: LESSInput, _ tape: Tape) -> Variable {
    let tokens = encoder(input, tape)
    let (batch, height, length, width) = (tokens.shape[0], tokens.shape[1], tokens.shape[2], tokens.shape[3])
    let map = RowMap(inputCount: height * length, sources: (0..<height).map { Int32($0 * length) })
    return tape.rearrange(tokens, map, width: width, shape: [batch, height, width])
  }

  /// Logits `[B, classes]` of features.
  public func logits(_ features: Variable, _ tape: Tape) -> Variable { head(features, tape) }
}

extension LESSClassifier {
  public static let architecture = "LESS-classifier"
  public static let task = "classification"
  public static let configurationKey = "less-classifier"

  public static func configuration(inferredFrom file: WeightFile, named name: String?) throws -> LESSTaskConfiguration {
    let shapes = LESSCheckpoint(file, task: task)
    let experts = shapes.count { "classifier.classifier.\($0).weight" }
    let head = experts > 0 ? "classifier.classifier.0.weight" : "classifier.classifier.weight"
    return LESSTaskConfiguration(
      try shapes.encoder(named: name), classes: try shapes.extent(head, 0, of: 2), experts: experts)
  }
}
