import CKernels

/// The self-modulated feed-forward network (SM-FFN) of HSDT, widths C → 2C → C:
///
///     y = w_2(GELU(w_1 x)) + a ⊙ σ(g),   [a; g] = w_3 x
///
/// Exact GELU; all three maps have biases. One fused kernel: what is inside never reaches memory, and is computed again on
/// the way back. With adapters that are not a matrix (gate, dropout) the three maps are layers of their own.
/// Source: Lai, Yan, Fu, ICCV 2023.
public final class SelfModulatedFeedForward: FeedForward {
  let first: Linear
  let second: Linear
  let third: Linear
  private let pack = PackedWeights()

  /// Names `w_1`, `w_2`, `w_3` under `scope`.
  public init(_ scope: ParameterScope, channels: Int, initialisation: Initialisation = .normal(0.001)) {
    func linear(_ name: String, _ input: Int, _ output: Int) -> Linear {
      Linear(
        scope[name], input: input, output: output, initialisation: initialisation,
        biasInitialisation: .constant(0))
    }
    first = linear("w_1", channels, 2 * channels)
    second = linear("w_2", 2 * channels, channels)
    third = linear("w_3", channels, 2 * channels)
  }

  public var linears: [Linear] { [first, second, third] }
  private var channels: Int { first.input }

  /// The weights for the kernels, made again when they have changed.
  var packed: Tensor {
    pack.get(
      version: linears.reduce(0) { $0 + $1.foldedVersion + ($1.bias?.version ?? 0) },
      count: hsi_smffn_packed_size(channels)
    ) {
      hsi_smffn_pack(
        channels, first.foldedWeight.pointer, first.bias?.value.pointer, second.foldedWeight.pointer,
        second.bias?.value.pointer, third.foldedWeight.pointer, third.bias?.value.pointer, $0)
    }
  }

  public func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
    precondition(x.shape.last == channels, "SM-FFN \(first.weight.name) got an input of shape \(x.shape)")
    guard isFused(tape) else { return composed(x, tape) }
    let rows = x.value.count / channels
    let y = Tensor(uninitialised: x.shape)
    let scratch = ThreadScratch { hsi_smffn_forward_scratch_size(channels, $0) }
    let packed = packed
    hsi_smffn_forward(x.value.pointer, rows, channels, packed.pointer, y.output, scratch.pointer, scratch.threads)
    return tape.record(y, inputs: [x], parameters: linears.flatMap(\.parameters)) {
      Backward(layer: self, x: x, rows: rows, packed: packed)
    }
  }

  /// Whether all maps are one matrix in this pass.
  func isFused(_ tape: Tape) -> Bool { linears.allSatisfy { $0.isFoldable(tape) } }

  private func composed(_ x: Variable, _ tape: Tape) -> Variable {
    let (value, gate) = tape.halves(third(x, tape))
    let modulated = tape.multiply(value, tape.activation(.sigmoid, gate))
    return second(tape.activation(.gelu, first(x, tape)), residual: modulated, tape)
  }

  /// Calls `compute` with room for the gradients of the weights, and hands what it adds to them on.
  func accumulate(_ compute: (inout hsi_smffn_gradients) -> Void) {
    let weights = linears.map { Tensor.zeros($0.weight.shape) }
    let biases = linears.map { Tensor.zeros([$0.output]) }
    var target = hsi_smffn_gradients(
      w1: weights[0].output, b1: biases[0].output, w2: weights[1].output, b2: biases[1].output, w3: weights[2].output,
      b3: biases[2].output)
    compute(&target)
    for (index, linear) in linears.enumerated() {
      if linear.wantsWeightGradient { linear.accumulate(foldedGradient: weights[index]) }
      if let bias = linear.bias, bias.isTrainable {
        bias.accumulate { sum in for i in 0..<linear.output { sum[i] += biases[index].pointer[i] } }
      }
    }
  }

  private struct Backward: TapeOperation {
    let layer: SelfModulatedFeedForward
    let x: Variable
    let rows: Int
    let packed: Tensor

    func backward(_ gradient: Tensor, _ gradients: inout Gradients) {
      let channels = layer.channels
      let dx = Tensor(uninitialised: x.shape)
      let scratch = ThreadScratch { hsi_smffn_backward_scratch_size(rows, channels, $0) }
      layer.accumulate { target in
        hsi_smffn_backward(
          x.value.pointer, gradient.pointer, rows, channels, packed.pointer, dx.output, &target, scratch.pointer,
          scratch.threads)
      }
      gradients.add(dx, to: x)
    }
  }
}
