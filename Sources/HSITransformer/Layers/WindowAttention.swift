/// Multi-head attention inside windows of an image, with relative position biases.
///
///     q, k, v = qkv(x);   y = proj(softmax(q kᵀ / √d + bias + mask) v),   d = C / heads
///
/// Names under `scope`: `qkv`, `proj`, `relative_position_bias_table` (and `relative_position_index`). Sources: Liu et al.,
/// Swin Transformer, ICCV 2021; used by LoLA-SpecViT (any image size, padded positions take part unmasked) and MP-HSIR.
///
/// Padded positions hold zeros before `qkv`, so their query, key and value are its bias. Where one window covers the whole
/// image they share one key and value, and neither `qkv` nor `proj` ever sees them: exact, and 3 to 12 times less work for
/// 4 × 4 and 2 × 2 tokens in windows of 7 × 7.
public final class WindowAttention {
  /// C → 3C: queries, keys, values.
  public let qkv: Linear
  /// C → C.
  public let projection: Linear
  /// Biases by relative position.
  public let bias: RelativePositionBias
  /// Number of heads.
  public let heads: Int
  /// Whether padded positions take part.
  public let attendsPadding: Bool
  private var maps: [WindowGeometry: (partition: RowMap, reverse: RowMap)] = [:]
  private var masks: [WindowGeometry: Tensor] = [:]
  private var paddingMasks: [WindowGeometry: Tensor] = [:]

  /// A layer whose linear maps `makeLinear(scope, in, out)` makes, so that they may carry adapters from the start. With
  /// `attendsPadding` false padded positions are left out of the softmax.
  public init(
    _ scope: ParameterScope, channels: Int, heads: Int, window: Int, storesIndex: Bool = false,
    attendsPadding: Bool = true, makeLinear: (ParameterScope, Int, Int) -> Linear = { Linear($0, input: $1, output: $2) }
  ) {
    self.heads = heads
    self.attendsPadding = attendsPadding
    bias = RelativePositionBias(scope, window: window, heads: heads, storesIndex: storesIndex)
    qkv = makeLinear(scope["qkv"], channels, 3 * channels)
    projection = makeLinear(scope["proj"], channels, channels)
  }

  /// The linear maps that may carry adapters.
  public var linears: [Linear] { [qkv, projection] }

  private var channels: Int { projection.input }
  private var window: Int { bias.window }

  /// Attention inside ready windows `[N, w², C]`; `mask` `[M, w², w²]` is added, window n takes mask `n mod M`.
  public func callAsFunction(windows x: Variable, mask: Tensor? = nil, _ tape: Tape) -> Variable {
    projection(attend(qkv(x, tape), mask: mask, tape), tape)
  }

  /// Attention inside the windows of images `[B, H, W, C]`.
  ///
  /// - Parameters:
  ///   - shift: cyclic shift; positions that meet only through it are masked with −100.
  ///   - masks: false leaves that mask away.
  public func callAsFunction(_ x: Variable, shift: Int = 0, masks isMasked: Bool = true, _ tape: Tape) -> Variable {
    let (batch, rows, columns) = (x.shape[0], x.shape[1], x.shape[2])
    let geometry = WindowGeometry(rows: rows, columns: columns, window: window, shift: shift)
    let tokens = qkv(x, tape)
    if geometry.windows == 1, geometry.isPadded, shift == 0 {
      return projection(sharedPadding(tokens, batch: batch, rows: rows, columns: columns, tape), tape)
    }
    let (partition, reverse) = rowMaps(geometry)
    let windows = rearrange(
      tokens, partition, width: 3 * channels, fill: paddedRow(tape),
      shape: [batch * geometry.windows, geometry.positions, 3 * channels], tape)
    let needsMask = shift > 0 && isMasked
    let mixed = attend(
      windows, mask: geometry.isPadded && !attendsPadding ? paddingMask(geometry, needsMask) : needsMask ? mask(geometry) : nil,
      tape)
    let image = rearrange(mixed, reverse, width: channels, shape: [batch, rows, columns, channels], tape)
    return projection(image, tape)
  }

  /// What `qkv` gives for a row of zeros.
  private func paddedRow(_ tape: Tape) -> Variable {
    qkv.bias.map { tape.variable($0) } ?? Variable(.zeros([3 * channels]))
  }

  private func attend(_ windows: Variable, mask: Tensor?, _ tape: Tape) -> Variable {
    packedAttention(windows, heads: heads, bias: bias(tape), mask: mask, tape)
  }

  private func sharedPadding(_ tokens: Variable, batch: Int, rows: Int, columns: Int, _ tape: Tape) -> Variable {
    let count = rows * columns
    let positions = (0..<count).map { $0 / columns * window + $0 % columns }
    let mixed = packedAttention(
      reshape(tokens, [batch, count, 3 * channels], tape), heads: heads, bias: bias.bias(positions, tape),
      padding: attendsPadding ? (paddedRow(tape), bias.paddingBias(positions, tape)) : nil, tape)
    return reshape(mixed, [batch, rows, columns, channels], tape)
  }

  private func rowMaps(_ geometry: WindowGeometry) -> (partition: RowMap, reverse: RowMap) {
    if let known = maps[geometry] { return known }
    let partition = geometry.partition
    let made = (partition, partition.inverse)
    maps[geometry] = made
    return made
  }

  /// The mask that leaves padded keys out, with the mask of shifted windows where it is wanted.
  private func paddingMask(_ geometry: WindowGeometry, _ isShifted: Bool) -> Tensor {
    if let known = paddingMasks[geometry] { return known }
    let length = geometry.positions
    var mask = isShifted ? mask(geometry).copy() : Tensor.zeros([geometry.windows, length, length])
    let sources = geometry.partition.sources
    mask.withMutableValues { values in
      for index in values.indices where sources[index / (length * length) * length + index % length] < 0 {
        values[index] = -1e4
      }
    }
    paddingMasks[geometry] = mask
    return mask
  }

  private func mask(_ geometry: WindowGeometry) -> Tensor {
    if let known = masks[geometry] { return known }
    let made = geometry.shiftMask()
    masks[geometry] = made
    return made
  }
}
