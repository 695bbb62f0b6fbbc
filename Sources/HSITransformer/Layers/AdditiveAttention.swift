/// The additive arm of LESS ViT: attention within the bands and within the positions as in `KroneckerAttention`, and their sum,
///
///     y[c, n] = proj(concat_h [P_c(mean_k Y_c[c, h, k]) + P_s(mean_k Y_s[n, h, k])])
///
/// P_c and P_s, to the width of a head, are shared by the heads. Names `channel_branch`, `spatial_branch`, `P_c`, `P_s`, `proj`.
/// Cost `C N D²`. Source: "LESSViT", arXiv 2605.18541.
public final class AdditiveAttention: SequenceFusion {
  let channelBranch: AttentionBranch
  let spatialBranch: AttentionBranch
  let channelProjection: Linear
  let spatialProjection: Linear
  let projection: Linear
  private let heads: Int
  private let rank: Int

  /// Tokens of width `width`, a multiple of the number of heads.
  public init(
    _ scope: ParameterScope, width: Int, channelWidth: Int, spatialWidth: Int, heads: Int, rank: Int = 1,
    normalisesQueries: Bool = false, epsilon: Float = 1e-6
  ) {
    self.heads = heads
    self.rank = rank
    func branch(_ name: String, _ channels: Int) -> AttentionBranch {
      AttentionBranch(
        scope[name], channels: channels, heads: heads, rank: rank, normalisesQueries: normalisesQueries,
        epsilon: epsilon)
    }
    func linear(_ name: String, _ input: Int, _ output: Int) -> Linear {
      Linear(scope[name], input: input, output: output, initialisation: .xavierUniform)
    }
    channelBranch = branch("channel_branch", channelWidth)
    spatialBranch = branch("spatial_branch", spatialWidth)
    channelProjection = linear("P_c", channelWidth / heads, width / heads)
    spatialProjection = linear("P_s", spatialWidth / heads, width / heads)
    projection = linear("proj", width, width)
  }

  /// The linear maps that may carry adapters.
  public var linears: [Linear] {
    channelBranch.linears + spatialBranch.linears + [channelProjection, spatialProjection, projection]
  }

  /// Bands `[B, C, channelWidth]` and positions `[B, N, spatialWidth]` to `[B, C, N, width]`. The mask is one of positions.
  public func callAsFunction(
    bands: Variable, positions: Variable, bandRotary: RotaryTable? = nil, positionRotary: RotaryTable? = nil,
    mask: Tensor? = nil, _ tape: Tape
  ) -> Variable {
    let c = widened(channelBranch(bands, rotary: bandRotary, tape), channelProjection, tape)
    let s = widened(spatialBranch(positions, rotary: positionRotary, mask: mask, tape), spatialProjection, tape)
    let (count, places, width) = (c.shape[1], s.shape[1], c.shape[2])
    let repeats = RowMap(inputCount: count, sources: (0..<(count * places)).map { Int32($0 / places) })
    let grid = tape.rearrange(c, repeats, width: width, shape: [c.shape[0], count, places, width])
    return projection(tape.add(grid, s, repeatedOver: 1..<2), tape)
  }

  /// `[B, L, heads · rank · d]` to `[B, L, heads · width of a head]`.
  private func widened(_ x: Variable, _ map: Linear, _ tape: Tape) -> Variable {
    let (batch, length) = (x.shape[0], x.shape[1])
    let parts = tape.reshape(x, [batch * length * heads, rank, map.input])
    let means = rank == 1 ? parts : tape.mean(parts, over: 1..<2)
    return tape.reshape(
      map(tape.reshape(means, [batch * length * heads, map.input]), tape), [batch, length, heads * map.output])
  }
}
