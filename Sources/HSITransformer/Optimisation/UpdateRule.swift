/// What a rule remembers about one parameter.
public struct UpdateState: Sendable {
  /// Updates so far.
  public var steps = 0
  /// Moments and whatever else, by the names under which a training state stores them.
  public var tensors: [(name: String, value: Tensor)]

  /// A state without history.
  public init(_ tensors: [(name: String, value: Tensor)] = []) { self.tensors = tensors }
}

/// One change that a rule is asked for.
public struct UpdateStep {
  /// The gradient; it counts as if multiplied by `scale` (clipping).
  public var gradient: Tensor
  /// Factor on the gradient.
  public var scale: Double
  /// Learning rate.
  public var rate: Double
  /// Weight decay.
  public var decay: Double
}

/// A rule that turns gradients into changes of weights, with a memory of its own for every parameter: one file with one type.
///
/// Contract of every rule: the change of a parameter depends on its value, its state, and the step alone, so that training
/// that was saved and restored ends with the same bits; `restored` gives back what `tensors` of a state held.
public protocol UpdateRule: Sendable {
  /// The rule with its numbers: part of what a saved state is recognised by.
  var settings: String { get }

  /// A state without history; asked for when the first gradient of a parameter arrives.
  func start(_ parameter: Parameter) -> UpdateState

  /// Changes the parameter and the state, whose `steps` counts this one already.
  func update(_ parameter: Parameter, _ step: UpdateStep, _ state: inout UpdateState)

  /// The state of a parameter from stored tensors. By default those of `start`, of the same shapes.
  ///
  /// - Parameter tensor: the stored one of a name, nil where there is none.
  /// - Throws: `TransformerError` where the stored tensors are not those of this rule.
  func restored(_ parameter: Parameter, from tensor: (String) throws -> Tensor?) throws -> UpdateState

  /// Brings a value that is not its own, such as an average over updates, to the form that its updates keep (zeros at the places of a
  /// pattern). Nothing by default.
  func conform(_ parameter: Parameter)
}

extension UpdateRule {
  public var settings: String { String(describing: self) }

  public func conform(_ parameter: Parameter) {}

  public func restored(_ parameter: Parameter, from tensor: (String) throws -> Tensor?) throws -> UpdateState {
    var state = start(parameter)
    for (index, fresh) in state.tensors.enumerated() {
      let name = "\(parameter.name).\(fresh.name)"
      guard let stored = try tensor(fresh.name) else {
        throw TransformerError.missingTensor(
          path: "the training state", tensor: name, model: fresh.value.shape, instead: nil)
      }
      guard stored.count == fresh.value.count else {
        throw TransformerError.shapeMismatch(
          path: "the training state", tensor: name, file: stored.shape, model: fresh.value.shape)
      }
      state.tensors[index].value = stored.reshaped(fresh.value.shape)
    }
    return state
  }
}
