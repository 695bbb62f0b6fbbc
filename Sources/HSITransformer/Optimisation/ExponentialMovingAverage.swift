/// A slowly moving copy of a network's trainable weights and its buffers: `a ← d·a + (1 − d)·w`, whose noise is smaller than theirs.
///
/// The decay of step t is `min(decay, (1 + t) / (10 + t))`, so that the start does not weigh on it.
public final class ExponentialMovingAverage {
  /// d.
  public let decay: Double
  private let store: ParameterStore
  private var averages: [Tensor]
  private var steps = 0

  /// Starts at the present weights.
  public init(_ store: ParameterStore, decay: Double = 0.999) {
    self.store = store
    self.decay = decay
    averages = store.parameters.map { $0.value.copy() }
  }

  /// Moves towards the present weights.
  public func update() {
    steps += 1
    let keep = Float(min(decay, Double(1 + steps) / Double(10 + steps)))
    for (index, parameter) in store.parameters.enumerated() {
      // d·w + (1 − d)·w differs from w by rounding: weights that do not learn stay what they are.
      guard parameter.isTrainable || parameter.isBuffer else { continue }
      if parameter.isInteger {
        averages[index] = parameter.value.copy()
        continue
      }
      let source = parameter.value.pointer
      averages[index].withMutableValues {
        for i in $0.indices { $0[i] = keep * $0[i] + (1 - keep) * source[i] }
      }
    }
  }

  /// Exchanges the averages with the weights: call it before an evaluation, and again after it.
  public func swap() {
    for (index, parameter) in store.parameters.enumerated() {
      let value = parameter.value
      parameter.set(averages[index])
      averages[index] = value
    }
  }

  /// The averages as named tensors, and the step count, for a checkpoint.
  public var state: [(name: String, value: Tensor)] {
    [("steps", Tensor([1], [Float(steps)]))] + zip(store.parameters, averages).map { ($0.name, $1) }
  }

  /// Restores what `state` gave.
  public func restore(_ tensor: (String) throws -> Tensor?) rethrows {
    guard let count = try tensor("steps") else { return }
    steps = min(max(0, Int(clamping: count.values[0])), 1 << 53)
    for (index, parameter) in store.parameters.enumerated() {
      if let value = try tensor(parameter.name), value.count == parameter.value.count {
        averages[index] = value.reshaped(parameter.shape)
      }
    }
  }
}
