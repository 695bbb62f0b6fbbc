import CKernels

/// Batch normalisation over everything but the last axis.
///
///     y = γ (x − μ) / √(σ² + ε) + β
///
/// In training μ and σ² are those of the batch (biased variance) and move the running statistics by `momentum` (with the
/// unbiased variance); otherwise the running statistics are used. Names and conventions of PyTorch. `weight` = γ, `bias` = β.
public final class BatchNorm {
  /// γ, `[C]`.
  public let weight: Parameter
  /// β, `[C]`.
  public let bias: Parameter
  /// Running mean, `[C]`.
  public let runningMean: Parameter
  /// Running variance, `[C]`.
  public let runningVariance: Parameter
  /// Batches seen; absent in some checkpoints.
  public let batches: Parameter
  /// ε.
  public let epsilon: Double
  /// Weight of the newest batch.
  public let momentum: Double

  /// A layer for `channels` values on the last axis.
  public init(_ scope: ParameterScope, channels: Int, epsilon: Double = 1e-5, momentum: Double = 0.1) {
    weight = scope.parameter("weight", [channels], .constant(1), role: .norm)
    bias = scope.parameter("bias", [channels], .constant(0), role: .norm)
    runningMean = scope.buffer("running_mean", [channels], 0)
    runningVariance = scope.buffer("running_var", [channels], 1)
    batches = scope.buffer("num_batches_tracked", [], 0, isInteger: true)
    self.epsilon = epsilon
    self.momentum = momentum
  }

  private var channels: Int { weight.value.count }

  /// The map per channel with running statistics, `y = scale ⊙ x + shift`, for folding into a convolution before it.
  package var runningAffine: Convolution.ChannelAffine {
    let version = weight.version + bias.version + runningMean.version + runningVariance.version
    if let kept = folded, kept.version == version { return kept }
    let map = affine(
      mean: runningMean.value.values.map(Double.init), variance: runningVariance.value.values.map(Double.init))
    let made = Convolution.ChannelAffine(
      scale: map.scale, shift: map.shift, version: version, isPositive: map.scale.values.allSatisfy { $0 >= 0 })
    folded = made
    return made
  }

  private var folded: Convolution.ChannelAffine?

  private func affine(mean: [Double], variance: [Double]) -> (scale: Tensor, shift: Tensor) {
    let scale = (0..<channels).map { Double(weight.value.pointer[$0]) / (variance[$0] + epsilon).squareRoot() }
    let shift = (0..<channels).map { Double(bias.value.pointer[$0]) - mean[$0] * scale[$0] }
    return (Tensor([channels], scale.map { Float($0) }), Tensor([channels], shift.map { Float($0) }))
  }

  /// Applies the layer.
  public func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
    precondition(x.shape.last == channels, "batch norm \(weight.name) [\(channels)] got an input of shape \(x.shape)")
    let rows = x.value.count / channels
    var mean = [Double](repeating: 0, count: channels)
    var variance = mean
    if tape.isTraining {
      let scratch = Tensor(uninitialised: [hsi_batch_norm_scratch_size(rows, channels)])
      hsi_batch_moments(x.value.pointer, rows, channels, &mean, &variance, scratch.output)
      follow(mean: mean, variance: variance, rows: rows)
    } else {
      for c in 0..<channels {
        mean[c] = Double(runningMean.value.pointer[c])
        variance[c] = Double(runningVariance.value.pointer[c])
      }
    }
    let (scale, shift) = affine(mean: mean, variance: variance)
    let y = Tensor(uninitialised: x.shape)
    hsi_affine_channels(x.value.pointer, rows, channels, scale.pointer, shift.pointer, y.output)
    return tape.record(y, inputs: [x], parameters: [weight, bias]) {
      Backward(
        layer: self, x: x, rows: rows, mean: mean, inverse: variance.map { 1 / ($0 + epsilon).squareRoot() },
        scale: scale, usesBatch: tape.isTraining)
    }
  }

  private func follow(mean: [Double], variance: [Double], rows: Int) {
    let unbiased = rows > 1 ? Double(rows) / Double(rows - 1) : 1
    runningMean.update { for c in $0.indices { $0[c] = Float((1 - momentum) * Double($0[c]) + momentum * mean[c]) } }
    runningVariance.update {
      for c in $0.indices { $0[c] = Float((1 - momentum) * Double($0[c]) + momentum * variance[c] * unbiased) }
    }
    batches.update { $0[0] += 1 }
  }

  private struct Backward: TapeOperation {
    let layer: BatchNorm
    let x: Variable
    let rows: Int
    let mean: [Double]
    let inverse: [Double]
    let scale: Tensor
    let usesBatch: Bool

    func backward(_ gradient: Tensor, _ gradients: inout Gradients) {
      let channels = layer.channels
      let inputGradient = Tensor(uninitialised: x.shape)
      let scratch = Tensor(uninitialised: [hsi_batch_norm_scratch_size(rows, channels)])
      // The kernel adds the sums for γ and β in any case; frozen ones go nowhere.
      let unused = Tensor.zeros([2, channels])
      func run(_ gamma: UnsafeMutablePointer<Float>, _ beta: UnsafeMutablePointer<Float>) {
        hsi_batch_norm_backward(
          x.value.pointer, gradient.pointer, rows, channels, mean, inverse, layer.weight.value.pointer,
          inputGradient.output, gamma, beta, scratch.output)
        // With running statistics the batch has no part in the normalisation.
        if !usesBatch {
          // A name of its own: what a temporary holds may be gone before the call.
          let none = Tensor.zeros([channels])
          hsi_affine_channels(gradient.pointer, rows, channels, scale.pointer, none.pointer, inputGradient.output)
        }
      }
      switch (layer.weight.isTrainable, layer.bias.isTrainable) {
      case (true, true): layer.weight.accumulate { gamma in layer.bias.accumulate { run(gamma, $0) } }
      case (true, false): layer.weight.accumulate { run($0, unused.output + channels) }
      case (false, true): layer.bias.accumulate { run(unused.output, $0) }
      case (false, false): run(unused.output, unused.output + channels)
      }
      gradients.add(inputGradient, to: x)
    }
  }
}
