import HSITransformer

/// The Hybrid Spectral Denoising Transformer: a U-Net over `[B, D, H, W, C]` that never changes the number of bands D.
///
///     y = x₀ + tail(decoder(encoder(head(x))))
///
/// Each stage is a convolution (S3Conv; 3×3×3 with stride or after bilinear enlargement where the size changes), batch
/// normalisation, guided spectral self-attention with its residual, and a feed-forward network without one. Skips are added.
/// H and W must be multiples of `configuration.granularity`. Parameter names and order of values are those of the published
/// checkpoints. Cost at 31 × 64 × 64: 6.3 GFLOP for S, 24.3 for M, 33.6 for L.
/// Source: Lai, Yan, Fu, "Hybrid spectral denoising transformer with guided attention", ICCV 2023, arXiv 2303.09040.
public final class HSDT: Network, @unchecked Sendable {
  /// The shape of the network.
  public let configuration: HSDTConfiguration
  /// All weights and running statistics.
  public let store: ParameterStore

  private let head: HSDTStage
  private let encoder: [HSDTStage]
  private let decoder: [HSDTStage]
  private let tail: Convolution

  /// A network in a store: convolutions Kaiming normal (fan-out), linear maps N(0, 0.001²), where the store draws.
  public convenience init(_ configuration: HSDTConfiguration, in store: ParameterStore) {
    self.init(configuration, in: store, initialisation: .kaimingNormalFanOut)
  }

  /// A network with fresh weights, its convolutions drawn from `initialisation`.
  public convenience init(_ configuration: HSDTConfiguration, seed: UInt64, initialisation: Initialisation) {
    self.init(configuration, in: ParameterStore(seed: seed), initialisation: initialisation)
  }

  private init(_ configuration: HSDTConfiguration, in store: ParameterStore, initialisation: Initialisation) {
    self.configuration = configuration
    self.store = store
    let root = store.root
    func stage(_ scope: ParameterScope, _ input: Int, _ output: Int, _ resampling: HSDTStage.Resampling) -> HSDTStage {
      HSDTStage(
        scope, configuration, input: input, output: output, resampling: resampling, initialisation: initialisation)
    }
    head = stage(root["head"], configuration.inputChannels, configuration.channels, .none)
    var width = configuration.channels
    encoder = (0..<configuration.layers).map { i in
      let input = width
      let halves = configuration.samples.contains(i)
      if halves { width *= 2 }
      return stage(root["encoder"]["layers"][i], input, width, halves ? .down : .none)
    }
    decoder = (0..<configuration.layers).map { k in
      let input = width
      let doubles = configuration.samples.contains(configuration.layers - 1 - k)
      if doubles { width /= 2 }
      return stage(root["decoder"]["layers"][k], input, width, doubles ? .up : .none)
    }
    tail = Convolution(
      root["tail"], input: configuration.channels, output: 1, depthTaps: 3, bias: true,
      initialisation: initialisation)
  }

  /// The linear maps that may carry low-rank adapters, with their dotted names.
  public var linears: [Linear] { ([head] + encoder + decoder).flatMap(\.linears) }

  /// Restores `x` `[B, D, H, W, inputChannels]`; the result is `[B, D, H, W, 1]`.
  public func callAsFunction(
    _ x: Variable, query: GuidedSpectralAttention.Query = .automatic, _ tape: Tape
  ) -> Variable {
    precondition(
      x.shape.count == 5 && x.shape[4] == configuration.inputChannels, "HSDT got an input of shape \(x.shape)")
    precondition(
      x.shape[2] % configuration.granularity == 0 && x.shape[3] % configuration.granularity == 0,
      "HSDT needs rows and columns in multiples of \(configuration.granularity), got \(x.shape)")
    var skips = [head(x, query, tape)]
    var h = skips[0]
    for (index, stage) in encoder.enumerated() {
      h = stage(h, query, tape)
      if index < encoder.count - 1 { skips.append(h) }
    }
    for stage in decoder { h = stage(h, adding: skips.popLast(), query, tape) }
    let image = x.shape[4] == 1 ? x : tape.channel(x, 0)
    return tape.add(tail(h, tape), image)
  }
}

/// One stage of HSDT: (enlargement) → convolution → batch normalisation → block (→ sum with a skip).
final class HSDTStage {
  enum Resampling { case none, down, up }

  private let resampling: Resampling
  private let separable: S3Conv?
  private let dense: Convolution?
  private let norm: BatchNorm?
  private let block: HSDTBlock

  init(
    _ scope: ParameterScope, _ configuration: HSDTConfiguration, input: Int, output: Int, resampling: Resampling,
    initialisation: Initialisation
  ) {
    self.resampling = resampling
    if resampling == .none {
      separable = S3Conv(
        scope["conv"], configuration.convolution, input: input, output: output, initialisation: initialisation)
      dense = nil
    } else {
      separable = nil
      dense = Convolution(
        scope["conv"], input: input, output: output, depthTaps: 3, stride: resampling == .down ? 2 : 1,
        initialisation: initialisation)
    }
    norm = configuration.usesBatchNorm ? BatchNorm(scope["bn"], channels: output) : nil
    block = HSDTBlock(scope["attn"], configuration, channels: output)
  }

  var linears: [Linear] { block.linears }

  func callAsFunction(
    _ x: Variable, adding skip: Variable? = nil, _ query: GuidedSpectralAttention.Query, _ tape: Tape
  ) -> Variable {
    var h = x
    if resampling == .up {
      h = tape.resizeBilinear(h, rows: 2 * h.shape[2], columns: 2 * h.shape[3], alignsCorners: true)
    }
    if !tape.isRecording,
      let folded = separable?.inference(h.value, norm) ?? dense?.inference(h.value, norm?.runningAffine)
    {
      return block(Variable(folded), adding: skip, query, tape)
    }
    if let separable { h = separable(h, tape) } else if let dense { h = dense(h, tape) }
    if let norm { h = norm(h, tape) }
    return block(h, adding: skip, query, tape)
  }
}

/// The transformer block of HSDT: attention with its residual, then a feed-forward network without one.
final class HSDTBlock {
  private let attention: GuidedSpectralAttention?
  private let feedForward: (any FeedForward)?

  init(_ scope: ParameterScope, _ configuration: HSDTConfiguration, channels: Int) {
    guard configuration.block != .tanh else {
      attention = nil
      feedForward = nil
      return
    }
    attention = GuidedSpectralAttention(
      scope["attn"], channels: channels, bands: configuration.block == .guided ? configuration.bands : nil)
    let scope = scope["ffn"]
    feedForward =
      switch configuration.feedForward {
      case .selfModulated: SelfModulatedFeedForward(scope, channels: channels)
      case .plain: PlainFeedForward(scope, channels: channels, hidden: 2 * channels)
      case .modulationOnly: SelfModulation(scope, channels: channels)
      case .gatedDepthwise: GatedDepthwiseFeedForward(scope, channels: channels)
      }
  }

  var linears: [Linear] { (attention?.linears ?? []) + (feedForward?.linears ?? []) }

  func callAsFunction(
    _ x: Variable, adding skip: Variable? = nil, _ query: GuidedSpectralAttention.Query, _ tape: Tape
  ) -> Variable {
    if let attention, let fused = feedForward as? SelfModulatedFeedForward {
      return attention(x, feedForward: fused, adding: skip, query: query, tape)
    }
    let y: Variable
    if let attention, let feedForward {
      y = feedForward(attention(x, query: query, tape), tape)
    } else {
      y = tape.activation(.tanh, x)
    }
    return skip.map { tape.add(y, $0) } ?? y
  }
}
