import HSITransformer

/// Joins the features of a skip path with their prompt: `[e; p]` through a transformer block over channels of twice the width, then
/// back to the width w by a linear map without bias.
///
///     z = [e; p],   z ← z + A(LN₁ z),   z ← z + F(LN₂ z),   s = M z
///
/// A is attention between channels over the whole image, F the gated depthwise feed-forward network, as in Restormer. Features and
/// prompt are `[B, H, W, w]`.
final class MPHSIRFusion {
  private let norm1: LayerNorm
  private let norm2: LayerNorm
  private let attention: GlobalSpectralAttention
  private let feedForward: GatedDepthwiseFeedForward
  private let merge: Linear

  /// A fusion of features of `width` channels; names `transformer` and `conv`.
  init(_ scope: ParameterScope, width: Int, heads: Int, hidden: Int) {
    let inner = scope["transformer"]
    norm1 = LayerNorm(inner["norm1"]["body"], channels: 2 * width)
    attention = GlobalSpectralAttention(inner["attn"], channels: 2 * width, heads: heads)
    norm2 = LayerNorm(inner["norm2"]["body"], channels: 2 * width)
    feedForward = GatedDepthwiseFeedForward(
      inner["ffn"], channels: 2 * width, hidden: hidden, depthTaps: nil, bias: false)
    merge = Linear(scope["conv"], input: 2 * width, output: width, bias: false, kernelAxes: 2)
  }

  var linears: [Linear] { attention.linears + feedForward.linears + [merge] }

  func callAsFunction(_ features: Variable, _ prompt: Variable, _ tape: Tape) -> Variable {
    let joined = tape.concatenate([features, prompt])
    let inner = attention(norm1(joined, tape), residual: joined, tape)
    return merge(feedForward(norm2(inner, tape), residual: inner, tape), tape)
  }
}

/// A transformer block whose queries come from one image and whose keys and values come from another, on `[B, H, W, w]`:
///
///     z = m + A(LN₁₁ m, LN₁₂ v),   y = z + F(LN₂ z)
final class MPHSIRCrossTransformer {
  private let queryNorm: LayerNorm
  private let valueNorm: LayerNorm
  private let norm2: LayerNorm
  private let attention: CrossChannelAttention
  private let feedForward: GatedDepthwiseFeedForward

  init(_ scope: ParameterScope, width: Int, heads: Int, hidden: Int) {
    queryNorm = LayerNorm(scope["norm11"]["body"], channels: width)
    valueNorm = LayerNorm(scope["norm12"]["body"], channels: width)
    attention = CrossChannelAttention(scope["attn"], channels: width, heads: heads)
    norm2 = LayerNorm(scope["norm2"]["body"], channels: width)
    feedForward = GatedDepthwiseFeedForward(scope["ffn"], channels: width, hidden: hidden, depthTaps: nil, bias: false)
  }

  var linears: [Linear] { attention.linears + feedForward.linears }

  func callAsFunction(_ map: Variable, _ visual: Variable, _ tape: Tape) -> Variable {
    let inner = attention(queryNorm(map, tape), keysAndValues: valueNorm(visual, tape), residual: map, tape)
    return feedForward(norm2(inner, tape), residual: inner, tape)
  }
}
