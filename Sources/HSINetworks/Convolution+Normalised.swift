import HSITransformer

extension Convolution {
  /// Convolution, batch normalisation and an activation, swish by default; folded where nothing is recorded.
  func normalised(_ x: Variable, _ norm: BatchNorm, activation: Activation = .silu, _ tape: Tape) -> Variable {
    let h = tape.isRecording ? norm(self(x, tape), tape) : Variable(inference(x.value, norm.runningAffine))
    return tape.activation(activation, h)
  }
}
