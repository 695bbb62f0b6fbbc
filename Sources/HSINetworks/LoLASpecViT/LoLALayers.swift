import HSITransformer

/// How LoLA-SpecViT draws the weights of linear maps: normal, σ = 0.02 cut at ±2 (absolute).
private let drawn = Initialisation.truncatedNormal(0.02)

/// Makes linear maps with adapters: the base lies at `linear` of a scope, the adapter beside it.
struct AdapterLinears {
  let configuration: LoLAConfiguration

  /// qkv, proj and the outer maps of the feed-forward network.
  func gated(_ scope: ParameterScope, _ input: Int, _ output: Int) -> Linear {
    var adapter = GatedLowRankAdapter.Configuration(
      rank: configuration.rank, alpha: configuration.alpha, initialisation: drawn)
    adapter.startsUpAtZero = configuration.startsUpAtZero
    return make(scope, input, output, adapter)
  }

  /// The head.
  func plain(_ scope: ParameterScope, _ input: Int, _ output: Int) -> Linear {
    var adapter = LowRankAdapter.Configuration(
      rank: configuration.rank, alpha: configuration.alpha, initialisation: drawn)
    adapter.startsUpAtZero = configuration.startsUpAtZero
    return make(scope, input, output, adapter)
  }

  private func make(
    _ scope: ParameterScope, _ input: Int, _ output: Int, _ adapter: some AdapterConfiguration
  ) -> Linear {
    let linear = Linear(scope["linear"], input: input, output: output, initialisation: drawn)
    linear.attach(adapter, at: scope)
    return linear
  }
}

/// The spectral front end: three convolutions of volumes, band dropout, channel attention, the mean over bands, patch
/// embedding and positions; `[B, K, S, S, 1]` to `[B, ⌊S/2⌋, ⌊S/2⌋, C]`.
///
/// The mean over bands comes before channel attention here: its weights do not depend on the band, so the two commute.
final class LoLAFrontEnd {
  let convolutions: [Convolution]
  let norms: [BatchNorm]
  let excite: SqueezeExcite
  let embedding: GeneralConvolution
  let embeddingNorm: BatchNorm
  let position: Parameter
  private let bandDropout: Double
  private let dropout: Double

  init(_ root: ParameterScope, _ configuration: LoLAConfiguration) {
    let widths = [1] + configuration.stem + [configuration.width]
    let place = root["spectral_conv"]
    convolutions = (0..<3).map {
      Convolution(place[3 * $0], input: widths[$0], output: widths[$0 + 1], depthTaps: 7 - 2 * $0, bias: true)
    }
    norms = (0..<3).map { BatchNorm(place[3 * $0 + 1], channels: widths[$0 + 1]) }
    let width = configuration.width
    excite = SqueezeExcite(root["spectral_attention"], channels: width, initialisation: drawn)
    embedding = GeneralConvolution(
      root["patch_embed"][0], input: width, output: width, kernel: [4, 4], stride: 2, padding: 1)
    embeddingNorm = BatchNorm(root["patch_embed"][1], channels: width)
    let tokens = configuration.tokenSides[0]
    position = root.parameter("pos_embed", [1, tokens, tokens, width], drawn, role: .table)
    bandDropout = configuration.bandDropout
    dropout = configuration.dropout
  }

  func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
    let image = excite(bandMean(x, tape), tape)
    let tokens = tape.activation(.silu, embeddingNorm(embedding(image, tape), tape))
    return Dropout.values(tape.add(tokens, tape.variable(position), repeatedOver: 0..<1), rate: dropout, tape)
  }

  /// Features before channel attention, mean over the bands: `[B, S, S, C]`.
  func bandMean(_ x: Variable, _ tape: Tape) -> Variable {
    var h = x
    for (convolution, norm) in zip(convolutions, norms) {
      if tape.isRecording {
        h = norm(convolution(h, tape), tape)
      } else {
        h = Variable(convolution.inference(h.value, norm.runningAffine))
      }
      h = tape.activation(.silu, h)
    }
    return tape.mean(Dropout.bands(h, rate: bandDropout, tape), over: 1..<2)
  }
}

/// One transformer block: window attention and a gated feed-forward network, each behind a layer norm and beside a
/// residual path that is dropped at random in training.
final class LoLABlock {
  let norm1: LayerNorm
  let norm2: LayerNorm
  let attention: WindowAttention
  let first: Linear
  let gated: SwiGLU
  let last: Linear
  private let pathDropout: Double

  init(_ scope: ParameterScope, _ configuration: LoLAConfiguration, level: Int, pathDropout: Double) {
    let linears = AdapterLinears(configuration: configuration)
    let (width, hidden) = (configuration.width << level, configuration.hidden(level))
    norm1 = LayerNorm(scope["norm1"], channels: width)
    attention = WindowAttention(
      scope["attn"], channels: width, heads: configuration.heads[level], window: configuration.windows[level],
      storesIndex: true, attendsPadding: configuration.padding == .attended, makeLinear: linears.gated)
    norm2 = LayerNorm(scope["norm2"], channels: width)
    let place = scope["mlp"]
    first = linears.gated(place[0], width, hidden)
    gated = SwiGLU(place[1], input: hidden, hidden: hidden, output: hidden, initialisation: drawn)
    last = linears.gated(place[3], hidden, width)
    self.pathDropout = pathDropout
  }

  var linears: [Linear] { attention.linears + [first] + gated.linears + [last] }

  func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
    let inner = tape.add(x, Dropout.path(attention(norm1(x, tape), tape), rate: pathDropout, tape))
    let fed = last(gated(first(norm2(inner, tape), tape), tape), tape)
    return tape.add(inner, Dropout.path(fed, rate: pathDropout, tape))
  }
}

/// Between levels: half the side, twice the width.
final class LoLAReduction {
  let depthwise: DepthwiseConvolution
  let excite: SqueezeExcite
  let widen: Linear
  let norm: BatchNorm
  let reduction: Convolution

  init(_ scope: ParameterScope, channels: Int) {
    let place = scope["conv"]
    depthwise = DepthwiseConvolution(place[0], channels: channels)
    excite = SqueezeExcite(place[2], channels: channels, initialisation: drawn)
    widen = Linear(place[3], input: channels, output: 2 * channels, bias: false)
    norm = BatchNorm(scope["norm"], channels: 2 * channels)
    reduction = Convolution(scope["reduction"], input: 2 * channels, output: 2 * channels, stride: 2)
  }

  func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
    let z = widen(excite(tape.activation(.silu, depthwise(x, tape)), tape), tape)
    return reduction(norm(z, tape), tape)
  }
}
