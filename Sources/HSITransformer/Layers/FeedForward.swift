import CKernels

/// The feed-forward half of a transformer block, on the last axis.
public protocol FeedForward: AnyObject {
  /// Applies the layer; the shape stays.
  func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable
  /// The linear maps that may carry adapters.
  var linears: [Linear] { get }
}

/// The plain feed-forward network, `w_2(GELU(w_1 x))`, widths C → hidden → C, exact GELU.
public final class PlainFeedForward: FeedForward {
  let first: Linear
  let second: Linear

  /// Names `w_1`, `w_2` under `scope`.
  public init(_ scope: ParameterScope, channels: Int, hidden: Int, initialisation: Initialisation = .normal(0.001)) {
    first = Linear(
      scope["w_1"], input: channels, output: hidden, initialisation: initialisation,
      biasInitialisation: .constant(0))
    second = Linear(
      scope["w_2"], input: hidden, output: channels, initialisation: initialisation,
      biasInitialisation: .constant(0))
  }

  public var linears: [Linear] { [first, second] }

  public func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
    second(tape.activation(.gelu, first(x, tape)), tape)
  }
}

/// The self-modulated branch alone: `a ⊙ σ(g)`, `[a; g] = w_3 x`.
public final class SelfModulation: FeedForward {
  let third: Linear

  /// Names `w_3` under `scope`.
  public init(_ scope: ParameterScope, channels: Int, initialisation: Initialisation = .normal(0.001)) {
    third = Linear(
      scope["w_3"], input: channels, output: 2 * channels, initialisation: initialisation,
      biasInitialisation: .constant(0))
  }

  public var linears: [Linear] { [third] }

  public func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
    let (value, gate) = tape.halves(third(x, tape))
    return tape.multiply(value, tape.activation(.sigmoid, gate))
  }
}
