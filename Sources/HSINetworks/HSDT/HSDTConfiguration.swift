/// The feed-forward network of an HSDT block.
public enum HSDTFeedForwardKind: String, Sendable, Codable, CaseIterable {
  /// SM-FFN.
  case selfModulated
  /// Ablations: plain, gated depthwise (GDFN), the modulated branch alone.
  case plain, gatedDepthwise, modulationOnly
}

/// What follows convolution and normalisation in an HSDT stage.
public enum HSDTBlockKind: String, Sendable, Codable, CaseIterable {
  /// Guided spectral self-attention and a feed-forward network.
  case guided
  /// The same without a learnable query (SSA).
  case selfAttention
  /// tanh alone (ablation without a transformer).
  case tanh
}

/// The shape of an HSDT network. See `HSDT`.
public struct HSDTConfiguration: Sendable, Codable, Equatable {
  /// Input channels: 1, or 2 with a noise-level map (plug and play).
  public var inputChannels = 1
  /// Width c of the head.
  public var channels = 16
  /// Stages n of encoder and decoder each.
  public var layers = 5
  /// Encoder stages that halve rows and columns and double the width.
  public var samples: Set<Int> = [1, 3]
  /// Bands of the learnable queries.
  public var bands = 31
  /// Whether stages have batch normalisation.
  public var usesBatchNorm = true
  /// The convolutions.
  public var convolution = SpatialSpectralConvolutionKind.parallel
  /// What follows them.
  public var block = HSDTBlockKind.guided
  /// The feed-forward network of the block.
  public var feedForward = HSDTFeedForwardKind.selfModulated

  /// HSDT-M by default.
  public init() {}

  /// A published variant: `hsdt-tiny`, `hsdt-s`, `hsdt-m`, `hsdt-24`, `hsdt-32`, `hsdt-l`, `hsdt-pnp`; nil for other names.
  public init?(named name: String) {
    switch name {
    case "hsdt-tiny": channels = 4
    case "hsdt-s": channels = 8
    case "hsdt-m": break
    case "hsdt-24": channels = 24
    case "hsdt-32": channels = 32
    case "hsdt-l":
      layers = 7
      samples = [1, 3, 5]
    case "hsdt-pnp": inputChannels = 2
    default: return nil
    }
  }

  /// The names that `init(named:)` knows.
  public static let names = ["hsdt-tiny", "hsdt-s", "hsdt-m", "hsdt-24", "hsdt-32", "hsdt-l", "hsdt-pnp"]

  /// Rows and columns must be multiples of this, 2^|S|.
  public var granularity: Int { 1 << samples.count }
}
