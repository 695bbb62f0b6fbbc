/// MP-HSIR's spectral attention of one window, guided by a bank of learned spectra. For the mean m of the tokens of a
/// window, of low rank r:
///
///     s = softmax(P m) · bank;   q = Q s;   [k; v] = K D m;   o_i = Σ_j softmax_j(q_i k_j / √r) v_j;   y = U (L o + l) ⊙ x
///
/// y is the same factor for all tokens of a window. Names `prompt_param` (`[1, 1, prompts, r]`), `linear_down` (D),
/// `linear_up` (U), `linear_prompt` (P), `q`, `kv`, `proj` (L, with the only bias). Source: Wu et al., arXiv 2503.09131.
public final class LocalSpectralAttention {
  let bank: Parameter
  let down: Linear
  let up: Linear
  let prompt: Linear
  let query: Linear
  let keyValue: Linear
  let projection: Linear

  /// A layer of `channels` channels with rank `channels / ratio` and a bank of `prompts` spectra.
  public init(_ scope: ParameterScope, channels: Int, ratio: Int, prompts: Int = 128) {
    let rank = channels / ratio
    func linear(_ name: String, _ input: Int, _ output: Int, bias: Bool = false) -> Linear {
      Linear(scope[name], input: input, output: output, bias: bias)
    }
    bank = scope.parameter("prompt_param", [1, 1, prompts, rank], .unitUniform, role: .table)
    down = linear("linear_down", channels, rank)
    up = linear("linear_up", rank, channels)
    prompt = linear("linear_prompt", channels, prompts)
    query = linear("q", rank, rank)
    keyValue = linear("kv", rank, 2 * rank)
    projection = linear("proj", rank, rank, bias: true)
  }

  /// The linear maps that may carry adapters.
  public var linears: [Linear] { [down, up, prompt, query, keyValue, projection] }

  /// Windows `[N, tokens, C]`; the shape stays.
  public func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
    let (windows, rank) = (x.shape[0], down.output)
    let pooled = tape.mean(x, over: 1..<2)
    let chosen = mixture(tape.softmax(prompt(pooled, tape)), tape)
    let q = tape.reshape(query(chosen, tape), [windows, rank, 1])
    let kv = keyValue(down(pooled, tape), tape)
    let (k, v) = tape.halves(kv)
    let mixed = tape.attention(
      queries: Heads(q, width: 1), keys: Heads(tape.reshape(k, [windows, rank, 1]), width: 1),
      values: Heads(tape.reshape(v, [windows, rank, 1]), width: 1), heads: 1, scale: 1 / Float(rank).squareRoot())
    let factor = up(projection(tape.reshape(mixed, [windows, rank]), tape), tape)
    return tape.multiply(x, factor, repeatedOver: 1..<2)
  }

  /// `Σ_j weights_j · bank_j`, `[N, r]`.
  private func mixture(_ weights: Variable, _ tape: Tape) -> Variable {
    let step = Mixture(weights: weights, bank: bank)
    return tape.record(step.forward(), inputs: [weights], parameters: [bank]) { step }
  }

  private struct Mixture: TapeOperation {
    let weights: Variable
    let bank: Parameter

    private var windows: Int { weights.shape[0] }
    private var prompts: Int { bank.shape[2] }
    private var rank: Int { bank.shape[3] }

    func forward() -> Tensor {
      let y = Tensor(uninitialised: [windows, rank])
      Products.multiply(
        weights.value.pointer, .none, bank.value.pointer, .none, y.output, m: windows, n: rank, k: prompts)
      return y
    }

    func backward(_ gradient: Tensor, _ gradients: inout Gradients) {
      if bank.isTrainable {
        bank.accumulate {
          Products.multiply(
            weights.value.pointer, .transposed, gradient.pointer, .none, $0, m: prompts, n: rank, k: windows, keep: 1)
        }
      }
      guard weights.needsGradient else { return }
      let result = Tensor(uninitialised: weights.shape)
      Products.multiply(
        gradient.pointer, .none, bank.value.pointer, .transposed, result.output, m: windows, n: prompts, k: rank)
      gradients.add(result, to: weights)
    }
  }
}
