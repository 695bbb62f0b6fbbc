import CKernels
import HSINumerics

/// A linear map of the last axis, `y = W x + b`, that may carry low-rank adapters, one of which may be gated.
///
/// `weight` is `[out, in]` (a 1 × 1 convolution of a checkpoint, `[out, in, 1, …]`, loads into it), `bias` `[out]`.
public final class Linear {
  /// `[out, in]`.
  public let weight: Parameter
  /// `[out]`, or none.
  public let bias: Parameter?
  /// The adapters in the order in which they were attached.
  public private(set) var adapters: [LowRankAdapter] = []
  /// Where an adapter's parameters go.
  let scope: ParameterScope

  private let forwardPack = PackedWeights()
  private let backwardPack = PackedWeights()
  fileprivate let gatePack = PackedWeights()
  fileprivate let gateBackwardPack = PackedWeights()
  private var folded: (version: Int, tensor: Tensor)?
  private var withoutProduct: (version: Int, tensor: Tensor)?

  /// A layer whose parameters are `weight` and `bias` of `scope`.
  public init(
    _ scope: ParameterScope, input: Int, output: Int, bias hasBias: Bool = true,
    initialisation: Initialisation = .fanInUniform, biasInitialisation: Initialisation? = nil
  ) {
    self.scope = scope
    weight = scope.parameter("weight", [output, input], initialisation)
    let biasStart: Initialisation =
      if let biasInitialisation {
        biasInitialisation
      } else if case .fanInUniform = initialisation {
        .uniform(1 / Double(input).squareRoot())
      } else {
        .constant(0)
      }
    bias = hasBias ? scope.parameter("bias", [output], biasStart) : nil
  }

  /// Number of inputs.
  public var input: Int { weight.shape[1] }
  /// Number of outputs.
  public var output: Int { weight.shape[0] }

  /// Puts an adapter beside the layer; its parameters join the store under `at` (the scope of the layer when nil).
  public func attach(
    _ configuration: LowRankAdapter.Configuration, at place: ParameterScope? = nil,
    initialisation: Initialisation? = nil
  ) {
    precondition(
      !configuration.isGated || adapters.allSatisfy { $0.gate == nil }, "\(weight.name) has a gated adapter already")
    adapters.append(
      LowRankAdapter(place ?? scope, input: input, output: output, configuration, initialisation: initialisation))
  }

  /// All parameters, those of the adapters included.
  public var parameters: [Parameter] { [weight] + (bias.map { [$0] } ?? []) + adapters.flatMap(\.parameters) }

  /// The first adapter.
  public var adapter: LowRankAdapter? { adapters.first }

  /// Folds the adapters' products (and residuals) into `weight`, after which they are zero. A gate depends on the input and
  /// cannot be folded: layers with one are left alone, and false is returned.
  @discardableResult
  public func foldAdapter() -> Bool {
    guard !hasGate else { return false }
    weight.set(foldedWeight)
    for parameter in adapters.flatMap(\.parameters) { parameter.update { $0.update(repeating: 0) } }
    return true
  }

  private var hasGate: Bool { adapters.contains { $0.gate != nil } }
  private var residuals: [Parameter] { adapters.compactMap(\.residual) }

  // MARK: - For operations that compute with the whole matrix

  /// Whether the layer is one matrix in this pass: a gate and dropout on an adapter's input are not.
  func isFoldable(_ tape: Tape) -> Bool {
    adapter.map { $0.gate == nil && !(tape.isTraining && $0.configuration.dropout > 0) } ?? true
  }

  /// Sum of the versions of everything in `foldedWeight`.
  var foldedVersion: Int {
    weight.version
      + adapters.reduce(0) { $0 + $1.down.version + $1.up.version + ($1.residual?.version ?? 0) + 1 }
  }

  /// `W + Σ (α/r) U D + R` (without products that have a gate), `[out, in]`.
  var foldedWeight: Tensor {
    guard !adapters.isEmpty else { return weight.value }
    if let folded, folded.version == foldedVersion { return folded.tensor }
    var sum = weight.value.copy()
    for adapter in adapters {
      if adapter.gate == nil { Elementwise.add(adapter.product, into: &sum) }
      if let residual = adapter.residual { Elementwise.add(residual.value, into: &sum) }
    }
    folded = (foldedVersion, sum)
    return sum
  }

  /// True when a gradient of `foldedWeight` has somewhere to go.
  var wantsWeightGradient: Bool {
    weight.isTrainable || adapters.contains { $0.parameters.contains(where: \.isTrainable) }
  }

  /// Hands a gradient of `foldedWeight` to the weight and to the adapter.
  func accumulate(foldedGradient gradient: Tensor) {
    if weight.isTrainable { weight.accumulate(gradient) }
    for adapter in adapters { adapter.accumulate(foldedGradient: gradient.pointer) }
  }

  // MARK: - Evaluation

  /// Applies the layer to the last axis. `residual`: a value of the output's shape that is added.
  public func callAsFunction(_ x: Variable, residual: Variable? = nil, _ tape: Tape) -> Variable {
    precondition(x.shape.last == input, "\(weight.name) \(weight.shape) got an input of shape \(x.shape)")
    let rows = x.value.count / input
    let y = Tensor(uninitialised: x.shape.dropLast() + [output])
    let isLowRank = hasGate || (tape.isRecording && prefersLowRank(tape))
    let base = isLowRank ? weightWithoutProduct : foldedWeight
    forward(
      x.value, base, version: isLowRank ? baseVersion : foldedVersion, rows: rows, residual: residual?.value, y)
    let saved = isLowRank ? adapters.map { AdapterStep(self, $0, x.value, rows: rows, tape, addingTo: y) } : []
    return tape.record(y, inputs: [x] + (residual.map { [$0] } ?? []), parameters: parameters) {
      Backward(layer: self, x: x, residual: residual, rows: rows, adapterSteps: saved, base: base)
    }
  }

  /// Two thin products cost less than the folding and the gradient of a whole matrix when there are few rows; dropout on
  /// the adapter's input needs them.
  private func prefersLowRank(_ tape: Tape) -> Bool {
    !adapters.isEmpty
      && (!weight.isTrainable || (tape.isTraining && adapters.contains { $0.configuration.dropout > 0 }))
  }

  /// The version of `weightWithoutProduct` as a pack's key, apart from those of `foldedWeight`: a frozen base is packed once
  /// for a whole training of its adapter.
  fileprivate var baseVersion: Int { -2 - weight.version - residuals.reduce(0) { $0 + $1.version } }

  /// `W + R`.
  private var weightWithoutProduct: Tensor {
    guard !residuals.isEmpty else { return weight.value }
    if let withoutProduct, withoutProduct.version == baseVersion { return withoutProduct.tensor }
    var sum = Elementwise.add(weight.value, residuals[0].value)
    for residual in residuals.dropFirst() { Elementwise.add(residual.value, into: &sum) }
    withoutProduct = (baseVersion, sum)
    return sum
  }

  private func forward(
    _ x: Tensor, _ matrix: Tensor, version: Int, rows: Int, residual: Tensor?, _ y: Tensor
  ) {
    LinearProducts.forward(
      x.pointer, rows: rows, matrix, version, forwardPack, bias: bias?.value.pointer, residual: residual?.pointer,
      y.output)
  }

  /// `dx = dy · matrix`, `matrix` `[out, in]`.
  fileprivate func dataGradient(_ dy: Tensor, _ matrix: Tensor, rows: Int, version: Int) -> Tensor {
    let dx = Tensor(uninitialised: [rows, input])
    LinearProducts.dataGradient(dy.pointer, rows: rows, matrix, version, backwardPack, residual: nil, dx.output)
    return dx
  }

  private struct Backward: Operation {
    let layer: Linear
    let x: Variable
    let residual: Variable?
    let rows: Int
    let adapterSteps: [AdapterStep]
    let base: Tensor

    func backward(_ gradient: Tensor, _ gradients: inout Gradients) {
      if let residual { gradients.add(gradient, to: residual) }
      let (input, output) = (layer.input, layer.output)
      let matrices = [layer.weight] + layer.residuals
      let wantsMatrix =
        adapterSteps.isEmpty ? layer.wantsWeightGradient : matrices.contains(where: \.isTrainable)
      let wantsBias = layer.bias?.isTrainable ?? false
      if wantsMatrix {
        let sum = Tensor.zeros([output, input])
        let scratch = Tensor(uninitialised: [hsi_linear_weight_gradient_scratch_size(rows, input, output)])
        func run(_ bias: UnsafeMutablePointer<Float>?) {
          hsi_linear_weight_gradient(
            x.value.pointer, gradient.pointer, rows, input, output, sum.output, bias, scratch.output)
        }
        if let bias = layer.bias, wantsBias { bias.accumulate { run($0) } } else { run(nil) }
        if adapterSteps.isEmpty {
          layer.accumulate(foldedGradient: sum)
        } else {
          for parameter in matrices where parameter.isTrainable { parameter.accumulate(sum) }
        }
      } else if wantsBias, let bias = layer.bias {
        let sum = Tensor(uninitialised: [output])
        RepeatedView(gradient.shape, [output], 0..<(gradient.shape.count - 1)).sum(gradient.pointer, scale: 1, sum.output)
        bias.accumulate(sum)
      }
      var inputGradient: Tensor?
      if x.needsGradient {
        inputGradient = layer.dataGradient(
          gradient, base, rows: rows, version: adapterSteps.isEmpty ? layer.foldedVersion : layer.baseVersion)
      }
      for step in adapterSteps { step.backward(gradient, x: x.value, inputGradient: &inputGradient) }
      if let inputGradient { gradients.add(inputGradient.reshaped(x.shape), to: x) }
    }
  }
}

/// Products of rows with matrices `[out, in]`. Small matrices are packed once per version; large ones, of which packed copies
/// would double the memory of a network, column by column while they are used. Both give the same bits.
private enum LinearProducts {
  /// Values from which a matrix is large.
  static let large = 1 << 16

  /// `y = x Mᵀ + bias + residual`.
  static func forward(
    _ x: UnsafePointer<Float>, rows: Int, _ matrix: Tensor, _ version: Int, _ pack: PackedWeights,
    bias: UnsafePointer<Float>?, residual: UnsafePointer<Float>?, _ y: UnsafeMutablePointer<Float>
  ) {
    let (output, input) = (matrix.shape[0], matrix.count / matrix.shape[0])
    guard matrix.count < large else {
      let scratch = ThreadScratch { hsi_linear_unpacked_scratch_size(input, $0) }
      hsi_linear_forward_unpacked(
        x, rows, input, matrix.pointer, 1, bias, output, residual, y, scratch.pointer,
        scratch.threads)
      return
    }
    let packed = pack.get(version: version, count: hsi_gemm_packed_size(input, output)) {
      hsi_gemm_pack_transposed(matrix.pointer, output, input, $0)
    }
    hsi_linear_forward(x, rows, input, packed.pointer, bias, output, residual, y)
  }

  /// `dx = dy M + residual`.
  static func dataGradient(
    _ dy: UnsafePointer<Float>, rows: Int, _ matrix: Tensor, _ version: Int, _ pack: PackedWeights,
    residual: UnsafePointer<Float>?, _ dx: UnsafeMutablePointer<Float>
  ) {
    let (output, input) = (matrix.shape[0], matrix.count / matrix.shape[0])
    guard matrix.count < large else {
      let scratch = ThreadScratch { hsi_linear_unpacked_scratch_size(output, $0) }
      hsi_linear_forward_unpacked(
        dy, rows, output, matrix.pointer, 0, nil, input, residual, dx, scratch.pointer,
        scratch.threads)
      return
    }
    let packed = pack.get(version: version, count: hsi_gemm_packed_size(output, input)) {
      hsi_gemm_pack(matrix.pointer, input, output, input, $0)
    }
    hsi_linear_forward(dy, rows, output, packed.pointer, nil, input, residual, dx)
  }
}

/// The adapter's part of one evaluation of a linear layer, by two thin products.
private struct AdapterStep {
  let layer: Linear
  let adapter: LowRankAdapter
  let rows: Int
  /// The input after dropout, when there is dropout.
  let dropped: (value: Tensor, mask: Tensor)?
  /// D x, `[rows, r]`.
  let low: Tensor
  /// (α/r) U D x, kept when there is a gate.
  let product: Tensor?
  /// σ(G x).
  let gate: Tensor?

  init(
    _ layer: Linear, _ adapter: LowRankAdapter, _ x: Tensor, rows: Int, _ tape: Tape, addingTo y: Tensor
  ) {
    self.layer = layer
    self.adapter = adapter
    self.rows = rows
    let (input, output, rank) = (layer.input, layer.output, adapter.configuration.rank)
    let rate = adapter.configuration.dropout
    if tape.isTraining, rate > 0 {
      let mask = Dropout.mask(count: x.count, rate: rate, &tape.random)
      dropped = (Elementwise.multiply(x, mask), mask)
    } else {
      dropped = nil
    }
    low = Tensor(uninitialised: [rows, rank])
    Products.multiply(
      (dropped?.value ?? x).pointer, .none, adapter.down.value.pointer, .transposed, low.output, m: rows, n: rank,
      k: input)
    guard let gateWeight = adapter.gate else {
      product = nil
      gate = nil
      Products.multiply(
        low.pointer, .none, adapter.up.value.pointer, .transposed, y.output, m: rows, n: output, k: rank,
        scale: adapter.scale, keep: 1)
      return
    }
    let product = Tensor(uninitialised: [rows, output])
    Products.multiply(
      low.pointer, .none, adapter.up.value.pointer, .transposed, product.output, m: rows, n: output, k: rank,
      scale: adapter.scale)
    let logits = Tensor(uninitialised: [rows, output])
    LinearProducts.forward(
      x.pointer, rows: rows, gateWeight.value, gateWeight.version, layer.gatePack, bias: nil, residual: nil,
      logits.output)
    let gate = Elementwise.apply(.sigmoid, logits)
    Elementwise.add(Elementwise.multiply(gate, product), into: y)
    self.product = product
    self.gate = gate
  }

  func backward(_ gradient: Tensor, x: Tensor, inputGradient: inout Tensor?) {
    let (output, rank) = (adapter.up.shape[0], adapter.up.shape[1])
    let input = adapter.down.shape[1]
    var productGradient = gradient
    if let gate, let product, let gateWeight = adapter.gate {
      productGradient = Elementwise.multiply(gradient, gate)
      // d/d logits of σ: σ(1 − σ).
      let logitGradient = Elementwise.backward(
        .sigmoid, Elementwise.multiply(gradient, product), input: gate, output: gate)
      if gateWeight.isTrainable {
        let scratch = Tensor(uninitialised: [hsi_linear_weight_gradient_scratch_size(rows, input, output)])
        gateWeight.accumulate {
          hsi_linear_weight_gradient(
            x.pointer, logitGradient.pointer, rows, input, output, $0, nil, scratch.output)
        }
      }
      if let target = inputGradient?.output {
        LinearProducts.dataGradient(
          logitGradient.pointer, rows: rows, gateWeight.value, gateWeight.version, layer.gateBackwardPack,
          residual: target, target)
      }
    }
    if adapter.up.isTrainable {
      adapter.up.accumulate {
        Products.multiply(
          productGradient.pointer, .transposed, low.pointer, .none, $0, m: output, n: rank, k: rows,
          scale: adapter.scale, keep: 1)
      }
    }
    let lowGradient = Tensor(uninitialised: [rows, rank])
    Products.multiply(
      productGradient.pointer, .none, adapter.up.value.pointer, .none, lowGradient.output, m: rows, n: rank, k: output,
      scale: adapter.scale)
    if adapter.down.isTrainable {
      adapter.down.accumulate {
        Products.multiply(
          lowGradient.pointer, .transposed, (dropped?.value ?? x).pointer, .none, $0, m: rank, n: input, k: rows, keep: 1)
      }
    }
    guard inputGradient != nil else { return }
    guard let dropped else {
      Products.multiply(
        lowGradient.pointer, .none, adapter.down.value.pointer, .none, inputGradient!.output, m: rows, n: input, k: rank,
        keep: 1)
      return
    }
    let throughAdapter = Tensor(uninitialised: [rows, input])
    Products.multiply(
      lowGradient.pointer, .none, adapter.down.value.pointer, .none, throughAdapter.output, m: rows, n: input, k: rank)
    Elementwise.add(Elementwise.multiply(throughAdapter, dropped.mask), into: inputGradient!)
  }
}
