/// What window attention does between its two linear maps: queries, keys and values of an image in, mixed values out.
///
///     y_i = Σ_j softmax_j(q_i k_j / √d + bias + mask) v_j,   i, j in one window
///
/// Padded positions hold zeros before the map that makes queries, keys and values, so theirs are its bias. Where one window
/// covers the whole image they share one key and value (or have none, with `attendsPadding` false).
package final class WindowMixing {
  /// Biases by relative position.
  package let bias: RelativePositionBias
  /// Number of heads.
  let heads: Int
  /// Whether padded positions take part.
  let attendsPadding: Bool
  private var maps: [WindowGeometry: (partition: RowMap, reverse: RowMap)] = [:]
  private var masks: [WindowGeometry: Tensor] = [:]
  private var paddingMasks: [WindowGeometry: Tensor] = [:]

  /// Parameters are those of `RelativePositionBias`.
  package init(
    _ scope: ParameterScope, heads: Int, window: Int, storesIndex: Bool, attendsPadding: Bool,
    initialisation: Initialisation = .truncatedNormal(0.02)
  ) {
    self.heads = heads
    self.attendsPadding = attendsPadding
    bias = RelativePositionBias(
      scope, window: window, heads: heads, storesIndex: storesIndex, initialisation: initialisation)
  }

  /// Ready windows `[N, w², 3C]`; `mask` `[M, w², w²]` is added, window n takes mask `n mod M`.
  func callAsFunction(windows x: Variable, mask: Tensor?, _ tape: Tape) -> Variable {
    packedAttention(x, heads: heads, bias: bias(tape), mask: mask, tape)
  }

  /// The windows of an image `[B, H, W, 3C]`; the result is `[B, H, W, C]`.
  ///
  /// - Parameters:
  ///   - padded: queries, keys and values of a padded position, `[3C]`.
  ///   - shift: cyclic shift; positions that meet only through it are masked with −100, unless `isMasked` is false.
  package func callAsFunction(
    _ tokens: Variable, padded: Variable, shift: Int = 0, masks isMasked: Bool = true, _ tape: Tape
  ) -> Variable {
    let (batch, rows, columns, width) = (tokens.shape[0], tokens.shape[1], tokens.shape[2], tokens.shape[3])
    let geometry = WindowGeometry(rows: rows, columns: columns, window: bias.window, shift: shift)
    if geometry.windows == 1, geometry.isPadded, shift == 0 {
      return sharedPadding(tokens, padded, tape)
    }
    let (partition, reverse) = rowMaps(geometry)
    let windows = tape.rearrange(
      tokens, partition, width: width, fill: padded, shape: [batch * geometry.windows, geometry.positions, width])
    let isShifted = shift > 0 && isMasked
    let mask =
      geometry.isPadded && !attendsPadding
      ? paddingMask(geometry, isShifted: isShifted) : isShifted ? shiftMask(geometry) : nil
    let mixed = self(windows: windows, mask: mask, tape)
    return tape.rearrange(mixed, reverse, width: width / 3, shape: [batch, rows, columns, width / 3])
  }

  private func sharedPadding(_ tokens: Variable, _ padded: Variable, _ tape: Tape) -> Variable {
    let (batch, rows, columns, width) = (tokens.shape[0], tokens.shape[1], tokens.shape[2], tokens.shape[3])
    let count = rows * columns
    let positions = (0..<count).map { $0 / columns * bias.window + $0 % columns }
    let mixed = packedAttention(
      tape.reshape(tokens, [batch, count, width]), heads: heads, bias: bias.bias(positions, tape),
      padding: attendsPadding ? (padded, bias.paddingBias(positions, tape)) : nil, tape)
    return tape.reshape(mixed, [batch, rows, columns, width / 3])
  }

  private func rowMaps(_ geometry: WindowGeometry) -> (partition: RowMap, reverse: RowMap) {
    if let known = maps[geometry] { return known }
    let partition = geometry.partition
    let made = (partition, partition.inverse)
    maps[geometry] = made
    return made
  }

  private func shiftMask(_ geometry: WindowGeometry) -> Tensor {
    if let known = masks[geometry] { return known }
    let made = geometry.shiftMask()
    masks[geometry] = made
    return made
  }

  /// The mask that leaves padded keys out, with the mask of shifted windows where it is wanted.
  private func paddingMask(_ geometry: WindowGeometry, isShifted: Bool) -> Tensor {
    if let known = paddingMasks[geometry] { return known }
    let length = geometry.positions
    var mask = isShifted ? shiftMask(geometry).copy() : Tensor.zeros([geometry.windows, length, length])
    let sources = geometry.partition.sources
    mask.withMutableValues { values in
      for index in values.indices where sources[index / (length * length) * length + index % length] < 0 {
        values[index] = -1e4
      }
    }
    paddingMasks[geometry] = mask
    return mask
  }
}
