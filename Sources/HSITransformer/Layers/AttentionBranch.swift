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
    queryKey = Linear(scope["qk"], input: channels, output: 2 * rank * channels, initialisation: .xavierUniform)
    value = Linear(scope["v"], input: channels, output: rank * channels, initialisation: .xavierUniform)
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
