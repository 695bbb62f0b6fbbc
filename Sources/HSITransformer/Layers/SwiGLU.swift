/// The gated feed-forward layer `y = w3(silu(w1 x) ⊙ (w2 x))`, all with bias. Names `w1`, `w2`, `w3`.
/// Source: Shazeer, "GLU variants improve Transformer", arXiv 2002.05202.
public final class SwiGLU: FeedForward {
  let first: Linear
  let second: Linear
  let third: Linear

  /// Widths `input → hidden → output`.
  public init(
    _ scope: ParameterScope, input: Int, hidden: Int, output: Int, initialisation: Initialisation = .fanInUniform
  ) {
    first = Linear(scope["w1"], input: input, output: hidden, initialisation: initialisation)
    second = Linear(scope["w2"], input: input, output: hidden, initialisation: initialisation)
    third = Linear(scope["w3"], input: hidden, output: output, initialisation: initialisation)
  }

  public var linears: [Linear] { [first, second, third] }

  public func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
    let gate = tape.activation(.silu, first(x, tape))
    return third(tape.multiply(gate, second(x, tape)), tape)
  }
}
