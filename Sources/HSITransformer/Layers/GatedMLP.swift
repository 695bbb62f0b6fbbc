import CKernels

/// The MLP `y = fc2(a ⊙ GELU(g))`, `[a; g] = fc1(x)`, whose second half is activated (exact GELU). Names `fc1`, `fc2`.
/// Source: MP-HSIR (Wu, Chen, Yokoya, He, arXiv 2503.09131).
///
/// Where nothing is recorded it works in pieces of rows whose hidden values stay in the cache, and needs no more memory than those.
public final class GatedMLP: FeedForward {
  let first: Linear
  let second: Linear

  /// Widths `channels → 2 · hidden → channels`.
  public init(_ scope: ParameterScope, channels: Int, hidden: Int) {
    first = Linear(scope["fc1"], input: channels, output: 2 * hidden)
    second = Linear(scope["fc2"], input: hidden, output: channels)
  }

  public var linears: [Linear] { [first, second] }

  public func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable { self(x, residual: nil, tape) }

  /// The layer with a value of its output's shape that is added.
  public func callAsFunction(_ x: Variable, residual: Variable?, _ tape: Tape) -> Variable {
    if !tape.isRecording, first.isFoldable(tape), second.isFoldable(tape) {
      return Variable(inPieces(x.value, residual: residual?.value))
    }
    return second(tape.geluGate(first(x, tape)), residual: residual, tape)
  }

  /// Hidden values of a piece, both halves.
  private static let valuesOfPiece = 1 << 20

  private func inPieces(_ x: Tensor, residual: Tensor?) -> Tensor {
    let (channels, hidden) = (first.input, second.input)
    let rows = x.count / channels
    let piece = min(rows, max(96, GatedMLP.valuesOfPiece / (2 * hidden) / 96 * 96))
    let y = Tensor(uninitialised: x.shape)
    let (halves, gated) = (Tensor(uninitialised: [piece, 2 * hidden]), Tensor(uninitialised: [piece, hidden]))
    for start in stride(from: 0, to: rows, by: piece) {
      let count = min(piece, rows - start)
      first.forward(x.pointer + start * channels, rows: count, halves.output)
      hsi_gelu_gate_forward(halves.pointer, count, hidden, 0, gated.output)
      second.forward(
        gated.pointer, rows: count, residual: residual.map { $0.pointer + start * channels },
        y.output + start * channels)
    }
    return y
  }
}
