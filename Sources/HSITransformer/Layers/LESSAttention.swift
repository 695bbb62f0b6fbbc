/// What makes tokens of a grid from a sequence of bands and one of positions, each after attention within itself.
protocol SequenceFusion: AnyObject {
  /// Bands `[B, C, …]` and positions `[B, N, …]` to `[B, C, N, width]`. The mask is one of positions.
  func callAsFunction(
    bands: Variable, positions: Variable, bandRotary: RotaryTable?, positionRotary: RotaryTable?, mask: Tensor?,
    _ tape: Tape
  ) -> Variable
  /// The linear maps that may carry adapters.
  var linears: [Linear] { get }
}

/// The attention layer of LESS ViT on a grid of tokens `[B, C, N, D]`: reduction to two sequences, their normalisation, and what makes
/// a grid of them again. Names `low_dim_pool`, `channel_norm`, `spatial_norm`; Kronecker attention under `attn`, additive attention
/// beside them. Source: Si et al., arXiv 2503.12843.
public final class LESSAttention {
  let pool: LowDimensionalPool
  let channelNorm: LayerNorm
  let spatialNorm: LayerNorm
  private let fusion: any SequenceFusion

  /// Widths per head are `channelWidthPerHead` and `width / (heads · channelWidthPerHead)`; `isAdditive` chooses
  /// `AdditiveAttention`.
  public init(
    _ scope: ParameterScope, width: Int, heads: Int, channelWidthPerHead: Int = 4, rank: Int = 1,
    normalisesQueries: Bool = false, isAdditive: Bool = false, epsilon: Float = 1e-6
  ) {
    let channelWidth = channelWidthPerHead * heads
    let spatialWidth = width / channelWidthPerHead
    pool = LowDimensionalPool(
      scope["low_dim_pool"], width: width, channelWidth: channelWidth, spatialWidth: spatialWidth, heads: heads,
      normalisesQueries: normalisesQueries, epsilon: epsilon)
    channelNorm = LayerNorm(scope["channel_norm"], channels: channelWidth, epsilon: epsilon)
    spatialNorm = LayerNorm(scope["spatial_norm"], channels: spatialWidth, epsilon: epsilon)
    fusion =
      isAdditive
      ? AdditiveAttention(
        scope, width: width, channelWidth: channelWidth, spatialWidth: spatialWidth, heads: heads, rank: rank,
        normalisesQueries: normalisesQueries, epsilon: epsilon)
      : KroneckerAttention(
        scope["attn"], width: width, channelWidth: channelWidth, spatialWidth: spatialWidth, heads: heads, rank: rank,
        normalisesQueries: normalisesQueries, epsilon: epsilon)
  }

  /// The linear maps that may carry adapters.
  public var linears: [Linear] { pool.linears + fusion.linears }

  /// Applies the layer; the shape stays. The mask is one of positions, `[M, N, N]`.
  public func callAsFunction(
    _ x: Variable, bandRotary: RotaryTable? = nil, positionRotary: RotaryTable? = nil, mask: Tensor? = nil, _ tape: Tape
  ) -> Variable {
    let (bands, positions) = pool(x, tape)
    return fusion(
      bands: channelNorm(bands, tape), positions: spatialNorm(positions, tape), bandRotary: bandRotary,
      positionRotary: positionRotary, mask: mask, tape)
  }
}
