import HSINumerics

/// One branch of LESS attention: self-attention of a sequence whose values have `rank` parts per head.
///
/// Names `qk` (2 · heads · rank · d outputs, in that order of axes), `v` (heads · rank · d), and with `normalisesQueries` `q_norm`,
/// `k_norm`. Rotation comes before normalisation. Source: LESS ViT (Si et al., arXiv 2503.12843).
public final class AttentionBranch {
  let queryKey: Linear
  let value: Linear
  let normalisation: HeadNormalisation
  private let runs: Int
  private let width: Int

  /// Vectors of `channels` values, heads of `channels / heads`.
  public init(
    _ scope: ParameterScope, channels: Int, heads: Int, rank: Int = 1, normalisesQueries: Bool = false,
    epsilon: Float = 1e-6
  ) {
    precondition(channels % heads == 0, "\(channels) channels in \(heads) heads")
    runs = heads * rank
    width = channels / heads
    queryKey = Linear(scope["qk"], input: channels, output: 2 * rank * channels)
    value = Linear(scope["v"], input: channels, output: rank * channels)
    normalisation = HeadNormalisation(
      scope, normalisesQueries ? .layerNorm(epsilon: epsilon) : .none, width: width, heads: runs)
  }

  /// The linear maps that may carry adapters.
  public var linears: [Linear] { [queryKey, value] }

  /// `[N, L, channels]` to `[N, L, heads · rank · d]`, heads slow. `mask` as in `attention`.
  public func callAsFunction(
    _ x: Variable, rotary table: RotaryTable? = nil, mask: Tensor? = nil, _ tape: Tape
  ) -> Variable {
    var qk = queryKey(x, tape)
    if let table { qk = tape.rotary(qk, [table]) }
    let (first, second) = tape.halves(qk)
    let (q, k) = normalisation(first, second, tape)
    return tape.attention(
      queries: Heads(q, width: width), keys: Heads(k, width: width), values: Heads(value(x, tape), width: width),
      heads: runs, scale: normalisation.scale, mask: mask)
  }
}

/// The attention of LESS ViT between a sequence of bands and one of positions, without the attention of all pairs:
///
///     y[c, n] = proj(concat_h (1/r) Σ_k Y_c[c, h, k] ⊗ Y_s[n, h, k])
///
/// which is `(softmax_c ⊗ softmax_s)` on the Kronecker product of the values. Names `channel_branch`, `spatial_branch`, `proj`.
/// Cost `C N D²` for the projection, `C²` and `N²` per head for the maps. Source: Si et al., arXiv 2503.12843.
public final class KroneckerAttention {
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
    projection = Linear(scope["proj"], input: width, output: width)
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
    return projection(kroneckerProducts(c, s, heads: heads, rank: rank, tape), tape)
  }
}

/// `y[b, c, n, h] = (1/r) Σ_k u[b, c, h, k] ⊗ v[b, n, h, k]`, the index of u slow.
///
/// - Parameters:
///   - u: `[B, C, heads · rank · d]`; v: `[B, N, heads · rank · e]`.
/// - Returns: `[B, C, N, heads · d · e]`.
func kroneckerProducts(_ u: Variable, _ v: Variable, heads: Int, rank: Int, _ tape: Tape) -> Variable {
  let step = KroneckerProducts(u: u, v: v, heads: heads, rank: rank)
  return tape.record(step.forward(), inputs: [u, v]) { step }
}

private struct KroneckerProducts: TapeOperation {
  let u: Variable
  let v: Variable
  let heads: Int
  let rank: Int

  private var batch: Int { u.shape[0] }
  private var first: Int { u.shape[1] }
  private var second: Int { v.shape[1] }
  private var d: Int { u.shape[2] / (heads * rank) }
  private var e: Int { v.shape[2] / (heads * rank) }

  /// Calls `body` with a head's vectors (rank rows each) and its part of the grid for the pairs of one outer entry.
  private func walk(outer: Int, inner: Int, _ body: @Sendable (_ b: Int, _ o: Int, _ i: Int, _ h: Int) -> Void) {
    Parallel.forEach(batch * outer) { item in
      for i in 0..<inner { for h in 0..<heads { body(item / outer, item % outer, i, h) } }
    }
  }

  private func start(u c: Int, _ b: Int, _ h: Int) -> Int { ((b * first + c) * heads + h) * rank * d }
  private func start(v n: Int, _ b: Int, _ h: Int) -> Int { ((b * second + n) * heads + h) * rank * e }
  private func start(pair c: Int, _ n: Int, _ b: Int, _ h: Int) -> Int {
    (((b * first + c) * second + n) * heads + h) * d * e
  }

  func forward() -> Tensor {
    precondition(u.shape[0] == v.shape[0], "Kronecker products of \(u.shape) and \(v.shape)")
    let y = Tensor(uninitialised: [batch, first, second, heads * d * e])
    let (d, e, factor) = (d, e, 1 / Float(rank))
    walk(outer: first, inner: second) { b, c, n, h in
      let (left, right) = (u.value.pointer + start(u: c, b, h), v.value.pointer + start(v: n, b, h))
      let target = y.output + start(pair: c, n, b, h)
      for a in 0..<d {
        for j in 0..<e {
          var sum: Float = 0
          for k in 0..<rank { sum += left[k * d + a] * right[k * e + j] }
          target[a * e + j] = factor * sum
        }
      }
    }
    return y
  }

  func backward(_ gradient: Tensor, _ gradients: inout Gradients) {
    let (d, e, factor) = (d, e, 1 / Float(rank))
    if u.needsGradient {
      let du = Tensor.zeros(u.shape)
      walk(outer: first, inner: second) { b, c, n, h in
        let (dy, right) = (gradient.pointer + start(pair: c, n, b, h), v.value.pointer + start(v: n, b, h))
        let target = du.output + start(u: c, b, h)
        for k in 0..<rank {
          for a in 0..<d {
            var sum: Float = 0
            for j in 0..<e { sum += dy[a * e + j] * right[k * e + j] }
            target[k * d + a] += factor * sum
          }
        }
      }
      gradients.add(du, to: u)
    }
    if v.needsGradient {
      let dv = Tensor.zeros(v.shape)
      walk(outer: second, inner: first) { b, n, c, h in
        let (dy, left) = (gradient.pointer + start(pair: c, n, b, h), u.value.pointer + start(u: c, b, h))
        let target = dv.output + start(v: n, b, h)
        for k in 0..<rank {
          for a in 0..<d {
            let weight = factor * left[k * d + a]
            for j in 0..<e { target[k * e + j] += weight * dy[a * e + j] }
          }
        }
      }
      gradients.add(dv, to: v)
    }
  }
}

/// The attention layer of LESS ViT on a grid of tokens `[B, C, N, D]`: reduction to two sequences, their normalisation, Kronecker
/// attention. Names `low_dim_pool`, `channel_norm`, `spatial_norm`, `attn`. Source: Si et al., arXiv 2503.12843.
public final class LESSAttention {
  let pool: LowDimensionalPool
  let channelNorm: LayerNorm
  let spatialNorm: LayerNorm
  let attention: KroneckerAttention

  /// Widths per head are `channelWidthPerHead` and `width / (heads · channelWidthPerHead)`.
  public init(
    _ scope: ParameterScope, width: Int, heads: Int, channelWidthPerHead: Int = 4, rank: Int = 1,
    normalisesQueries: Bool = false, epsilon: Float = 1e-6
  ) {
    let channelWidth = channelWidthPerHead * heads
    let spatialWidth = width / channelWidthPerHead
    pool = LowDimensionalPool(
      scope["low_dim_pool"], width: width, channelWidth: channelWidth, spatialWidth: spatialWidth, heads: heads,
      normalisesQueries: normalisesQueries, epsilon: epsilon)
    channelNorm = LayerNorm(scope["channel_norm"], channels: channelWidth, epsilon: epsilon)
    spatialNorm = LayerNorm(scope["spatial_norm"], channels: spatialWidth, epsilon: epsilon)
    attention = KroneckerAttention(
      scope["attn"], width: width, channelWidth: channelWidth, spatialWidth: spatialWidth, heads: heads, rank: rank,
      normalisesQueries: normalisesQueries, epsilon: epsilon)
  }

  /// The linear maps that may carry adapters.
  public var linears: [Linear] { pool.linears + attention.linears }

  /// Applies the layer; the shape stays. The mask is one of positions, `[M, N, N]`.
  public func callAsFunction(
    _ x: Variable, bandRotary: RotaryTable? = nil, positionRotary: RotaryTable? = nil, mask: Tensor? = nil, _ tape: Tape
  ) -> Variable {
    let (bands, positions) = pool(x, tape)
    return attention(
      bands: channelNorm(bands, tape), positions: spatialNorm(positions, tape), bandRotary: bandRotary,
      positionRotary: positionRotary, mask: mask, tape)
  }
}
