import CKernels

/// Adam (Kingma, Ba 2015); weight decay is added to the gradient.
///
///     g ← g + decay · w,  m ← β₁ m + (1 − β₁) g,  v ← β₂ v + (1 − β₂) g²
///     w ← w − rate · (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε)
public struct Adam: UpdateRule, Equatable {
  /// β₁, β₂, ε.
  public var beta1, beta2, epsilon: Double

  /// The usual constants by default.
  public init(beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8) {
    (self.beta1, self.beta2, self.epsilon) = (beta1, beta2, epsilon)
  }

  public func start(_ parameter: Parameter) -> UpdateState { AdamKernel.start(parameter.shape) }

  public func update(_ parameter: Parameter, _ step: UpdateStep, _ state: inout UpdateState) {
    AdamKernel.update(parameter, step, &state, beta1, beta2, epsilon, isDecoupled: false)
  }
}

/// AdamW (Loshchilov, Hutter 2019): Adam, but weights shrink by rate · decay beside the step.
public struct AdamW: UpdateRule, Equatable {
  /// β₁, β₂, ε.
  public var beta1, beta2, epsilon: Double

  /// The usual constants by default.
  public init(beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8) {
    (self.beta1, self.beta2, self.epsilon) = (beta1, beta2, epsilon)
  }

  public func start(_ parameter: Parameter) -> UpdateState { AdamKernel.start(parameter.shape) }

  public func update(_ parameter: Parameter, _ step: UpdateStep, _ state: inout UpdateState) {
    AdamKernel.update(parameter, step, &state, beta1, beta2, epsilon, isDecoupled: true)
  }
}

/// The kernel that both rules call.
enum AdamKernel {
  static func start(_ shape: [Int]) -> UpdateState {
    UpdateState([("first", .zeros(shape)), ("second", .zeros(shape))])
  }

  static func update(
    _ parameter: Parameter, _ step: UpdateStep, _ state: inout UpdateState, _ beta1: Double, _ beta2: Double,
    _ epsilon: Double, isDecoupled: Bool
  ) {
    parameter.update { weights in
      guard let weights = weights.baseAddress else { return }
      update(weights, step, &state, beta1, beta2, epsilon, isDecoupled: isDecoupled)
    }
  }

  /// The same on bare values, as many as the gradient has.
  static func update(
    _ weights: UnsafeMutablePointer<Float>, _ step: UpdateStep, _ state: inout UpdateState, _ beta1: Double,
    _ beta2: Double, _ epsilon: Double, isDecoupled: Bool
  ) {
    var settings = hsi_adam(
      learning_rate: step.rate, beta1: beta1, beta2: beta2, epsilon: epsilon, weight_decay: step.decay,
      decoupled: isDecoupled ? 1 : 0, gradient_scale: step.scale, step: state.steps)
    // The moments belong to the state alone: their memory stays where it is until the state goes.
    guard let first = state.tensors[0].value.withMutableValues(\.baseAddress),
      let second = state.tensors[1].value.withMutableValues(\.baseAddress)
    else { return }
    hsi_adam_step(&settings, weights, step.gradient.pointer, step.gradient.count, first, second)
  }
}

extension UpdateRule where Self == Adam {
  /// Adam.
  public static func adam(beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8) -> Self {
    Self(beta1: beta1, beta2: beta2, epsilon: epsilon)
  }
}

extension UpdateRule where Self == AdamW {
  /// AdamW.
  public static func adamW(beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8) -> Self {
    Self(beta1: beta1, beta2: beta2, epsilon: epsilon)
  }
}
