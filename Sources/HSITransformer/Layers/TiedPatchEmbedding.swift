/// The patch embedding that all bands of an image share, `e = W₂ relu(W₁ vec(patch) + b₁) + b₂` with patches row-major and
/// W₁ of twice the width. Names `proj.0`, `proj.2`, with the shapes of three-dimensional convolutions. Source: LESS ViT (Si et al.,
/// arXiv 2503.12843).
public final class TiedPatchEmbedding {
  let first: Linear
  let second: Linear
  private let side: Int

  /// Patches of `side × side` pixels, tokens of `width` values.
  public init(_ scope: ParameterScope, side: Int, width: Int) {
    self.side = side
    let area = side * side
    // Xavier's bound of the flattened kernel; biases as convolutions of PyTorch start.
    func bound(_ input: Int, _ output: Int) -> Double { (6 / Double(input + output)).squareRoot() }
    first = Linear(
      scope["proj"][0], input: area, output: 2 * width, initialisation: .uniform(bound(area, 2 * width)),
      biasInitialisation: .uniform(1 / Double(side)), kernel: [1, 1, side, side])
    second = Linear(
      scope["proj"][2], input: 2 * width, output: width, initialisation: .uniform(bound(2 * width, width)),
      biasInitialisation: .uniform(1 / Double(2 * width).squareRoot()), kernelAxes: 3)
  }

  /// All parameters.
  public var parameters: [Parameter] { first.parameters + second.parameters }

  /// The patches of `[B, C, H, W]`, `[B · C · H W / side², side²]`: positions row-major, then the bands of a sample, then samples.
  public func patches(_ x: Variable, _ tape: Tape) -> Variable {
    let (batch, bands, rows, columns) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
    precondition(rows % side == 0 && columns % side == 0, "patches of \(side) in \(x.shape)")
    let cut = tape.pixelUnshuffle(tape.reshape(x, [batch * bands, rows, columns, 1]), by: side)
    return tape.reshape(cut, [x.value.count / (side * side), side * side])
  }

  /// Tokens `[…, width]` of patches `[…, side²]`.
  public func tokens(_ patches: Variable, _ tape: Tape) -> Variable {
    second(tape.activation(.relu, first(patches, tape)), tape)
  }

  /// `[B, C, H, W]` to `[B, C, H W / side², width]`, positions row-major; H and W are multiples of the side.
  public func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
    tape.reshape(
      tokens(patches(x, tape), tape), [x.shape[0], x.shape[1], x.shape[2] * x.shape[3] / (side * side), second.output])
  }
}
