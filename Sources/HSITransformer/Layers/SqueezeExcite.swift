/// Channel attention by squeeze and excitation: `y = x ⊙ σ(U ReLU(D m))`, m the mean of x over everything between the
/// first and the last axis, so for images `[B, H, W, C]` as for volumes `[B, D, H, W, C]`. No biases.
///
/// Names `fc.0` (D, `[C / reduction, C]`) and `fc.2` (U). Source: Hu, Shen, Sun, CVPR 2018.
public final class SqueezeExcite {
  let down: Linear
  let up: Linear

  /// A layer of `channels` channels, squeezed to `channels / reduction`.
  public init(
    _ scope: ParameterScope, channels: Int, reduction: Int = 16, initialisation: Initialisation = .fanInUniform
  ) {
    let width = max(channels / reduction, 1)
    let place = scope["fc"]
    down = Linear(place[0], input: channels, output: width, bias: false, initialisation: initialisation)
    up = Linear(place[2], input: width, output: channels, bias: false, initialisation: initialisation)
  }

  /// The linear maps that may carry adapters.
  public var linears: [Linear] { [down, up] }

  /// Applies the layer.
  public func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
    let axes = 1..<(x.shape.count - 1)
    let squeezed = tape.activation(.relu, down(tape.mean(x, over: axes), tape))
    return tape.multiply(x, tape.activation(.sigmoid, up(squeezed, tape)), repeatedOver: axes)
  }
}
