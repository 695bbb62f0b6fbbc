import HSITransformer

/// LoLA-SpecViT: a spectral convolution stem and a window-attention transformer whose linear maps carry gated low-rank
/// adapters; classifies the pixel in the middle of a patch of principal components.
///
///     patch → front end → levels of blocks, each but the last followed by a reduction → norm → mean over tokens → head
///
/// Parameter names, shapes and results are those of the released code; docs/lola-specvit.md tells where that differs from
/// the paper. Source: Zidi et al. 2025, arXiv 2506.17759.
public final class LoLASpecViT: PatchNetwork, @unchecked Sendable {
  /// The shape of the network.
  public let configuration: LoLAConfiguration
  /// All weights, tables and running statistics.
  public let store: ParameterStore

  let frontEnd: LoLAFrontEnd
  let levels: [(blocks: [LoLABlock], reduction: LoLAReduction?)]
  let norm: LayerNorm
  let head: Linear

  public static let architecture = "LoLA-SpecViT"
  public static let task = "classification"
  public static let citation =
    "F. Z. Zidi et al., LoLA-SpecViT: local attention SwiGLU vision transformer with LoRA for "
    + "hyperspectral imaging, arXiv 2506.17759, 2025"
  public static let configurationKey = "lola"

  /// A network in a store: linear maps (adapters included) truncated normal with σ = 0.02, convolutions uniform in ±1/√fan-in,
  /// where the store draws.
  public init(_ configuration: LoLAConfiguration, in store: ParameterStore) {
    self.configuration = configuration
    self.store = store
    let root = store.root
    frontEnd = LoLAFrontEnd(root, configuration)
    let total = configuration.depths.reduce(0, +)
    var index = 0
    levels = configuration.depths.indices.map { level in
      let place = root["levels"][level]
      let blocks = (0..<configuration.depths[level]).map { j -> LoLABlock in
        let rate = configuration.pathDropout * Double(index) / Double(max(total - 1, 1))
        index += 1
        return LoLABlock(place[j], configuration, level: level, pathDropout: rate)
      }
      let isLast = level == configuration.depths.count - 1
      return (
        blocks, isLast ? nil : LoLAReduction(place[blocks.count], channels: configuration.width << level)
      )
    }
    norm = LayerNorm(root["norm"], channels: configuration.lastWidth)
    head = AdapterLinears(configuration: configuration).plain(
      root["head"], configuration.lastWidth, configuration.classes)
  }

  /// The linear maps of attention and feed-forward networks, and the head: those that may carry further adapters.
  public var linears: [Linear] { levels.flatMap { $0.blocks.flatMap(\.linears) } + [head] }

  /// The linear maps of attention and feed-forward network of every block.
  public var blockLinears: [[Linear]] { levels.flatMap { $0.blocks.map(\.linears) } }

  /// Lets an optimiser change exactly the adapters, as the released training script does.
  public func trainAdapters() { store.train([.adapter]) }

  /// Logits `[B, classes]` of patches `[B, K, S, S, 1]`, standardised as the configuration says.
  public func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable { head(embedding(x, tape), tape) }

  /// Logits `[B, classes]` of embeddings.
  public func logits(of embedding: Variable, _ tape: Tape) -> Variable { head(embedding, tape) }

  /// What the head tells classes by, `[B, width]`.
  public func embedding(_ x: Variable, _ tape: Tape) -> Variable {
    precondition(
      x.shape.count == 5 && x.shape[2] == configuration.side && x.shape[3] == configuration.side && x.shape[4] == 1,
      "LoLA-SpecViT got an input of shape \(x.shape)")
    var h = frontEnd(x, tape)
    for level in levels {
      for block in level.blocks { h = block(h, tape) }
      if let reduction = level.reduction { h = reduction(h, tape) }
    }
    return tape.mean(norm(h, tape), over: 1..<3)
  }

  public static func configuration(inferredFrom file: WeightFile, named name: String?) throws -> LoLAConfiguration {
    try LoLACheckpoint.shape(of: file, alpha: nil)
  }
}
