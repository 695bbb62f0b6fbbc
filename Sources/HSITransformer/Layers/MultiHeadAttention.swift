/// What is done to queries and keys before their products, per head.
public enum QueryKeyNormalisation: Sendable, Equatable {
  /// Products are scaled by `d^−½`.
  case none
  /// Layer normalisation of each head's queries and keys (`q_norm`, `k_norm`, shared by the heads), then `d^−½`. ε as given.
  case layerNorm(epsilon: Float)
  /// Cosines of queries and keys times a learned `temperature` per head.
  case cosine
}

/// Multi-head attention over whole sequences, of one sequence or across two.
///
///     y = proj(concat_h softmax(s q_h k_hᵀ + bias_h + mask) v_h)
///
/// Names `qkv`, `proj` for one sequence, or `q`, `k`, `v`, `proj` where it is `separate`; `q`, `kv`, `proj` across two, whose keys and
/// values come from the other sequence.
/// With `QueryKeyNormalisation.layerNorm` also `q_norm`, `k_norm`; with `.cosine` `temperature` `[heads, 1, 1]`.
/// Rotation comes before normalisation. Source: Vaswani et al. 2017; Dehghani et al. 2023 (layer norm); Liu et al. 2022 (cosine).
public final class MultiHeadAttention {
  let query: Linear?
  let keyValue: Linear?
  let packed: Linear?
  let separate: [Linear]
  let projection: Linear
  let normalisation: HeadNormalisation
  private let channels: Int
  private let heads: Int

  /// Width `channels` in `heads` heads; across two sequences when `other`, the width of the second, is given; `isSeparate` gives
  /// queries, keys and values of one sequence a map each.
  public init(
    _ scope: ParameterScope, channels: Int, heads: Int, other: Int? = nil, isSeparate: Bool = false, bias: Bool = true,
    normalisation: QueryKeyNormalisation = .none, initialisation: Initialisation = .fanInUniform
  ) {
    precondition(channels % heads == 0, "\(channels) channels in \(heads) heads")
    self.channels = channels
    self.heads = heads
    func linear(_ name: String, _ input: Int, _ output: Int, _ bias: Bool) -> Linear {
      Linear(scope[name], input: input, output: output, bias: bias, initialisation: initialisation)
    }
    query = other.map { _ in linear("q", channels, channels, bias) }
    keyValue = other.map { linear("kv", $0, 2 * channels, bias) }
    packed = other == nil && !isSeparate ? linear("qkv", channels, 3 * channels, bias) : nil
    separate = other == nil && isSeparate ? ["q", "k", "v"].map { linear($0, channels, channels, bias) } : []
    self.normalisation = HeadNormalisation(scope, normalisation, width: channels / heads, heads: heads)
    projection = linear("proj", channels, channels, true)
  }

  /// The linear maps that may carry adapters.
  public var linears: [Linear] { [query, keyValue, packed].compactMap { $0 } + separate + [projection] }

  /// Applies the layer to `x` `[N, L, C]`.
  ///
  /// - Parameters:
  ///   - other: `[N, Lk, C']`, the sequence of keys and values of a layer across two.
  ///   - bias: `[heads, L, Lk]`.
  ///   - mask: `[M, L, Lk]`, added to the products; sequence n takes mask `n mod M`. See `AttentionMask`.
  ///   - tables: tables for queries and keys (one sequence only); several divide each head among them.
  public func callAsFunction(
    _ x: Variable, keysAndValues other: Variable? = nil, bias: Variable? = nil, mask: Tensor? = nil,
    rotary tables: [RotaryTable] = [], _ tape: Tape
  ) -> Variable {
    var (q, k, v): (Variable, Variable, Variable)
    var valueOffset = 0
    if let query, let keyValue {
      let source = other ?? x
      let kv = keyValue(source, tape)
      q = query(x, tape)
      k = tape.channels(kv, 0..<channels)
      v = kv
      valueOffset = channels
      precondition(tables.isEmpty, "rotation across two sequences")
    } else if let packed {
      let all = packed(x, tape)
      q = tape.channels(all, 0..<channels)
      k = tape.channels(all, channels..<(2 * channels))
      v = all
      valueOffset = 2 * channels
      q = tape.rotary(q, tables)
      k = tape.rotary(k, tables)
    } else {
      (q, k, v) = (separate[0](x, tape), separate[1](x, tape), separate[2](x, tape))
      (q, k) = (tape.rotary(q, tables), tape.rotary(k, tables))
    }
    (q, k) = normalisation(q, k, tape)
    let width = channels / heads
    let y = tape.attention(
      queries: Heads(q, width: width), keys: Heads(k, width: width),
      values: Heads(v, offset: valueOffset, width: width),
      heads: heads, scale: normalisation.scale, bias: bias, mask: mask)
    return projection(y, tape)
  }
}

/// The normalisation of queries and keys `[N, L, heads · width]`, head by head.
final class HeadNormalisation {
  let queryNorm: LayerNorm?
  let keyNorm: LayerNorm?
  let temperature: Parameter?
  private let kind: QueryKeyNormalisation
  private let width: Int
  private let repeats: RowMap?

  init(_ scope: ParameterScope, _ kind: QueryKeyNormalisation, width: Int, heads: Int) {
    self.kind = kind
    self.width = width
    if case .layerNorm(let epsilon) = kind {
      queryNorm = LayerNorm(scope["q_norm"], channels: width, epsilon: epsilon)
      keyNorm = LayerNorm(scope["k_norm"], channels: width, epsilon: epsilon)
    } else {
      queryNorm = nil
      keyNorm = nil
    }
    temperature = kind == .cosine ? scope.parameter("temperature", [heads, 1, 1], .constant(1), role: .table) : nil
    repeats =
      kind == .cosine
      ? RowMap(inputCount: heads, sources: (0..<(heads * width)).map { Int32($0 / width) }) : nil
  }

  /// Of the products of what `callAsFunction` returns.
  var scale: Float { kind == .cosine ? 1 : 1 / Float(width).squareRoot() }

  func callAsFunction(_ q: Variable, _ k: Variable, _ tape: Tape) -> (Variable, Variable) {
    func perHead(_ x: Variable, _ norm: LayerNorm) -> Variable {
      let vectors = tape.reshape(x, [x.value.count / width, width])
      return tape.reshape(norm(vectors, tape), x.shape)
    }
    if let queryNorm, let keyNorm { return (perHead(q, queryNorm), perHead(k, keyNorm)) }
    guard let temperature, let repeats else { return (q, k) }
    let factors = tape.rearrange(
      tape.variable(temperature), repeats, width: 1, shape: [repeats.outputCount])
    let scaled = tape.multiply(
      tape.unitLength(q, width: width), factors, repeatedOver: 0..<(q.shape.count - 1))
    return (scaled, tape.unitLength(k, width: width))
  }
}

/// Masks that are added to the products of queries and keys.
public enum AttentionMask {
  /// What a pair that must not attend gets: it survives sums, and a row of nothing else stays a distribution.
  public static let never: Float = -1e30

  /// `[M, Lq, Lk]` from what may attend to what.
  public static func additive(_ allowed: [Bool], shape: [Int]) -> Tensor {
    Tensor(shape, allowed.map { $0 ? 0 : never })
  }
}
