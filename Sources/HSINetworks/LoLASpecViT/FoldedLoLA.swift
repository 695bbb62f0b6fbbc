import CKernels
import HSICore
import HSINumerics
import HSITransformer
import Synchronization

/// LoLA-SpecViT for prediction, with everything folded that can be, exactly but for rounding:
///
/// - low-rank adapters and residuals R into the matrix beside them (gates depend on the input and stay);
/// - batch normalisation into the convolution or matrix before it;
/// - the last map of the feed-forward network, `w3`, into the three matrices that read its result and nothing else does.
///
/// The 254.6 million weights of the released network become 167 million, packed for the kernels once; there is no second copy.
/// The result for a patch has the same bits whatever patches share the call.
package final class FoldedLoLA: @unchecked Sendable {
  package let configuration: LoLAConfiguration
  private let front: LoLAFrontEnd
  private let levels: [Level]
  private let norm: (weight: Tensor, bias: Tensor)
  private let head: PackedMap
  /// Layers keep maps and packed weights; one pass at a time.
  private let lock = Mutex(())

  private struct Level {
    let blocks: [FoldedBlock]
    let reduction: FoldedReduction?
  }

  /// - Throws: `TransformerError` when weights are missing, of another shape, or damaged.
  package init(_ configuration: LoLAConfiguration, _ weights: NamedWeights) throws {
    self.configuration = configuration
    let store = ParameterStore(isBlank: true)
    front = LoLAFrontEnd(store.root, configuration)
    for parameter in store.parameters where !parameter.isInteger {
      parameter.set(try weights.tensor(parameter.name, shape: parameter.shape))
    }
    levels = try configuration.depths.indices.map { level in
      let place = "levels.\(level)"
      let blocks = try (0..<configuration.depths[level]).map {
        try FoldedBlock("\(place).\($0)", configuration, level: level, weights)
      }
      let isLast = level == configuration.depths.count - 1
      return Level(
        blocks: blocks,
        reduction: isLast
          ? nil : try FoldedReduction("\(place).\(blocks.count)", channels: configuration.width << level, weights))
    }
    let width = configuration.lastWidth
    norm = (try weights.tensor("norm.weight", shape: [width]), try weights.tensor("norm.bias", shape: [width]))
    let classes = configuration.classes
    var matrix = try weights.tensor("head.linear.weight", shape: [classes, width])
    Matrices.add(
      try weights.tensor("head.lora_up.weight", shape: [classes, configuration.rank]),
      try weights.tensor("head.lora_down.weight", shape: [configuration.rank, width]), scale: configuration.scale,
      to: &matrix)
    head = PackedMap(matrix, bias: try weights.tensor("head.linear.bias", shape: [classes]))
  }

  /// Logits `[B, classes]` of patches `[B, K, S, S, 1]`.
  package func logits(_ x: Tensor) -> Tensor {
    lock.withLock { _ in
      let tape = Tape(.inference)
      var h = front(Variable(x), tape).value
      for level in levels {
        for block in level.blocks { h = block(h) }
        if let reduction = level.reduction { h = reduction(h) }
      }
      let normed = Normalisation.layer(h, norm.weight, norm.bias)
      return head(tape.mean(Variable(normed), over: 1..<3).value)
    }
  }
}

extension LoLAConfiguration {
  /// α / r.
  var scale: Float { Float(alpha / Double(rank)) }
}

/// A linear map packed for the kernel.
struct PackedMap {
  let input: Int
  let output: Int
  private let packed: Tensor
  private let bias: Tensor?

  /// A matrix `[out, in]`.
  init(_ matrix: Tensor, bias: Tensor? = nil) {
    (output, input) = (matrix.shape[0], matrix.count / matrix.shape[0])
    packed = Tensor(uninitialised: [hsi_gemm_packed_size(input, output)])
    hsi_gemm_pack_transposed(matrix.pointer, output, input, packed.output)
    self.bias = bias
  }

  /// `W x + b + residual` along the last axis.
  func callAsFunction(_ x: Tensor, residual: Tensor? = nil) -> Tensor {
    let y = Tensor(uninitialised: x.shape.dropLast() + [output])
    hsi_linear_forward(
      x.pointer, x.count / input, input, packed.pointer, bias?.pointer, output, residual?.pointer, y.output)
    return y
  }
}

/// A linear map with its gated adapter, residual folded: `W x + b + σ(G x + g) ⊙ U (D x + d)`, U with α/r.
struct PackedGatedMap {
  private let base: PackedMap
  private let gate: PackedMap
  private let down: PackedMap
  private let up: PackedMap

  /// - Parameter behind: a linear map `[in, inner]` with bias before this one, to be folded into it.
  init(
    _ place: String, _ output: Int, _ input: Int, _ configuration: LoLAConfiguration, _ weights: NamedWeights,
    behind: (matrix: Tensor, bias: Tensor)? = nil
  ) throws {
    let rank = configuration.rank
    var matrix = try weights.tensor("\(place).linear.weight", shape: [output, input])
    Matrices.add(try weights.tensor("\(place).lora_residual.weight", shape: [output, input]), to: &matrix)
    let bias = try weights.tensor("\(place).linear.bias", shape: [output])
    let gate = try weights.tensor("\(place).lora_gate.weight", shape: [output, input])
    let down = try weights.tensor("\(place).lora_down.weight", shape: [rank, input])
    var up = try weights.tensor("\(place).lora_up.weight", shape: [output, rank])
    up.withMutableValues { for i in $0.indices { $0[i] *= configuration.scale } }
    self.up = PackedMap(up)
    guard let behind else {
      base = PackedMap(matrix, bias: bias)
      self.gate = PackedMap(gate)
      self.down = PackedMap(down)
      return
    }
    func fold(_ matrix: Tensor, bias: Tensor?) throws -> PackedMap {
      PackedMap(
        try Matrices.product(matrix, behind.matrix), bias: Matrices.apply(matrix, behind.bias, bias))
    }
    base = try fold(matrix, bias: bias)
    self.gate = try fold(gate, bias: nil)
    self.down = try fold(down, bias: nil)
  }

  func callAsFunction(_ x: Tensor, residual: Tensor? = nil) -> Tensor {
    let logits = gate(x)
    let product = up(down(x))
    hsi_gated_sum(logits.pointer, product.pointer, residual?.pointer, logits.count, product.output)
    return base(x, residual: product)
  }
}

/// A block for prediction.
struct FoldedBlock {
  private let norm1: (weight: Tensor, bias: Tensor)
  private let norm2: (weight: Tensor, bias: Tensor)
  private let mixing: WindowMixing
  private let padded: Tensor
  private let qkv: PackedGatedMap
  private let projection: PackedGatedMap
  private let first: PackedGatedMap
  private let w1: PackedMap
  private let w2: PackedMap
  private let last: PackedGatedMap

  init(_ place: String, _ configuration: LoLAConfiguration, level: Int, _ weights: NamedWeights) throws {
    let (width, hidden) = (configuration.width << level, configuration.hidden(level))
    func norm(_ name: String) throws -> (Tensor, Tensor) {
      (
        try weights.tensor("\(place).\(name).weight", shape: [width]),
        try weights.tensor("\(place).\(name).bias", shape: [width])
      )
    }
    norm1 = try norm("norm1")
    norm2 = try norm("norm2")
    let store = ParameterStore(isBlank: true)
    mixing = WindowMixing(
      store.root, heads: configuration.heads[level], window: configuration.windows[level], storesIndex: false,
      attendsPadding: configuration.padding == .attended)
    let table = mixing.bias.table
    table.set(try weights.tensor("\(place).attn.\(table.name)", shape: table.shape))
    padded = try weights.tensor("\(place).attn.qkv.linear.bias", shape: [3 * width])
    qkv = try PackedGatedMap("\(place).attn.qkv", 3 * width, width, configuration, weights)
    projection = try PackedGatedMap("\(place).attn.proj", width, width, configuration, weights)
    first = try PackedGatedMap("\(place).mlp.0", hidden, width, configuration, weights)
    func inner(_ name: String) throws -> (matrix: Tensor, bias: Tensor) {
      (
        try weights.tensor("\(place).mlp.1.\(name).weight", shape: [hidden, hidden]),
        try weights.tensor("\(place).mlp.1.\(name).bias", shape: [hidden])
      )
    }
    let (first, second) = (try inner("w1"), try inner("w2"))
    w1 = PackedMap(first.matrix, bias: first.bias)
    w2 = PackedMap(second.matrix, bias: second.bias)
    last = try PackedGatedMap("\(place).mlp.3", width, hidden, configuration, weights, behind: try inner("w3"))
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    let tape = Tape(.inference)
    let tokens = qkv(Normalisation.layer(x, norm1.weight, norm1.bias))
    let mixed = mixing(Variable(tokens), padded: Variable(padded), tape).value
    let inner = projection(mixed, residual: x)
    let h = first(Normalisation.layer(inner, norm2.weight, norm2.bias))
    let (value, gate) = (w2(h), w1(h))
    hsi_silu_product(gate.pointer, value.pointer, value.count, value.output)
    return last(value, residual: inner)
  }
}

/// The step between levels for prediction: batch normalisation is folded into the matrix before it.
struct FoldedReduction {
  private let layer: LoLAReduction
  private let widen: PackedMap

  init(_ place: String, channels: Int, _ weights: NamedWeights) throws {
    let store = ParameterStore(isBlank: true)
    layer = LoLAReduction(store.root, channels: channels)
    for parameter in store.parameters where !parameter.isInteger {
      parameter.set(try weights.tensor("\(place).\(parameter.name)", shape: parameter.shape))
    }
    let affine = layer.norm.runningAffine
    var matrix = layer.widen.weight.value.copy()
    matrix.withMutableValues { for i in $0.indices { $0[i] *= affine.scale.pointer[i / channels] } }
    widen = PackedMap(matrix, bias: affine.shift)
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    let tape = Tape(.inference)
    let image = layer.excite(tape.activation(.silu, layer.depthwise(Variable(x), tape)), tape)
    return layer.reduction.inference(widen(image.value))
  }
}

/// Layer normalisation without a tape.
enum Normalisation {
  static func layer(_ x: Tensor, _ weight: Tensor, _ bias: Tensor) -> Tensor {
    let channels = weight.count
    let y = Tensor(uninitialised: x.shape)
    hsi_layer_norm_forward(
      x.pointer, nil, x.count / channels, channels, weight.pointer, bias.pointer, 1e-5, nil, y.output, nil)
    return y
  }
}

/// Products of weights when they are folded.
enum Matrices {
  /// `sum + x`.
  static func add(_ x: Tensor, to sum: inout Tensor) {
    sum.withMutableValues { if let target = $0.baseAddress { hsi_axpy(x.pointer, x.count, 1, target) } }
  }

  /// `sum + scale · up · down`, each row on its own.
  static func add(_ up: Tensor, _ down: Tensor, scale: Float, to sum: inout Tensor) {
    let (rows, rank) = (up.shape[0], up.shape[1])
    let columns = down.count / rank
    sum.withMutableValues { sum in
      guard let base = sum.baseAddress else { return }
      let target = base
      Parallel.forEach(rows) { row in
        for k in 0..<rank {
          let factor = scale * up.pointer[row * rank + k]
          for j in 0..<columns { target[row * columns + j] += factor * down.pointer[k * columns + j] }
        }
      }
    }
  }

  /// `a · b` of `[m, k]` and `[k, n]`.
  static func product(_ a: Tensor, _ b: Tensor) throws -> Tensor {
    let (m, k) = (a.shape[0], a.shape[1])
    let n = b.count / k
    let y = Tensor(uninitialised: [m, n])
    let threads = hsi_pool_threads()
    let scratch = Tensor(uninitialised: [hsi_linear_unpacked_scratch_size(k, threads)])
    hsi_linear_forward_unpacked(a.pointer, m, k, b.pointer, 0, nil, n, nil, y.output, scratch.output, threads)
    return y
  }

  /// `a x + bias`.
  static func apply(_ a: Tensor, _ x: Tensor, _ bias: Tensor?) -> Tensor {
    let (rows, columns) = (a.shape[0], a.shape[1])
    return Tensor(
      [rows],
      (0..<rows).map { i in
        let sum = (0..<columns).reduce(0.0) { $0 + Double(a.pointer[i * columns + $1]) * Double(x.pointer[$1]) }
        return Float(sum + Double(bias?.pointer[i] ?? 0))
      })
  }
}
