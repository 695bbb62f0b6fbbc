import COpenBLAS
import HSINumerics

/// Queries, keys or values in an array `[N, L, …]`: of each row, head h owns the values `offset + h · width ..< + width`.
public struct Heads: Sendable {
  /// The array.
  public let x: Variable
  /// Where the first head begins in a row.
  public let offset: Int
  /// Values of one head.
  public let width: Int
  /// Rows that take part, from the first of each of the N sequences; nil for all.
  public let count: Int?

  /// A view of `x`.
  public init(_ x: Variable, offset: Int = 0, width: Int, count: Int? = nil) {
    self.x = x
    self.offset = offset
    self.width = width
    self.count = count
  }

  var sequences: Int { x.shape[0] }
  var length: Int { x.shape[1] }
  var rows: Int { count ?? length }
  var stride: Int { x.value.count / max(sequences * length, 1) }
  /// Where head h of the first row of sequence n begins.
  func start(_ n: Int, _ h: Int) -> Int { n * length * stride + offset + h * width }
}

/// The gradients of arrays that queries, keys and values are views of: views of the same one share it.
struct ViewGradients {
  private var targets: [(variable: Variable, tensor: Tensor)] = []

  /// Zeros of the shape of a view's array, or what another view of it has got; nil for constants.
  mutating func target(_ view: Heads) -> Tensor? {
    guard let node = view.x.node else { return nil }
    if let known = targets.first(where: { $0.variable.node == node }) { return known.tensor }
    targets.append((view.x, Tensor.zeros(view.x.shape)))
    return targets.last?.tensor
  }

  func add(to gradients: inout Gradients) {
    for (variable, tensor) in targets { gradients.add(tensor, to: variable) }
  }
}

extension Tape {
  /// Multi-head attention,
  ///
  ///     y_h = softmax(scale · q_h k_hᵀ + bias_h + mask) v_h
  ///
  /// - Parameters:
  ///   - queries: `[N, Lq, …]`; keys and values: `[N, Lk, …]`. All three may be views of one array.
  ///   - heads: number of heads.
  ///   - bias: `[heads, Lq, Lk]`, shared by the sequences; gets a gradient.
  ///   - mask: `[M, Lq, Lk]`, added; sequence n takes mask `n mod M` (windows vary fastest within a sample).
  /// - Returns: `[N, Lq, heads · value width]`, heads slow.
  ///
  /// Cost `2 N heads Lq Lk (d + d_v)` flops. Where a gradient is wanted the probabilities are kept for the way back, N heads maps of
  /// `Lq Lk`; else a thread has one map at a time, and none outlives the call.
  public func attention(
    queries: Heads, keys: Heads, values: Heads, heads: Int, scale: Float, bias: Variable? = nil, mask: Tensor? = nil
  ) -> Variable {
    let inputs = [queries.x, keys.x, values.x] + (bias.map { [$0] } ?? [])
    let step = AttentionStep(
      queries: queries, keys: keys, values: values, heads: heads, scale: scale, bias: bias, mask: mask,
      keepsMaps: self.keeps(inputs: inputs))
    let y = step.forward()
    return record(y, inputs: inputs) { step }
  }
}

/// Single-precision products of matrices whose rows lie apart, on the calling thread.
enum StridedProducts {
  /// `c = scale · op(a) · op(b) + keep · c`, c `m × n`, inner size k; the strides are those of the arrays as they lie.
  static func multiply(
    _ a: UnsafePointer<Float>, _ strideA: Int, _ left: Transposition, _ b: UnsafePointer<Float>, _ strideB: Int,
    _ right: Transposition, _ c: UnsafeMutablePointer<Float>, _ strideC: Int, m: Int, n: Int, k: Int, scale: Float = 1,
    keep: Float = 0
  ) {
    cblas_sgemm(
      CblasRowMajor, left == .none ? CblasNoTrans : CblasTrans, right == .none ? CblasNoTrans : CblasTrans, Int32(m),
      Int32(n), Int32(k), scale, a, Int32(strideA), b, Int32(strideB), keep, c, Int32(strideC))
  }
}

private final class AttentionStep: TapeOperation {
  let queries: Heads
  let keys: Heads
  let values: Heads
  let heads: Int
  let scale: Float
  let bias: Variable?
  let mask: Tensor?
  /// `[N, heads, Lq, Lk]` where they are kept, else one map per thread.
  let probabilities: Tensor
  private let keepsMaps: Bool

  private var sequences: Int { queries.sequences }
  private var lq: Int { queries.rows }
  private var lk: Int { keys.rows }
  private var masks: Int { mask.map { $0.count / (lq * lk) } ?? 1 }

  init(
    queries: Heads, keys: Heads, values: Heads, heads: Int, scale: Float, bias: Variable?, mask: Tensor?,
    keepsMaps: Bool
  ) {
    self.queries = queries
    self.keys = keys
    self.values = values
    self.heads = heads
    self.scale = scale
    self.bias = bias
    self.mask = mask
    self.keepsMaps = keepsMaps
    let maps = keepsMaps ? queries.sequences * heads : min(queries.sequences, Parallel.threads)
    probabilities = Tensor(uninitialised: [maps, queries.rows, keys.rows])
    precondition(
      keys.sequences == sequences && values.sequences == sequences && values.rows == lk && keys.width == queries.width
        && bias.map { $0.value.count == heads * lq * lk } ?? true
        && mask.map { $0.count % (lq * lk) == 0 && sequences % ($0.count / (lq * lk)) == 0 } ?? true,
      "attention of \(queries.x.shape), \(keys.x.shape), \(values.x.shape)")
    BLAS.prepare()
  }

  func forward() -> Tensor {
    let y = Tensor(uninitialised: [sequences, lq, heads * values.width])
    let (q, k, v) = (queries.x.value.pointer, keys.x.value.pointer, values.x.value.pointer)
    // Without maps to keep, an item is every so many sequences, which share one.
    let items = keepsMaps ? sequences : probabilities.shape[0]
    Parallel.forEach(items) { item in
      for n in Swift.stride(from: item, to: sequences, by: items) {
        for h in 0..<heads {
          let map = probabilities.output + (keepsMaps ? n * heads + h : item) * lq * lk
          StridedProducts.multiply(
            q + queries.start(n, h), queries.stride, .none, k + keys.start(n, h), keys.stride, .transposed, map, lk,
            m: lq, n: lk, k: queries.width, scale: scale)
          if let bias = bias?.value.pointer {
            for i in 0..<(lq * lk) { map[i] += bias[h * lq * lk + i] }
          }
          if let mask {
            let part = mask.pointer + n % masks * lq * lk
            for i in 0..<(lq * lk) { map[i] += part[i] }
          }
          Softmax.rows(map, rows: lq, columns: lk)
          StridedProducts.multiply(
            map, lk, .none, v + values.start(n, h), values.stride, .none,
            y.output + n * lq * heads * values.width + h * values.width, heads * values.width, m: lq, n: values.width,
            k: lk)
        }
      }
    }
    return y
  }

  func backward(_ gradient: Tensor, _ gradients: inout Gradients) {
    var targets = ViewGradients()
    let (dq, dk, dv) = (targets.target(queries), targets.target(keys), targets.target(values))
    let (q, k, v) = (queries.x.value.pointer, keys.x.value.pointer, values.x.value.pointer)
    let wantsBias = bias?.needsGradient ?? false
    let wantsLogits = dq != nil || dk != nil || wantsBias
    let size = lq * lk
    // The bias sums over sequences: in parts whose number depends on their count alone.
    let parts = min(sequences, 8)
    let biasSums = Tensor.zeros([wantsBias ? parts * heads * size : 1])
    Parallel.forEach(wantsBias ? parts : sequences) { item in
      let range = wantsBias ? (item * sequences / parts)..<((item + 1) * sequences / parts) : item..<(item + 1)
      let logits = Tensor(uninitialised: [size])
      for n in range {
        for h in 0..<heads {
          let map = probabilities.pointer + (n * heads + h) * size
          let dy = gradient.pointer + n * lq * heads * values.width + h * values.width
          let dyStride = heads * values.width
          if let dv {
            StridedProducts.multiply(
              map, lk, .transposed, dy, dyStride, .none, dv.output + values.start(n, h), values.stride, m: lk,
              n: values.width, k: lq, keep: 1)
          }
          guard wantsLogits else { continue }
          StridedProducts.multiply(
            dy, dyStride, .none, v + values.start(n, h), values.stride, .transposed, logits.output, lk, m: lq, n: lk,
            k: values.width)
          Softmax.rowsBackward(logits, output: map, rows: lq, columns: lk)
          if wantsBias {
            let sums = biasSums.output + (item * heads + h) * size
            for i in 0..<size { sums[i] += logits.pointer[i] }
          }
          if let dq {
            StridedProducts.multiply(
              logits.pointer, lk, .none, k + keys.start(n, h), keys.stride, .none, dq.output + queries.start(n, h),
              queries.stride, m: lq, n: queries.width, k: lk, scale: scale, keep: 1)
          }
          if let dk {
            StridedProducts.multiply(
              logits.pointer, lk, .transposed, q + queries.start(n, h), queries.stride, .none,
              dk.output + keys.start(n, h), keys.stride, m: lk, n: queries.width, k: lq, scale: scale, keep: 1)
          }
        }
      }
    }
    targets.add(to: &gradients)
    if let bias, wantsBias {
      let sum = Tensor.zeros(bias.shape)
      for part in 0..<parts {
        for i in 0..<sum.count { sum.output[i] += biasSums.pointer[part * sum.count + i] }
      }
      gradients.add(sum, to: bias)
    }
  }
}
