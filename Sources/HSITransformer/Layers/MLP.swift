import CKernels

/// The MLP of vision transformers, `y = fc2(GELU(fc1 x))`, exact GELU. Names `fc1`, `fc2`.
///
/// Where nothing is recorded it works in pieces of rows whose hidden values stay in the cache, and needs no more memory than those.
public final class MLP: FeedForward {
  let first: Linear
  let second: Linear

  /// Widths `channels → hidden → channels`.
  public init(_ scope: ParameterScope, channels: Int, hidden: Int, initialisation: Initialisation = .fanInUniform) {
    first = Linear(scope["fc1"], input: channels, output: hidden, initialisation: initialisation)
    second = Linear(scope["fc2"], input: hidden, output: channels, initialisation: initialisation)
  }

  public var linears: [Linear] { [first, second] }

  public func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
    if !tape.isRecording, first.isFoldable(tape), second.isFoldable(tape) { return Variable(inPieces(x.value)) }
    return second(tape.activation(.gelu, first(x, tape)), tape)
  }

  /// Hidden values of a piece.
  private static let valuesOfPiece = 1 << 19

  private func inPieces(_ x: Tensor) -> Tensor {
    let (channels, hidden) = (first.input, second.input)
    let rows = x.count / channels
    let piece = min(rows, max(96, MLP.valuesOfPiece / hidden / 96 * 96))
    let y = Tensor(uninitialised: x.shape)
    let values = Tensor(uninitialised: [piece, hidden])
    for start in stride(from: 0, to: rows, by: max(piece, 1)) {
      let count = min(piece, rows - start)
      first.forward(x.pointer + start * channels, rows: count, values.output)
      _ = hsi_activation_forward(Int32(HSI_GELU), values.pointer, count * hidden, 0, values.output)
      second.forward(values.pointer, rows: count, y.output + start * channels)
    }
    return y
  }
}
