import Foundation

extension Tape {
  /// `Σ over groups of √(Σ over the values of its parameters of p² + 10⁻¹²)`: pulls whole groups to zero (group lasso).
  public func groupNorm(_ groups: [[Parameter]]) -> Variable {
    let norms = groups.map { group in
      (group.reduce(1e-12) { $0 + Elementwise.sumOfSquares($1.value) }).squareRoot()
    }
    let value = Tensor([], [Float(norms.reduce(0, +))])
    return record(value, inputs: [], parameters: groups.flatMap { $0 }) { GroupNorm(groups: groups, norms: norms) }
  }

  /// `max(0, bound − x)` of a scalar: what pushes a loss up, but not beyond a bound.
  public func hinge(_ x: Variable, bound: Double) -> Variable {
    precondition(x.value.count == 1, "a hinge of \(x.shape)")
    let rest = bound - Double(x.value.scalar)
    return record(Tensor([], [Float(max(0, rest))]), inputs: [x]) { Hinge(x: x, isOpen: rest > 0) }
  }
}

private struct GroupNorm: TapeOperation {
  let groups: [[Parameter]]
  let norms: [Double]

  func backward(_ gradient: Tensor, _ gradients: inout Gradients) {
    for (group, norm) in zip(groups, norms) {
      for parameter in group where parameter.isTrainable {
        let change = Tensor.zeros(parameter.shape)
        Elementwise.add(parameter.value, scale: gradient.scalar / Float(norm), into: change)
        parameter.accumulate(change)
      }
    }
  }
}

private struct Hinge: TapeOperation {
  let x: Variable
  let isOpen: Bool

  func backward(_ gradient: Tensor, _ gradients: inout Gradients) {
    gradients.add(Tensor(x.shape, [isOpen ? -gradient.scalar : 0]), to: x)
  }
}
