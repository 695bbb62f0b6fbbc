import CKernels

/// Layer normalisation over the last axis,
///
///     y = γ (x − μ) / √(σ² + ε) + β,   μ, σ² of the last axis (biased variance)
///
/// `weight` = γ and `bias` = β, `[C]`. Over the channels of an image in PyTorch's layout it is the same layer here, where
/// channels are last.
public final class LayerNorm {
  /// γ, `[C]`.
  public let weight: Parameter
  /// β, `[C]`.
  public let bias: Parameter
  /// ε.
  public let epsilon: Float

  /// A layer for `channels` values on the last axis.
  public init(_ scope: ParameterScope, channels: Int, epsilon: Float = 1e-5) {
    weight = scope.parameter("weight", [channels], .constant(1), role: .norm)
    bias = scope.parameter("bias", [channels], .constant(0), role: .norm)
    self.epsilon = epsilon
  }

  /// Applies the layer.
  public func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
    let channels = weight.value.count
    precondition(x.shape.last == channels, "layer norm \(weight.name) [\(channels)] got an input of shape \(x.shape)")
    let rows = x.value.count / channels
    let y = Tensor(uninitialised: x.shape)
    let statistics = Tensor(uninitialised: [rows, 2])
    hsi_layer_norm_forward(
      x.value.pointer, nil, rows, channels, weight.value.pointer, bias.value.pointer, epsilon, nil, y.output,
      statistics.output)
    return tape.record(y, inputs: [x], parameters: [weight, bias]) {
      Backward(layer: self, x: x, rows: rows, statistics: statistics)
    }
  }

  private struct Backward: TapeOperation {
    let layer: LayerNorm
    let x: Variable
    let rows: Int
    let statistics: Tensor

    func backward(_ gradient: Tensor, _ gradients: inout Gradients) {
      let channels = layer.weight.value.count
      let dx = Tensor(uninitialised: x.shape)
      let scratch = Tensor(uninitialised: [hsi_layer_norm_backward_scratch_size(rows, channels)])
      let wantsSums = layer.weight.isTrainable || layer.bias.isTrainable
      let sums = Tensor.zeros([2, channels])
      hsi_layer_norm_backward(
        x.value.pointer, gradient.pointer, statistics.pointer, rows, channels, layer.weight.value.pointer, nil,
        dx.output, wantsSums ? sums.output : nil, wantsSums ? sums.output + channels : nil, scratch.output)
      for (index, parameter) in [layer.weight, layer.bias].enumerated() where parameter.isTrainable {
        parameter.accumulate { total in for c in 0..<channels { total[c] += sums.pointer[index * channels + c] } }
      }
      gradients.add(dx, to: x)
    }
  }
}
