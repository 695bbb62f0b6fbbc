import HSITransformer

/// The block of LESS ViT on a grid of tokens `[B, C, N, D]`:
///
///     x ← x + γ₁ ⊙ attention(LN₁ x),   x ← x + γ₂ ⊙ MLP(LN₂ x)
///
/// In training both summands are subject to dropout and drop path. Names `norm1`, `attn`, `ls1`, `norm2`, `mlp`, `ls2`.
/// Source: Si et al., arXiv 2503.12843; arXiv 2605.18541.
final class LESSBlock {
  private enum Attention {
    case sequences(LESSAttention)
    case full(MultiHeadAttention)
  }
  private let norms: [LayerNorm]
  private let scales: [LayerScale]
  private let attention: Attention
  private let mlp: MLP
  private let dropout: Double
  private let dropPath: Double

  init(_ scope: ParameterScope, _ shape: LESSBlockShape, dropout: Double = 0, dropPath: Double = 0) {
    (self.dropout, self.dropPath) = (dropout, dropPath)
    norms = ["norm1", "norm2"].map { LayerNorm(scope[$0], channels: shape.width, epsilon: 1e-6) }
    attention =
      shape.attention == .full
      ? .full(
        MultiHeadAttention(
          scope["attn"], channels: shape.width, heads: shape.heads,
          normalisation: shape.normalisesQueries ? .layerNorm(epsilon: 1e-6) : .none, initialisation: .xavierUniform))
      : .sequences(
        LESSAttention(
          scope["attn"], width: shape.width, heads: shape.heads, channelWidthPerHead: shape.channelWidthPerHead,
          rank: shape.rank, normalisesQueries: shape.normalisesQueries, isAdditive: shape.attention == .additive))
    scales =
      shape.layerScale.map { value in
        ["ls1", "ls2"].map { LayerScale(scope[$0], channels: shape.width, value: Float(value)) }
      } ?? []
    mlp = MLP(scope["mlp"], channels: shape.width, hidden: shape.hidden, initialisation: .xavierUniform)
  }

  /// The linear maps that may carry adapters.
  var linears: [Linear] {
    switch attention {
    case .sequences(let layer): layer.linears + mlp.linears
    case .full(let layer): layer.linears + mlp.linears
    }
  }

  /// Applies the block; the shape stays.
  func callAsFunction(_ x: Variable, _ places: LESSPlaces, _ tape: Tape) -> Variable {
    let inner = add(attend(norms[0](x, tape), places, tape), 0, to: x, tape)
    return add(mlp(norms[1](inner, tape), tape), 1, to: inner, tape)
  }

  private func attend(_ x: Variable, _ places: LESSPlaces, _ tape: Tape) -> Variable {
    switch attention {
    case .sequences(let layer):
      return layer(x, bandRotary: places.bands, positionRotary: places.positions, mask: places.mask, tape)
    case .full(let layer):
      let (batch, bands, positions, width) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
      precondition(places.mask == nil, "full attention knows no perception field")
      let tokens = tape.reshape(x, [batch, bands * positions, width])
      return tape.reshape(layer(tokens, rotary: places.grid, tape), x.shape)
    }
  }

  private func add(_ y: Variable, _ index: Int, to x: Variable, _ tape: Tape) -> Variable {
    var y = Dropout.values(y, rate: dropout, tape)
    if !scales.isEmpty {
      guard tape.isTraining, dropPath > 0 else { return scales[index](y, addedTo: x, tape) }
      y = scales[index](y, tape)
    }
    return tape.add(x, Dropout.path(y, rate: dropPath, tape))
  }
}
