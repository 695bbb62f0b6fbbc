import HSINumerics

extension Tape {
  /// Attention between channels, over all pixels: with q̂, k̂ of unit length along the pixels (length floored at 10⁻¹²),
  ///
  ///     A_h = softmax(τ_h · q̂_hᵀ k̂_h)   [c × c];   y[p, i] = Σ_j A_h[i, j] v[p, j]
  ///
  /// Queries, keys and values are `[B, P, …]`; `temperature` τ has one value per head. Returns `[B, P, heads · c]`. Cost
  /// `4 B P heads c²` flops. Source: Zamir et al., Restormer, CVPR 2022.
  ///
  /// - Parameter pooling: collects the sums over pixels, or has those of more pixels than these.
  public func channelAttention(
    queries: Heads, keys: Heads, values: Heads, heads: Int, temperature: Variable, pooling: ChannelPooling? = nil
  ) -> Variable {
    let step = ChannelAttentionStep(q: queries, k: keys, v: values, heads: heads, temperature: temperature)
    let y = step.forward(pooling)
    return record(y, inputs: [queries.x, keys.x, values.x, temperature]) { step }
  }
}

private final class ChannelAttentionStep: TapeOperation {
  let q: Heads
  let k: Heads
  let v: Heads
  let heads: Int
  let temperature: Variable
  /// Per sample and head: q̂ᵀk̂ and the map, `[B, heads, c, c]`; the lengths of q and k, `[B, heads, 2, c]`.
  private let cosines: Tensor
  private let maps: Tensor
  private let lengths: Tensor

  private var batch: Int { q.sequences }
  private var pixels: Int { q.length }
  private var width: Int { q.width }
  private static let floor: Float = 1e-12

  init(q: Heads, k: Heads, v: Heads, heads: Int, temperature: Variable) {
    self.q = q
    self.k = k
    self.v = v
    self.heads = heads
    self.temperature = temperature
    precondition(
      k.sequences == q.sequences && v.sequences == q.sequences && k.length == q.length && v.length == q.length
        && k.width == q.width && v.width == q.width && temperature.value.count == heads,
      "channel attention of \(q.x.shape), \(k.x.shape), \(v.x.shape)")
    let (batch, width) = (q.sequences, q.width)
    cosines = Tensor(uninitialised: [batch, heads, width, width])
    maps = Tensor(uninitialised: [batch, heads, width, width])
    lengths = Tensor(uninitialised: [batch, heads, 2, width])
    BLAS.prepare()
  }

  /// `uᵀ w` over the pixels, `[B, heads, c, c]`: fp32 over 2048 pixels, fp64 beyond.
  private func products(
    _ u: UnsafePointer<Float>, _ uStride: Int, _ uStart: (Int, Int) -> Int, _ w: UnsafePointer<Float>, _ wStride: Int,
    _ wStart: (Int, Int) -> Int
  ) -> Tensor {
    let size = width * width
    let parts = (pixels + 2047) / 2048
    let partial = Tensor(uninitialised: [batch * heads * parts, size])
    Parallel.forEach(batch * heads * parts) { item in
      let (pair, part) = (item / parts, item % parts)
      let range = (part * 2048)..<min(pixels, (part + 1) * 2048)
      StridedProducts.multiply(
        u + uStart(pair / heads, pair % heads) + range.lowerBound * uStride, uStride, .transposed,
        w + wStart(pair / heads, pair % heads) + range.lowerBound * wStride, wStride, .none,
        partial.output + item * size, width, m: width, n: width, k: range.count)
    }
    let result = Tensor(uninitialised: [batch, heads, width, width])
    for pair in 0..<(batch * heads) {
      for i in 0..<size {
        var sum = 0.0
        for part in 0..<parts { sum += Double(partial.pointer[(pair * parts + part) * size + i]) }
        result.output[pair * size + i] = Float(sum)
      }
    }
    return result
  }

  /// Squares of the lengths of the channels of a view along the pixels, `[B · heads, c]`.
  private func squares(_ view: Heads) -> DoubleScratch {
    let scratch = DoubleScratch(batch * heads * width)
    Parallel.forEach(batch * heads) { pair in
      let from = view.x.value.pointer + view.start(pair / heads, pair % heads)
      // All channels of a pixel at once: rows of the view lie far apart.
      let sums = scratch.pointer + pair * width
      sums.update(repeating: 0, count: width)
      for p in 0..<pixels {
        let row = from + p * view.stride
        for c in 0..<width { sums[c] += Double(row[c]) * Double(row[c]) }
      }
    }
    return scratch
  }

  func forward(_ pooling: ChannelPooling?) -> Tensor {
    let gram = products(
      q.x.value.pointer, q.stride, { self.q.start($0, $1) }, k.x.value.pointer, k.stride,
      { self.k.start($0, $1) })
    let (ofQueries, ofKeys) = (squares(q), squares(k))
    pooling?.pool([
      .floats(gram.output, gram.count), .doubles(ofQueries.pointer, batch * heads * width),
      .doubles(ofKeys.pointer, batch * heads * width),
    ])
    for pair in 0..<(batch * heads) {
      for c in 0..<width {
        let place = pair * width + c
        lengths.output[2 * pair * width + c] = max(Float(ofQueries.pointer[place].squareRoot()), Self.floor)
        lengths.output[(2 * pair + 1) * width + c] = max(Float(ofKeys.pointer[place].squareRoot()), Self.floor)
      }
    }
    let y = Tensor(uninitialised: [batch, pixels, heads * width])
    let size = width * width
    Parallel.forEach(batch * heads) { pair in
      let (b, h) = (pair / heads, pair % heads)
      let (cosine, map) = (cosines.output + pair * size, maps.output + pair * size)
      let (lq, lk) = (lengths.pointer + pair * 2 * width, lengths.pointer + (pair * 2 + 1) * width)
      for i in 0..<width {
        for j in 0..<width {
          cosine[i * width + j] = gram.pointer[pair * size + i * width + j] / (lq[i] * lk[j])
          map[i * width + j] = temperature.value.pointer[h] * cosine[i * width + j]
        }
      }
      Softmax.rows(map, rows: width, columns: width)
      StridedProducts.multiply(
        v.x.value.pointer + v.start(b, h), v.stride, .none, map, width, .transposed,
        y.output + b * pixels * heads * width + h * width, heads * width, m: pixels, n: width, k: width)
    }
    return y
  }

  func backward(_ gradient: Tensor, _ gradients: inout Gradients) {
    var targets = ViewGradients()
    let (dq, dk, dv) = (targets.target(q), targets.target(k), targets.target(v))
    let size = width * width
    let outStride = heads * width
    let (pixels, heads, width) = (pixels, heads, width)
    let mapGradient = products(
      gradient.pointer, outStride, { $0 * pixels * outStride + $1 * width }, v.x.value.pointer, v.stride,
      { self.v.start($0, $1) })
    Softmax.rowsBackward(mapGradient, output: maps.pointer, rows: batch * heads * width, columns: width)
    let temperatures = Tensor.zeros(temperature.shape)
    for pair in 0..<(batch * heads) {
      var sum = 0.0
      for i in 0..<size { sum += Double(mapGradient.pointer[pair * size + i] * cosines.pointer[pair * size + i]) }
      temperatures.output[pair % heads] += Float(sum)
    }
    Parallel.forEach(batch * heads) { pair in
      let (b, h) = (pair / heads, pair % heads)
      let dy = gradient.pointer + b * pixels * outStride + h * width
      if let dv {
        StridedProducts.multiply(
          dy, outStride, .none, maps.pointer + pair * size, width, .none, dv.output + v.start(b, h), v.stride,
          m: pixels, n: width, k: width, keep: 1)
      }
      // Gradient of the unnormalised products, and what the lengths take back.
      let t = temperature.value.pointer[h]
      let (lq, lk) = (lengths.pointer + pair * 2 * width, lengths.pointer + (pair * 2 + 1) * width)
      let scaled = Tensor(uninitialised: [width, width])
      let back = Tensor.zeros([2, width])
      for i in 0..<width {
        for j in 0..<width {
          let g = t * mapGradient.pointer[pair * size + i * width + j]
          scaled.output[i * width + j] = g / (lq[i] * lk[j])
          let c = g * cosines.pointer[pair * size + i * width + j]
          if lq[i] > Self.floor { back.output[i] += c / (lq[i] * lq[i]) }
          if lk[j] > Self.floor { back.output[width + j] += c / (lk[j] * lk[j]) }
        }
      }
      func add(_ target: Tensor?, _ own: Heads, _ other: Heads, _ order: Transposition, _ slot: Int) {
        guard let target else { return }
        let to = target.output + own.start(b, h)
        StridedProducts.multiply(
          other.x.value.pointer + other.start(b, h), other.stride, .none, scaled.pointer, width, order, to, own.stride,
          m: pixels, n: width, k: width, keep: 1)
        let from = own.x.value.pointer + own.start(b, h)
        for p in 0..<pixels {
          for c in 0..<width { to[p * own.stride + c] -= back.pointer[slot * width + c] * from[p * own.stride + c] }
        }
      }
      add(dq, q, k, .transposed, 0)
      add(dk, k, q, .none, 1)
    }
    targets.add(to: &gradients)
    gradients.add(temperatures, to: temperature)
  }
}

/// Channel attention over a whole image (MP-HSIR's global spectral attention, Restormer's transposed attention), without
/// biases, on `[B, H, W, C]`. Names `temperature`, `qkv`, `qkv_dwconv`, `project_out`.
///
/// All pixels take part in every value, so tiles of an image do not give what the whole gives.
public final class GlobalSpectralAttention {
  let temperature: Parameter
  let qkv: Linear
  let depthwise: DepthwiseConvolution
  let projection: Linear
  private let heads: Int

  /// A layer of `channels` channels in `heads` groups.
  public init(_ scope: ParameterScope, channels: Int, heads: Int) {
    self.heads = heads
    temperature = scope.parameter("temperature", [heads, 1, 1], .constant(1), role: .table)
    qkv = Linear(scope["qkv"], input: channels, output: 3 * channels, bias: false, kernelAxes: 2)
    depthwise = DepthwiseConvolution(scope["qkv_dwconv"], channels: 3 * channels)
    projection = Linear(scope["project_out"], input: channels, output: channels, bias: false, kernelAxes: 2)
  }

  /// The linear maps that may carry adapters.
  public var linears: [Linear] { [qkv, projection] }

  /// Applies the layer. `residual`: a value of the output's shape that is added.
  public func callAsFunction(_ x: Variable, residual: Variable? = nil, _ tape: Tape) -> Variable {
    let (batch, pixels, channels) = (x.shape[0], x.shape[1] * x.shape[2], x.shape[3])
    let all = tape.reshape(depthwise(qkv(x, tape), tape), [batch, pixels, 3 * channels])
    let width = channels / heads
    let mixed = tape.channelAttention(
      queries: Heads(all, width: width), keys: Heads(all, offset: channels, width: width),
      values: Heads(all, offset: 2 * channels, width: width), heads: heads, temperature: tape.variable(temperature),
      pooling: tape.pooling)
    return projection(tape.reshape(mixed, x.shape), residual: residual, tape)
  }
}

/// Channel attention whose queries come from one image and whose keys and values come from another of the same size
/// (MP-HSIR's prompts). Names `temperature`, `q`, `q_dwconv`, `kv`, `kv_dwconv`, `project_out`; no biases.
public final class CrossChannelAttention {
  let temperature: Parameter
  let query: Linear
  let queryDepthwise: DepthwiseConvolution
  let keyValue: Linear
  let keyValueDepthwise: DepthwiseConvolution
  let projection: Linear
  private let heads: Int

  /// A layer of `channels` channels in `heads` groups.
  public init(_ scope: ParameterScope, channels: Int, heads: Int) {
    self.heads = heads
    temperature = scope.parameter("temperature", [heads, 1, 1], .constant(1), role: .table)
    query = Linear(scope["q"], input: channels, output: channels, bias: false, kernelAxes: 2)
    queryDepthwise = DepthwiseConvolution(scope["q_dwconv"], channels: channels)
    keyValue = Linear(scope["kv"], input: channels, output: 2 * channels, bias: false, kernelAxes: 2)
    keyValueDepthwise = DepthwiseConvolution(scope["kv_dwconv"], channels: 2 * channels)
    projection = Linear(scope["project_out"], input: channels, output: channels, bias: false, kernelAxes: 2)
  }

  /// The linear maps that may carry adapters.
  public var linears: [Linear] { [query, keyValue, projection] }

  /// Applies the layer. `residual`: a value of the output's shape that is added.
  public func callAsFunction(
    _ x: Variable, keysAndValues other: Variable, residual: Variable? = nil, _ tape: Tape
  ) -> Variable {
    let (batch, pixels, channels) = (x.shape[0], x.shape[1] * x.shape[2], x.shape[3])
    let q = tape.reshape(queryDepthwise(query(x, tape), tape), [batch, pixels, channels])
    let kv = tape.reshape(keyValueDepthwise(keyValue(other, tape), tape), [batch, pixels, 2 * channels])
    let width = channels / heads
    let mixed = tape.channelAttention(
      queries: Heads(q, width: width), keys: Heads(kv, width: width),
      values: Heads(kv, offset: channels, width: width), heads: heads, temperature: tape.variable(temperature))
    return projection(tape.reshape(mixed, x.shape), residual: residual, tape)
  }
}
