import HSITransformer

/// LESS ViT that tells the class of every pixel: an encoder and convolutions on the tokens of its positions. Names `encoder.…` and
/// `decoder.…` of the published checkpoints. Source: Si et al., arXiv 2503.12843.
public final class LESSSegmenter: LESSNetwork, @unchecked Sendable {
  /// Its shape.
  public struct Configuration: NetworkConfiguration {
    /// Encoder, classes and experts.
    public var network: LESSTaskConfiguration

    /// A shape; the side of a patch is a power of two.
    public init(_ network: LESSTaskConfiguration) { self.network = network }

    public func validate() throws {
      try network.validate()
      let patch = network.encoder.patch
      try require(patch & (patch - 1) == 0, "patch", patch, "a power of two")
    }

    public var leastValues: Int { network.leastValues }
  }

  public let configuration: Configuration
  public let store: ParameterStore
  public let encoder: LESSEncoder
  private let head: LESSSegmentationHead

  public init(_ configuration: Configuration, in store: ParameterStore) {
    (self.configuration, self.store) = (configuration, store)
    encoder = LESSEncoder(store.root["encoder"], configuration.network.encoder)
    head = LESSSegmentationHead(store.root["decoder"], configuration.network)
  }

  public var linears: [Linear] { encoder.linears + head.linears }

  /// Logits `[B, H, W, classes]`.
  public func callAsFunction(_ input: LESSInput, _ tape: Tape) -> Variable {
    let patch = configuration.network.encoder.patch
    return head(
      encoder(input, tape), rows: input.image.shape[2] / patch, columns: input.image.shape[3] / patch, tape)
  }
}

extension LESSSegmenter {
  public static let architecture = "LESS-segmenter"
  public static let task = "segmentation"
  public static let configurationKey = "less-segmenter"

  public static func configuration(inferredFrom file: WeightFile, named name: String?) throws -> Configuration {
    let shapes = LESSCheckpoint(file, task: task)
    let encoder = try shapes.encoder(named: name)
    let experts = shapes.count { "decoder.experts.\($0).segmentation_conv.1.weight" }
    let last = 4 * max(encoder.patch.trailingZeroBitCount, 1) - 3
    let head = (experts > 0 ? "decoder.experts.0." : "decoder.") + "segmentation_conv.\(last).weight"
    return Configuration(
      LESSTaskConfiguration(encoder, classes: try shapes.extent(head, 0, of: 4), experts: experts))
  }
}
