extension Tape {
  /// A parameter as a value of the pass, for layers that compute with it directly (tables, tokens, factors).
  public func variable(_ parameter: Parameter) -> Variable {
    record(parameter.value, inputs: [], parameters: [parameter]) { ParameterRead(parameter: parameter) }
  }
}

private struct ParameterRead: TapeOperation {
  let parameter: Parameter
  func backward(_ gradient: Tensor, _ gradients: inout Gradients) { parameter.accumulate(gradient) }
}

extension Parameter {
  /// Adds a gradient of the shape of the value.
  func accumulate(_ gradient: Tensor) {
    precondition(gradient.count == value.count, "\(name): gradient \(gradient.shape) for \(shape)")
    accumulate { Elementwise.add(gradient, onto: $0) }
  }
}
