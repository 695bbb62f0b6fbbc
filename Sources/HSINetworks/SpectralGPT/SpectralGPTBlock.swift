import HSITransformer

/// The block of SpectralGPT, a plain one: `x ← x + attention(LN x)`, `x ← x + MLP(LN x)`, with maps of their own for queries, keys and
/// values. In training both summands are subject to drop path. Names `norm1`, `attn`, `norm2`, `mlp`.
final class SpectralGPTBlock {
  private let norms: [LayerNorm]
  private let attention: MultiHeadAttention
  private let mlp: MLP
  private let dropPath: Double

  init(_ scope: ParameterScope, width: Int, heads: Int, dropPath: Double = 0) {
    self.dropPath = dropPath
    norms = ["norm1", "norm2"].map { LayerNorm(scope[$0], channels: width, epsilon: 1e-6) }
    attention = MultiHeadAttention(
      scope["attn"], channels: width, heads: heads, isSeparate: true, initialisation: .xavierUniform)
    mlp = MLP(scope["mlp"], channels: width, hidden: 4 * width, initialisation: .xavierUniform)
  }

  var linears: [Linear] { attention.linears + mlp.linears }

  /// `[B, L, width]`; the shape stays.
  func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
    let inner = tape.add(x, Dropout.path(attention(norms[0](x, tape), tape), rate: dropPath, tape))
    return tape.add(inner, Dropout.path(mlp(norms[1](inner, tape), tape), rate: dropPath, tape))
  }
}

/// Embedding and blocks of SpectralGPT: tokens are cubes of `group` bands and `patch × patch` pixels. Names `patch_embed.proj` (a
/// three-dimensional convolution), `blocks`, `norm`.
final class SpectralGPTCore {
  private let configuration: SpectralGPTConfiguration
  private let embedding: Linear
  private let blocks: [SpectralGPTBlock]
  let norm: LayerNorm

  init(_ scope: ParameterScope, _ configuration: SpectralGPTConfiguration) {
    self.configuration = configuration
    let (area, width, depth) = (configuration.area, configuration.width, configuration.depth)
    embedding = Linear(
      scope["patch_embed"]["proj"], input: area, output: width,
      initialisation: .uniform((6 / Double(area + width)).squareRoot()),
      biasInitialisation: .uniform(1 / Double(area).squareRoot()),
      kernel: [1, configuration.group, configuration.patch, configuration.patch])
    blocks = (0..<depth).map {
      SpectralGPTBlock(
        scope["blocks"][$0], width: width, heads: configuration.heads,
        dropPath: depth > 1 ? configuration.dropPath * Double($0) / Double(depth - 1) : 0)
    }
    norm = LayerNorm(scope["norm"], channels: width, epsilon: 1e-6)
  }

  var linears: [Linear] { blocks.flatMap(\.linears) }

  /// The cubes of images `[B, bands, size, size]`: `[B, T · L, u p²]`, the group of bands slow.
  func cubes(_ image: Variable, _ tape: Tape) -> Variable {
    let (shape, side) = (image.shape, configuration.patch)
    precondition(
      shape.count == 4 && shape[1] == configuration.bands && shape[2] == configuration.size && shape[3] == shape[2],
      "SpectralGPT of \(configuration.bands) bands and \(configuration.size) pixels got images \(shape)")
    let cut = tape.pixelUnshuffle(tape.reshape(image, [shape[0] * shape[1], shape[2], shape[3], 1]), by: side)
    let parts = tape.reshape(
      cut, [shape[0], configuration.groups, configuration.group, configuration.positions, side * side])
    return tape.reshape(
      tape.permute(parts, [0, 1, 3, 2, 4]), [shape[0], configuration.tokens, configuration.area])
  }

  /// Tokens `[…, width]` of cubes `[…, u p²]`.
  func embed(_ cubes: Variable, _ tape: Tape) -> Variable { embedding(cubes, tape) }

  /// All blocks.
  func transform(_ x: Variable, _ tape: Tape) -> Variable { blocks.reduce(x) { $1($0, tape) } }
}
