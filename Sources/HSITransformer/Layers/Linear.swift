import CKernels
import HSINumerics

/// A linear map of the last axis, `y = W x + b`, that may carry adapters: any number, of any kind, in any order.
///
/// `weight` is `[out, in]` (a 1 × 1 convolution of a checkpoint, `[out, in, 1, …]`, loads into it), or has the shape of a convolution
/// whose kernel is all it ever sees; `bias` `[out]`.
public final class Linear {
  /// `[out, in]`, `[out, in, 1, …]`, or `[out, …]` of the extents of a kernel.
  public let weight: Parameter
  /// `[out]`, or none.
  public let bias: Parameter?
  /// The adapters in the order in which they were attached.
  public private(set) var adapters: [any Adapter] = []
  /// The paths of the adapters' parameters.
  public private(set) var places: [String] = []
  /// Where an adapter's parameters go.
  let scope: ParameterScope

  private let forwardPack = PackedWeights()
  private let backwardPack = PackedWeights()
  private var folded: (version: Int, tensor: Tensor)?
  private var withoutThin: (version: Int, tensor: Tensor)?

  /// A layer whose parameters are `weight` and `bias` of `scope`. A 1 × 1 convolution of a checkpoint that is to be written as it was
  /// has `kernelAxes` axes of extent 1 behind the two of its matrix; one whose kernel and step are the same is given the extents of a
  /// filter, `kernel`, `input` values together.
  public init(
    _ scope: ParameterScope, input: Int, output: Int, bias hasBias: Bool = true,
    initialisation: Initialisation = .fanInUniform, biasInitialisation: Initialisation? = nil, kernelAxes: Int = 0,
    kernel: [Int]? = nil
  ) {
    let kernel = kernel ?? [input] + Array(repeating: 1, count: kernelAxes)
    precondition(kernel.reduce(1, *) == input, "a kernel of \(kernel) for \(input) inputs")
    self.scope = scope
    self.input = input
    weight = scope.parameter("weight", [output] + kernel, initialisation)
    let biasStart: Initialisation =
      if let biasInitialisation {
        biasInitialisation
      } else if case .fanInUniform = initialisation {
        .uniform(1 / Double(input).squareRoot())
      } else {
        .constant(0)
      }
    bias = hasBias ? scope.parameter("bias", [output], biasStart, role: .bias) : nil
  }

  /// Number of inputs.
  public let input: Int
  /// Number of outputs.
  public var output: Int { weight.shape[0] }

  /// Puts an adapter beside the layer, behind those that it has. Its parameters join the store under `place` (the scope of
  /// the layer when nil); where that is taken, under `place.adapters.1`, `.2` …
  @discardableResult
  public func attach(_ configuration: some AdapterConfiguration, at place: ParameterScope? = nil) -> any Adapter {
    let free = nextPlace(at: place ?? scope)
    let adapter = configuration.make(free, input: input, output: output)
    adapters.append(adapter)
    places.append(free.path)
    return adapter
  }

  /// Where the next adapter's parameters go by default.
  var nextPlace: ParameterScope { nextPlace(at: scope) }

  private func nextPlace(at place: ParameterScope) -> ParameterScope {
    var (number, free) = (0, place)
    while places.contains(free.path) {
      number += 1
      free = Adapters.place(number, at: place)
    }
    return free
  }

  /// All parameters, those of the adapters included.
  public var parameters: [Parameter] { [weight] + (bias.map { [$0] } ?? []) + adapters.flatMap { $0.parameters } }

  /// Folds what is a matrix of the adapters into `weight`, each sum rounded once; after that it is zero, and the layer
  /// computes what it computed before. What depends on the input (a gate) stays beside the layer.
  ///
  /// - Returns: true when nothing stayed.
  @discardableResult
  public func foldAdapters() -> Bool {
    guard !adapters.isEmpty else { return true }
    var sum = weight.value.copy()
    var isAll = true
    for adapter in adapters {
      let taken = adapter.fold(into: &sum)
      for parameter in taken where !parameter.isBuffer { parameter.update { $0.update(repeating: 0) } }
      isAll = isAll && taken.count == adapter.parameters.count
    }
    weight.set(sum)
    return isAll
  }

  // MARK: - For operations that compute with the whole matrix

  /// Whether the layer is one matrix in this pass: an adapter with a gate, or with dropout in training, is not.
  func isFoldable(_ tape: Tape) -> Bool { adapters.allSatisfy { $0.isMatrix(tape) } }

  /// Sum of the versions of everything in `foldedWeight`.
  var foldedVersion: Int {
    weight.version + adapters.reduce(0) { $0 + $1.version(of: .dense) + $1.version(of: .thin) + 1 }
  }

  /// `W + Σ adapters`, `[out, in]`, where the layer is one matrix.
  var foldedWeight: Tensor {
    guard !adapters.isEmpty else { return weight.value }
    if let folded, folded.version == foldedVersion { return folded.tensor }
    var sum = weight.value.copy()
    for adapter in adapters {
      adapter.add(.thin, to: &sum)
      adapter.add(.dense, to: &sum)
    }
    folded = (foldedVersion, sum)
    return sum
  }

  /// True when a gradient of `foldedWeight` has somewhere to go.
  var wantsWeightGradient: Bool {
    weight.isTrainable || adapters.contains { $0.isTrained(.dense) || $0.isTrained(.thin) }
  }

  /// Hands a gradient of `foldedWeight` to the weight and to the adapters.
  func accumulate(foldedGradient gradient: Tensor) {
    if weight.isTrainable { weight.accumulate(gradient) }
    for adapter in adapters {
      adapter.accumulate(.thin, matrixGradient: gradient.pointer)
      adapter.accumulate(.dense, matrixGradient: gradient.pointer)
    }
  }

  // MARK: - Evaluation

  /// Applies the layer to the last axis. `residual`: a value of the output's shape that is added.
  public func callAsFunction(_ x: Variable, residual: Variable? = nil, _ tape: Tape) -> Variable {
    precondition(x.shape.last == input, "\(weight.name) \(weight.shape) got an input of shape \(x.shape)")
    let rows = x.value.count / input
    let y = Tensor(uninitialised: x.shape.dropLast() + [output])
    // Two thin products cost less than the folding and the gradient of a whole matrix where the weight is frozen.
    let isSplit = !isFoldable(tape) || (tape.isRecording && !adapters.isEmpty && !weight.isTrainable)
    let base = isSplit ? weightWithoutThin : foldedWeight
    LinearProducts.forward(
      x.value.pointer, rows: rows, base, isSplit ? baseVersion : foldedVersion, forwardPack,
      bias: bias?.value.pointer, residual: residual?.value.pointer, y.output)
    let passes = isSplit ? adapters.compactMap { $0.forward(x.value, rows: rows, tape, addingTo: y) } : []
    return tape.record(y, inputs: [x] + (residual.map { [$0] } ?? []), parameters: parameters) {
      Backward(layer: self, x: x, residual: residual, rows: rows, isSplit: isSplit, passes: passes, base: base)
    }
  }

  /// `y = (W + Σ adapters) x + b + residual` on rows in memory, where the layer is one matrix; nothing is recorded.
  func forward(
    _ x: UnsafePointer<Float>, rows: Int, residual: UnsafePointer<Float>? = nil, _ y: UnsafeMutablePointer<Float>
  ) {
    LinearProducts.forward(
      x, rows: rows, foldedWeight, foldedVersion, forwardPack, bias: bias?.value.pointer, residual: residual, y)
  }

  /// The version of `weightWithoutThin` as a pack's key, apart from those of `foldedWeight`: a frozen base is packed once
  /// for a whole training of its adapter.
  private var baseVersion: Int { -2 - weight.version - adapters.reduce(0) { $0 + $1.version(of: .dense) } }

  /// `W` with the dense parts of the adapters.
  private var weightWithoutThin: Tensor {
    guard adapters.contains(where: { !$0.parameters(of: .dense).isEmpty }) else { return weight.value }
    if let withoutThin, withoutThin.version == baseVersion { return withoutThin.tensor }
    var sum = weight.value.copy()
    for adapter in adapters { adapter.add(.dense, to: &sum) }
    withoutThin = (baseVersion, sum)
    return sum
  }

  private struct Backward: TapeOperation {
    let layer: Linear
    let x: Variable
    let residual: Variable?
    let rows: Int
    let isSplit: Bool
    let passes: [any AdapterPass]
    let base: Tensor

    func backward(_ gradient: Tensor, _ gradients: inout Gradients) {
      if let residual { gradients.add(gradient, to: residual) }
      let (input, output) = (layer.input, layer.output)
      let wantsMatrix =
        isSplit
        ? layer.weight.isTrainable || layer.adapters.contains { $0.isTrained(.dense) } : layer.wantsWeightGradient
      let wantsBias = layer.bias?.isTrainable ?? false
      if wantsMatrix {
        let sum = Tensor.zeros([output, input])
        let scratch = Tensor(uninitialised: [hsi_linear_weight_gradient_scratch_size(rows, input, output)])
        func run(_ bias: UnsafeMutablePointer<Float>?) {
          hsi_linear_weight_gradient(
            x.value.pointer, gradient.pointer, rows, input, output, sum.output, bias, scratch.output)
        }
        if let bias = layer.bias, wantsBias { bias.accumulate { run($0) } } else { run(nil) }
        if isSplit {
          if layer.weight.isTrainable { layer.weight.accumulate(sum) }
          for adapter in layer.adapters { adapter.accumulate(.dense, matrixGradient: sum.pointer) }
        } else {
          layer.accumulate(foldedGradient: sum)
        }
      } else if wantsBias, let bias = layer.bias {
        let sum = Tensor(uninitialised: [output])
        RepeatedView(gradient.shape, [output], 0..<(gradient.shape.count - 1)).sum(
          gradient.pointer, scale: 1, sum.output)
        bias.accumulate(sum)
      }
      var inputGradient: Tensor?
      if x.needsGradient {
        let dx = Tensor(uninitialised: [rows, input])
        LinearProducts.dataGradient(
          gradient.pointer, rows: rows, base, isSplit ? layer.baseVersion : layer.foldedVersion, layer.backwardPack,
          residual: nil, dx.output)
        inputGradient = dx
      }
      for pass in passes { pass.backward(gradient, x: x.value, inputGradient: &inputGradient) }
      if let inputGradient { gradients.add(inputGradient.reshaped(x.shape), to: x) }
    }
  }
}
