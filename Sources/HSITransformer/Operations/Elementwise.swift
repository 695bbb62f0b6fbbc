import CKernels

/// An activation function.
public enum Activation: String, Sendable, Codable, CaseIterable {
  /// `max(x, 0)`.
  case relu
  /// `x` for x > 0, else `0.01 x`.
  case leakyReLU
  /// `x Φ(x)` with the exact normal distribution function (erf).
  case gelu
  /// The tanh approximation of GELU.
  case geluTanh
  /// `x σ(x)`, also called swish.
  case silu
  /// `1 / (1 + exp(−x))`.
  case sigmoid
  /// Hyperbolic tangent.
  case tanh

  var kernel: hsi_activation {
    switch self {
    case .relu: HSI_ACTIVATION_RELU
    case .leakyReLU: HSI_ACTIVATION_LEAKY_RELU
    case .gelu: HSI_ACTIVATION_GELU
    case .geluTanh: HSI_ACTIVATION_GELU_TANH
    case .silu: HSI_ACTIVATION_SILU
    case .sigmoid: HSI_ACTIVATION_SIGMOID
    case .tanh: HSI_ACTIVATION_TANH
    }
  }
}

/// Arithmetic on all values of tensors of equal count; one pass each.
enum Elementwise {
  /// `a + b`.
  static func add(_ a: Tensor, _ b: Tensor) -> Tensor {
    let y = Tensor(uninitialised: a.shape)
    hsi_add(a.pointer, b.pointer, a.count, y.output)
    return y
  }

  /// `sum ← sum + scale · x`, after copying `sum` when it is shared.
  static func add(_ x: Tensor, scale: Float = 1, into sum: inout Tensor) {
    if !sum.isUnique { sum = sum.copy() }
    hsi_axpy(scale, x.pointer, x.count, sum.output)
  }

  /// `sum ← sum + scale · x` for a tensor that the caller has just made.
  static func add(_ x: Tensor, scale: Float = 1, into sum: Tensor) {
    hsi_axpy(scale, x.pointer, x.count, sum.output)
  }

  /// `a ⊙ b`.
  static func multiply(_ a: Tensor, _ b: Tensor) -> Tensor {
    let y = Tensor(uninitialised: a.shape)
    hsi_multiply(a.pointer, b.pointer, a.count, y.output)
    return y
  }

  /// The function of every value.
  static func apply(_ function: Activation, _ x: Tensor) -> Tensor {
    let y = Tensor(uninitialised: x.shape)
    hsi_activation_forward(function.kernel, x.pointer, x.count, y.output)
    return y
  }

  /// The gradient of the input of a function from that of its output. Sigmoid and tanh use `output`, the others `input`.
  static func backward(_ function: Activation, _ gradient: Tensor, input: Tensor, output: Tensor) -> Tensor {
    let dx = Tensor(uninitialised: gradient.shape)
    let usesOutput = function == .sigmoid || function == .tanh
    hsi_activation_backward(
      function.kernel, (usesOutput ? output : input).pointer, gradient.pointer, gradient.count, dx.output)
    return dx
  }

  /// The gradient before a leaky rectifier, whose side is told by the sign of its output.
  static func leakyBackward(_ gradient: Tensor, output: Tensor, leak: Float) -> Tensor {
    let dx = Tensor(uninitialised: gradient.shape)
    hsi_leaky_backward(output.pointer, gradient.pointer, gradient.count, leak, dx.output)
    return dx
  }

  /// `Σ x²` in double precision.
  static func sumOfSquares(_ x: Tensor) -> Double {
    let scratch = Tensor(uninitialised: [hsi_sum_of_squares_scratch_size(x.count)])
    return hsi_sum_of_squares(x.pointer, x.count, scratch.output)
  }
}
