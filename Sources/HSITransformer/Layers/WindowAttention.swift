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
  private let mixing: WindowMixing

  /// A layer whose linear maps `makeLinear(scope, in, out)` makes, so that they may carry adapters from the start. With
  /// `attendsPadding` false padded positions are left out of the softmax.
  public init(
    _ scope: ParameterScope, channels: Int, heads: Int, window: Int, storesIndex: Bool = false,
    attendsPadding: Bool = true,
    makeLinear: (ParameterScope, Int, Int) -> Linear = { Linear($0, input: $1, output: $2) }
  ) {
    mixing = WindowMixing(
      scope, heads: heads, window: window, storesIndex: storesIndex, attendsPadding: attendsPadding)
    qkv = makeLinear(scope["qkv"], channels, 3 * channels)
    projection = makeLinear(scope["proj"], channels, channels)
  }

  /// The linear maps that may carry adapters.
  public var linears: [Linear] { [qkv, projection] }

  /// Attention inside ready windows `[N, w², C]`; `mask` `[M, w², w²]` is added, window n takes mask `n mod M`.
  public func callAsFunction(windows x: Variable, mask: Tensor? = nil, _ tape: Tape) -> Variable {
    projection(mixing(windows: qkv(x, tape), mask: mask, tape), tape)
  }

  /// Attention inside the windows of images `[B, H, W, C]`.
  ///
  /// - Parameters:
  ///   - shift: cyclic shift; positions that meet only through it are masked with −100.
  ///   - isMasked: false leaves that mask away.
  public func callAsFunction(_ x: Variable, shift: Int = 0, masks isMasked: Bool = true, _ tape: Tape) -> Variable {
    let tokens = qkv(x, tape)
    // What `qkv` gives for a row of zeros.
    let padded = qkv.bias.map { tape.variable($0) } ?? Variable(.zeros([qkv.output]))
    return projection(mixing(tokens, padded: padded, shift: shift, masks: isMasked, tape), tape)
  }
}
