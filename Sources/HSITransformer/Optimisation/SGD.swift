import CKernels

/// Stochastic gradient descent with momentum; weight decay is added to the gradient.
///
///     v ← μ v + g + decay · w,  w ← w − rate · v
public struct SGD: UpdateRule, Equatable {
  /// μ.
  public var momentum: Double

  /// Momentum 0.9 by default.
  public init(momentum: Double = 0.9) { self.momentum = momentum }

  public func start(_ parameter: Parameter) -> UpdateState { UpdateState([("first", .zeros(parameter.shape))]) }

  public func update(_ parameter: Parameter, _ step: UpdateStep, _ state: inout UpdateState) {
    state.tensors[0].value.withMutableValues { velocity in
      parameter.update { weights in
        guard let velocity = velocity.baseAddress, let weights = weights.baseAddress else { return }
        hsi_sgd_step(
          step.rate, momentum, step.decay, step.scale, 0, weights, step.gradient.pointer, step.gradient.count, velocity)
      }
    }
  }
}

extension UpdateRule where Self == SGD {
  /// Stochastic gradient descent.
  public static func sgd(momentum: Double = 0.9) -> Self { Self(momentum: momentum) }
}
