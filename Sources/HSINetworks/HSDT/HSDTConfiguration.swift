import HSITransformer

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
public struct HSDTConfiguration: NetworkConfiguration {
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

  public func validate() throws {
    try require("inputChannels", inputChannels, in: 1...2)
    try require("channels", channels, in: 1...256)
    try require("layers", layers, in: 1...16)
    try require(
      samples.count <= 5 && samples.allSatisfy { (0..<layers).contains($0) }, "samples", samples.sorted(),
      "at most five of the \(layers) layers")
    try require("bands", bands, in: 1...10_000)
  }

  /// The spectral convolutions and the learnable queries of all encoder stages.
  public var leastValues: Int {
    var (width, sum) = (channels, 0)
    for layer in 0..<layers {
      if samples.contains(layer) { width *= 2 }
      sum += 3 * width * width + (block == .guided ? bands * width : 0)
    }
    return sum
  }

  /// The samples in order, so that the same configuration is the same text.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(inputChannels, forKey: .inputChannels)
    try container.encode(channels, forKey: .channels)
    try container.encode(layers, forKey: .layers)
    try container.encode(samples.sorted(), forKey: .samples)
    try container.encode(bands, forKey: .bands)
    try container.encode(usesBatchNorm, forKey: .usesBatchNorm)
    try container.encode(convolution, forKey: .convolution)
    try container.encode(block, forKey: .block)
    try container.encode(feedForward, forKey: .feedForward)
  }
}
