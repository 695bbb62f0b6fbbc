/// A convolution in the spectrum: every value of the result depends on the whole image.
///
///     F⁻¹( relu(norm(W F x)) )
///
/// F is the transform of the channel planes (`Tape.planeSpectrum`), W a matrix over real and imaginary parts of all channels of one
/// frequency, the same for all frequencies. `[B, H, W, input]` to `[B, H, W, output]`. Parameters: `conv.weight`
/// `[2 output, 2 input, 1, 1]`, `norm.*`. Source: Chi, Jiang, Mu, "Fast Fourier convolution", NeurIPS 2020.
public final class FourierUnit {
  /// W.
  public let convolution: Linear
  private let norm: BatchNorm

  /// A unit for so many channels.
  public init(_ scope: ParameterScope, input: Int, output: Int) {
    convolution = Linear(scope["conv"], input: 2 * input, output: 2 * output, bias: false, kernelAxes: 2)
    norm = BatchNorm(scope["norm"], channels: 2 * output)
  }

  /// Applies the layer.
  public func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
    let mixed = norm(convolution(tape.planeSpectrum(x), tape), tape)
    return tape.planeImage(tape.activation(.relu, mixed), columns: x.shape[2])
  }
}

/// The global path of a fast Fourier convolution: `W₂ (h + unit(h))`, `h = relu(norm(W₁ x))` of half the width of the result.
///
/// With stride 2 `x` is first the mean over 2 × 2 pixels. Parameters: `conv1.weight`, `norm1.*`, `unit.*`, `conv2.weight`. The unit on
/// quarters of the image that the paper adds is left out.
final class GlobalFourierPath {
  private let first, second: Linear
  private let norm: BatchNorm
  private let unit: FourierUnit
  private let stride: Int

  init(_ scope: ParameterScope, input: Int, output: Int, stride: Int) {
    let width = max(1, output / 2)
    self.stride = stride
    first = Linear(scope["conv1"], input: input, output: width, bias: false, kernelAxes: 2)
    norm = BatchNorm(scope["norm1"], channels: width)
    unit = FourierUnit(scope["unit"], input: width, output: width)
    second = Linear(scope["conv2"], input: width, output: output, bias: false, kernelAxes: 2)
  }

  var linears: [Linear] { [first, unit.convolution, second] }

  func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
    let h = tape.activation(.relu, norm(first(stride == 2 ? halved(x, tape) : x, tape), tape))
    return second(tape.add(h, unit(h, tape)), tape)
  }

  /// Means over 2 × 2 pixels.
  private func halved(_ x: Variable, _ tape: Tape) -> Variable {
    let (batch, rows, columns, channels) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
    precondition(rows % 2 == 0 && columns % 2 == 0, "\(x.shape) has no halves")
    let pairs = tape.mean(tape.reshape(x, [batch, rows / 2, 2, columns * channels]), over: 2..<3)
    return tape.mean(tape.reshape(pairs, [batch, rows / 2, columns / 2, 2, channels]), over: 3..<4)
  }
}
