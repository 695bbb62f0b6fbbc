import CKernels

/// Multi-head attention of sequences whose queries, keys and values come from one map, in one fused kernel that keeps no score
/// tensor; the probabilities are computed again on the way back.
///
/// - Parameters:
///   - x: `[N, L, 3C]`: queries, keys, values, each `heads · C / heads`. Queries are scaled by `(C / heads)^−½`.
///   - bias: `[heads, L, L]`, shared by the sequences.
///   - mask: `[M, L, L]`, added; sequence n takes mask `n mod M`.
///   - padding: one more key and value that all sequences share: their row `[3C]` (the query in it is not used), and
///     their bias `[heads, L]`.
/// - Returns: `[N, L, C]`.
func packedAttention(
  _ x: Variable, heads: Int, bias: Variable, mask: Tensor? = nil, padding: (row: Variable, bias: Variable)? = nil,
  _ tape: Tape
) -> Variable {
  let step = PackedAttention(x: x, heads: heads, bias: bias, mask: mask, padding: padding)
  let y = step.forward()
  return tape.record(y, inputs: [x, bias] + (padding.map { [$0.row, $0.bias] } ?? [])) { step }
}

private struct PackedAttention: TapeOperation {
  let x: Variable
  let heads: Int
  let bias: Variable
  let mask: Tensor?
  let padding: (row: Variable, bias: Variable)?

  private var channels: Int { x.shape[2] / 3 }

  private var kernel: hsi_attention {
    let (tokens, width) = (x.shape[1], channels / heads)
    precondition(bias.value.count == heads * tokens * tokens, "attention of \(x.shape) with bias \(bias.shape)")
    var kernel = hsi_attention()
    kernel.windows = x.shape[0]
    kernel.tokens = tokens
    kernel.heads = heads
    kernel.width = width
    kernel.qkv = x.value.pointer
    kernel.scale = 1 / Float(width).squareRoot()
    kernel.bias = bias.value.pointer
    if let mask {
      kernel.mask = mask.pointer
      kernel.masks = mask.count / (tokens * tokens)
    }
    if let padding {
      kernel.extra_key = padding.row.value.pointer + channels
      kernel.extra_value = padding.row.value.pointer + 2 * channels
      kernel.extra_bias = padding.bias.value.pointer
    }
    return kernel
  }

  func forward() -> Tensor {
    var kernel = kernel
    let y = Tensor(uninitialised: [x.shape[0], x.shape[1], channels])
    let scratch = ThreadScratch { hsi_attention_forward_scratch_size(&kernel, $0) }
    hsi_attention_forward(&kernel, y.output, scratch.pointer, scratch.threads)
    return y
  }

  func backward(_ gradient: Tensor, _ gradients: inout Gradients) {
    var kernel = kernel
    let scratch = ThreadScratch { hsi_attention_backward_scratch_size(&kernel, $0) }
    let dx = Tensor(uninitialised: x.shape)
    var targets = hsi_attention_gradients()
    targets.dqkv = dx.output
    func target(_ variable: Variable?) -> Tensor? {
      guard let variable, variable.needsGradient else { return nil }
      return Tensor.zeros(variable.shape)
    }
    let (biasGradient, rowGradient, rowBiasGradient) = (target(bias), target(padding?.row), target(padding?.bias))
    targets.dbias = biasGradient?.output
    if let rowGradient {
      targets.dextra_key = rowGradient.output + channels
      targets.dextra_value = rowGradient.output + 2 * channels
    }
    targets.dextra_bias = rowBiasGradient?.output
    hsi_attention_backward(&kernel, gradient.pointer, &targets, scratch.pointer, scratch.threads)
    gradients.add(dx, to: x)
    if let biasGradient { gradients.add(biasGradient, to: bias) }
    if let padding {
      if let rowGradient { gradients.add(rowGradient, to: padding.row) }
      if let rowBiasGradient { gradients.add(rowBiasGradient, to: padding.bias) }
    }
  }
}
