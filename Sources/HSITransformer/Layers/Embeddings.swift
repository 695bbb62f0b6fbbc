/// Rows of a learned table `weight` `[count, width]` by index; σ = 0.02 at first.
public final class Embedding {
  let weight: Parameter

  /// A table of `count` rows of `width` values.
  public init(_ scope: ParameterScope, count: Int, width: Int, initialisation: Initialisation = .normal(0.02)) {
    weight = scope.parameter("weight", [count, width], initialisation, role: .table)
  }

  /// The rows `indices`, all below the count: `[indices, width]`.
  public func callAsFunction(_ indices: [Int], _ tape: Tape) -> Variable {
    let (count, width) = (weight.shape[0], weight.shape[1])
    precondition(indices.allSatisfy { (0..<count).contains($0) }, "\(weight.name) has \(count) rows")
    let map = RowMap(inputCount: count, sources: indices.map { Int32($0) })
    return tape.rearrange(tape.variable(weight), map, width: width, shape: [indices.count, width])
  }
}
