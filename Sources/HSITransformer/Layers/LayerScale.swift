/// A learned factor per channel of the last axis, `gamma ⊙ x` (layer scale). Source: Touvron et al., arXiv 2103.17239.
public final class LayerScale {
  let gamma: Parameter

  /// Factors that start at `value`.
  public init(_ scope: ParameterScope, channels: Int, value: Float) {
    gamma = scope.parameter("gamma", [channels], .constant(value), role: .norm)
  }

  /// Applies the layer.
  public func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
    tape.multiply(x, tape.variable(gamma), repeatedOver: 0..<(x.shape.count - 1))
  }

  /// `sum + gamma ⊙ x` in one pass, without the product.
  public func callAsFunction(_ x: Variable, addedTo sum: Variable, _ tape: Tape) -> Variable {
    tape.scaledSum(sum, x, factors: tape.variable(gamma))
  }
}
