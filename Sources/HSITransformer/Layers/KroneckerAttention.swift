/// The attention of LESS ViT between a sequence of bands and one of positions, without the attention of all pairs:
///
///     y[c, n] = proj(concat_h (1/r) Σ_k Y_c[c, h, k] ⊗ Y_s[n, h, k])
///
/// which is `(softmax_c ⊗ softmax_s)` on the Kronecker product of the values. Names `channel_branch`, `spatial_branch`, `proj`.
/// The grid of products is never stored (`Tape.kroneckerProjection`): cost `r N D² + r C N D b` for bands of width b, `C²` and `N²` per
/// head for the maps. Source: Si et al., arXiv 2503.12843.
public final class KroneckerAttention: SequenceFusion {
  let channelBranch: AttentionBranch
  let spatialBranch: AttentionBranch
  let projection: Linear
  private let heads: Int
  private let rank: Int

  /// Tokens of width `width` = heads · (channelWidth / heads) · (spatialWidth / heads).
  public init(
    _ scope: ParameterScope, width: Int, channelWidth: Int, spatialWidth: Int, heads: Int, rank: Int = 1,
    normalisesQueries: Bool = false, epsilon: Float = 1e-6
  ) {
    precondition(
      channelWidth * spatialWidth == heads * width,
      "LESS attention of widths \(channelWidth), \(spatialWidth), \(width)")
    self.heads = heads
    self.rank = rank
    func branch(_ name: String, _ channels: Int) -> AttentionBranch {
      AttentionBranch(
        scope[name], channels: channels, heads: heads, rank: rank, normalisesQueries: normalisesQueries,
        epsilon: epsilon)
    }
    channelBranch = branch("channel_branch", channelWidth)
    spatialBranch = branch("spatial_branch", spatialWidth)
    projection = Linear(scope["proj"], input: width, output: width, initialisation: .xavierUniform)
  }

  /// The linear maps that may carry adapters.
  public var linears: [Linear] { channelBranch.linears + spatialBranch.linears + [projection] }

  /// Bands `[B, C, channelWidth]` and positions `[B, N, spatialWidth]` to `[B, C, N, width]`. The mask is one of positions.
  public func callAsFunction(
    bands: Variable, positions: Variable, bandRotary: RotaryTable? = nil, positionRotary: RotaryTable? = nil,
    mask: Tensor? = nil, _ tape: Tape
  ) -> Variable {
    let c = channelBranch(bands, rotary: bandRotary, tape)
    let s = spatialBranch(positions, rotary: positionRotary, mask: mask, tape)
    // An adapter with a gate is no matrix: it needs to see the products.
    guard projection.isFoldable(tape) else {
      return projection(tape.kroneckerProducts(c, s, heads: heads, rank: rank), tape)
    }
    return tape.kroneckerProjection(c, s, by: projection, heads: heads, rank: rank)
  }
}
