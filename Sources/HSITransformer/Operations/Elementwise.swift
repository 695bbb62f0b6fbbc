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

  /// The kernel's number of the function, and the slope that rectifiers have for negative values.
  var kernel: (kind: Int32, slope: Float) {
    switch self {
    case .relu: (Int32(HSI_LEAKY_RELU), 0)
    case .leakyReLU: (Int32(HSI_LEAKY_RELU), 0.01)
    case .gelu: (Int32(HSI_GELU), 0)
    case .geluTanh: (Int32(HSI_GELU_TANH), 0)
    case .silu: (Int32(HSI_SILU), 0)
    case .sigmoid: (Int32(HSI_SIGMOID), 0)
    case .tanh: (Int32(HSI_TANH), 0)
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
    hsi_axpy(x.pointer, x.count, scale, sum.output)
  }

  /// `sum ← sum + scale · x` for a tensor that the caller has just made.
  static func add(_ x: Tensor, scale: Float = 1, into sum: Tensor) {
    hsi_axpy(x.pointer, x.count, scale, sum.output)
  }

  /// `sum ← sum + x` in memory that the caller holds alone.
  static func add(_ x: Tensor, onto sum: UnsafeMutablePointer<Float>) { hsi_axpy(x.pointer, x.count, 1, sum) }

  /// `a ⊙ b`.
  static func multiply(_ a: Tensor, _ b: Tensor) -> Tensor {
    let y = Tensor(uninitialised: a.shape)
    hsi_multiply(a.pointer, b.pointer, a.count, y.output)
    return y
  }

  /// The function of every value.
  static func apply(_ function: Activation, _ x: Tensor) -> Tensor {
    let y = Tensor(uninitialised: x.shape)
    _ = hsi_activation_forward(function.kernel.kind, x.pointer, x.count, function.kernel.slope, y.output)
    return y
  }

  /// The gradient of the input of a function from that of its output. Sigmoid and tanh use `output`, the others `input`.
  static func backward(_ function: Activation, _ gradient: Tensor, input: Tensor, output: Tensor) -> Tensor {
    let dx = Tensor(uninitialised: gradient.shape)
    let usesOutput = function == .sigmoid || function == .tanh
    _ = hsi_activation_backward(
      function.kernel.kind, (usesOutput ? output : input).pointer, gradient.pointer, gradient.count,
      function.kernel.slope, dx.output)
    return dx
  }

  /// The gradient before a leaky rectifier, whose side is told by the sign of its output.
  static func leakyBackward(_ gradient: Tensor, output: Tensor, leak: Float) -> Tensor {
    let dx = Tensor(uninitialised: gradient.shape)
    _ = hsi_activation_backward(
      Int32(HSI_LEAKY_RELU), output.pointer, gradient.pointer, gradient.count, leak, dx.output)
    return dx
  }

  /// `Σ x²` in double precision.
  static func sumOfSquares(_ x: Tensor) -> Double {
    let scratch = Tensor(uninitialised: [hsi_sum_scratch_size(x.count)])
    return hsi_sum_of_squares(x.pointer, x.count, scratch.output)
  }
}
