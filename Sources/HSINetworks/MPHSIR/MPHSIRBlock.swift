import HSITransformer

/// The block of MP-HSIR, "prompt-guided spatial-spectral transformer block", on `[B, H, W, C]`:
///
///     a = W(LN₁(x)),   x ← x + G(a) + L(a),   x ← x + MLP(LN₂(x))
///
/// W is attention in shifted windows of 8 × 8, G attention between channels over the whole image, L the spectral attention of every
/// window with its prompts: both take what W gives, and W itself is not added. In training both summands are subject to drop path.
/// The name `gobal_spectral_attn` is misspelt in the published files. Source: Wu et al., arXiv 2503.09131.
final class MPHSIRBlock {
  private let norm1: LayerNorm
  private let norm2: LayerNorm
  private let mlp: GatedMLP
  private let spatial: WindowAttention
  private let global: GlobalSpectralAttention
  private let local: LocalSpectralAttention
  private let window: Int
  private let shift: Int
  private let dropPath: Double
  private let windows: MPHSIRWindows

  /// A block of `channels` channels, shifted or not, whose spectral attention of windows has rank `channels / ratio`.
  init(
    _ scope: ParameterScope, _ configuration: MPHSIRConfiguration, channels: Int, heads: Int, ratio: Int,
    isShifted: Bool, dropPath: Double, windows: MPHSIRWindows
  ) {
    window = configuration.window
    shift = isShifted ? window / 2 : 0
    self.dropPath = dropPath
    self.windows = windows
    norm1 = LayerNorm(scope["norm1"], channels: channels)
    norm2 = LayerNorm(scope["norm2"], channels: channels)
    mlp = GatedMLP(scope["mlp"], channels: channels, hidden: configuration.hidden(channels))
    spatial = WindowAttention(scope["attn"], channels: channels, heads: heads, window: window)
    global = GlobalSpectralAttention(scope["gobal_spectral_attn"], channels: channels, heads: heads)
    local = LocalSpectralAttention(
      scope["local_spectral_attn"], channels: channels, ratio: ratio, prompts: configuration.prompts)
  }

  var linears: [Linear] { mlp.linears + spatial.linears + global.linears + local.linears }

  /// Applies the block; H and W are multiples of the window.
  func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
    let (batch, rows, columns, width) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
    let cut = windows.cut(rows: rows, columns: columns, window: window, shift: shift)
    let tokens = tape.rearrange(
      norm1(x, tape), cut.partition, width: width, shape: [batch * cut.windows, cut.positions, width])
    let mixed = spatial(windows: tokens, mask: cut.mask, tape)
    func image(_ windows: Variable) -> Variable {
      tape.rearrange(windows, cut.reverse, width: width, shape: x.shape)
    }
    let spectral = global(image(mixed), residual: image(local(mixed, tape)), tape)
    let inner = tape.add(x, Dropout.path(spectral, rate: dropPath, tape))
    guard tape.isTraining, dropPath > 0 else { return mlp(norm2(inner, tape), residual: inner, tape) }
    return tape.add(inner, Dropout.path(mlp(norm2(inner, tape), tape), rate: dropPath, tape))
  }
}

/// Blocks without and with shift in turn, with a residual around all of them.
final class MPHSIRStage {
  private let blocks: [MPHSIRBlock]

  /// A stage of `rates.count` blocks under `blocks`, with the drop-path rate of each.
  init(
    _ scope: ParameterScope, _ configuration: MPHSIRConfiguration, channels: Int, heads: Int, ratio: Int,
    rates: [Double], windows: MPHSIRWindows
  ) {
    blocks = rates.enumerated().map { index, rate in
      MPHSIRBlock(
        scope["blocks"][index], configuration, channels: channels, heads: heads, ratio: ratio,
        isShifted: index % 2 == 1, dropPath: rate, windows: windows)
    }
  }

  var linears: [Linear] { blocks.flatMap(\.linears) }

  func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
    tape.add(blocks.reduce(x) { $1($0, tape) }, x)
  }
}
