/// Attention pooling on the first entry of a sequence: only that one asks, all are asked.
///
///     y = proj(concat_h softmax(d^−½ q_h(x₀) k_h(x)ᵀ) v_h(x))
///
/// Names `q`, `kv` (keys first), `proj`, and with `normalisesQueries` `q_norm`, `k_norm`. No rotation, no mask.
/// Source: LESS ViT (Si et al., arXiv 2503.12843).
public final class AttentionPool {
  let query: Linear
  let keyValue: Linear
  let projection: Linear
  let normalisation: HeadNormalisation
  private let channels: Int
  private let heads: Int

  /// A pool of vectors of `channels` values in `heads` heads.
  public init(
    _ scope: ParameterScope, channels: Int, heads: Int, normalisesQueries: Bool = false, epsilon: Float = 1e-6
  ) {
    self.channels = channels
    self.heads = heads
    query = Linear(scope["q"], input: channels, output: channels, initialisation: .xavierUniform)
    keyValue = Linear(scope["kv"], input: channels, output: 2 * channels, initialisation: .xavierUniform)
    projection = Linear(scope["proj"], input: channels, output: channels, initialisation: .xavierUniform)
    normalisation = HeadNormalisation(
      scope, normalisesQueries ? .layerNorm(epsilon: epsilon) : .none, width: channels / heads, heads: heads)
  }

  /// The linear maps that may carry adapters.
  public var linears: [Linear] { [query, keyValue, projection] }

  /// `[…, L, C]` to `[…, C]`.
  public func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
    let length = x.shape[x.shape.count - 2]
    let sequences = x.value.count / (length * channels)
    let rows = tape.reshape(x, [sequences, length, channels])
    let first = tape.rearrange(
      rows, RowMap(inputCount: length, sources: [0]), width: channels, shape: [sequences, 1, channels])
    let kv = keyValue(rows, tape)
    let (q, k) = normalisation(query(first, tape), tape.channels(kv, 0..<channels), tape)
    let width = channels / heads
    let y = tape.attention(
      queries: Heads(q, width: width), keys: Heads(k, width: width), values: Heads(kv, offset: channels, width: width),
      heads: heads, scale: normalisation.scale)
    return tape.reshape(projection(y, tape), x.shape.dropLast(2) + [channels])
  }
}

/// The reduction of a grid of tokens `[B, C, N, D]` (bands by positions, class entries first) to a sequence of bands and
/// one of positions.
///
///     x_c[c] = z_c[c, 0] + pool_c(LN(z_c)[c, ·]),   z_c = x A_cᵀ + a_c
///     x_s[n] = z_s[0, n] + pool_s(LN(z_s)[·, n]),   z_s = x A_sᵀ + a_s
///
/// Names `{channel,spatial}_{linear,norm,pool}`. Source: LESS ViT (Si et al., arXiv 2503.12843).
public final class LowDimensionalPool {
  /// One direction of the grid.
  private struct Direction {
    let linear: Linear
    let norm: LayerNorm
    let pool: AttentionPool
  }
  private let channel: Direction
  private let spatial: Direction

  /// Tokens of width `width`; sequences of widths `channelWidth` and `spatialWidth`.
  public init(
    _ scope: ParameterScope, width: Int, channelWidth: Int, spatialWidth: Int, heads: Int,
    normalisesQueries: Bool = false, epsilon: Float = 1e-6
  ) {
    func direction(_ name: String, _ output: Int) -> Direction {
      Direction(
        linear: Linear(scope["\(name)_linear"], input: width, output: output, initialisation: .xavierUniform),
        norm: LayerNorm(scope["\(name)_norm"], channels: output, epsilon: epsilon),
        pool: AttentionPool(
          scope["\(name)_pool"], channels: output, heads: heads, normalisesQueries: normalisesQueries, epsilon: epsilon)
      )
    }
    channel = direction("channel", channelWidth)
    spatial = direction("spatial", spatialWidth)
  }

  /// The linear maps that may carry adapters.
  public var linears: [Linear] { [channel, spatial].flatMap { [$0.linear] + $0.pool.linears } }

  /// The bands `[B, C, channelWidth]` and the positions `[B, N, spatialWidth]`.
  public func callAsFunction(_ x: Variable, _ tape: Tape) -> (bands: Variable, positions: Variable) {
    let bands = reduce(channel.linear(x, tape), channel, tape)
    let positions = reduce(tape.permute(spatial.linear(x, tape), [0, 2, 1, 3]), spatial, tape)
    return (bands, positions)
  }

  /// `[B, K, L, d]` to `[B, K, d]`.
  private func reduce(_ z: Variable, _ direction: Direction, _ tape: Tape) -> Variable {
    let (batch, count, length, width) = (z.shape[0], z.shape[1], z.shape[2], z.shape[3])
    let first = tape.rearrange(
      z, RowMap(inputCount: length, sources: [0]), width: width, shape: [batch, count, width])
    return tape.add(first, direction.pool(direction.norm(z, tape), tape))
  }
}
