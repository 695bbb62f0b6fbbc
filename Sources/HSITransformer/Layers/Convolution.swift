import CKernels

/// A dense convolution over `[batch, bands, rows, columns, channels]` volumes, or `[batch, rows, columns, channels]` images.
///
///     y = leaky(W ⋆ x + b),   leaky(t) = t for t > 0, leak · t otherwise
///
/// A cross-correlation with zero padding of half the kernel. `weight` is `[out, in, depth, rows, columns]` (images: without
/// depth). Kernel sizes 1 or 3 along the bands, 1 or 3 in the plane, stride 1 or 2 in the plane. Kernels of 3 × 3 use
/// Winograd's F(4 × 4, 3 × 3), whose error is some 10⁻⁵ of the largest output, unless `Exactness.isRequired`.
public final class Convolution {
  /// `[out, in, …]`.
  public let weight: Parameter
  /// `[out]`, or none.
  public let bias: Parameter?
  /// Negative slope of the activation; 1 for none.
  public let leak: Float

  private let depthTaps: Int
  private let planeTaps: Int
  private let stride: Int
  private let forwardPack = [PackedWeights(), PackedWeights()]
  private let transposedPack = [PackedWeights(), PackedWeights()]

  /// Kernel `depthTaps × planeTaps × planeTaps`; an image convolution when `depthTaps` is nil.
  public init(
    _ scope: ParameterScope, input: Int, output: Int, depthTaps: Int? = nil, planeTaps: Int = 3, stride: Int = 1,
    bias hasBias: Bool = false, leak: Float = 1, initialisation: Initialisation = .fanInUniform
  ) {
    let kernel = (depthTaps.map { [$0] } ?? []) + [planeTaps, planeTaps]
    self.depthTaps = depthTaps ?? 1
    self.planeTaps = planeTaps
    self.stride = stride
    self.leak = leak
    weight = scope.parameter("weight", [output, input] + kernel, initialisation)
    let fanIn = Double(kernel.reduce(input, *))
    let biasStart: Initialisation =
      if case .fanInUniform = initialisation { .uniform(1 / fanIn.squareRoot()) } else { .constant(0) }
    bias = hasBias ? scope.parameter("bias", [output], biasStart, role: .bias) : nil
  }

  /// Applies the layer.
  public func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
    let geometry = Geometry(self, x.shape)
    let exact = Exactness.isRequired
    let y = run(x.value, geometry, exact: exact, onto: nil)
    return tape.record(y, inputs: [x], parameters: [weight] + (bias.map { [$0] } ?? [])) {
      Backward(layer: self, geometry: geometry, exact: exact, x: x, y: leak == 1 ? nil : y)
    }
  }

  /// An affine map per output channel, `scale ⊙ y + shift`, to be folded into the weights.
  package struct ChannelAffine {
    package let scale: Tensor
    package let shift: Tensor
    /// Changes when the map does.
    let version: Int
    /// Nowhere negative: then it also commutes with the leaky rectifier.
    package let isPositive: Bool
  }

  /// `sum + scale ⊙ leaky(W ⋆ x + b) + shift` for inference: nothing is recorded. `sum` is used up; scale must be positive
  /// where there is an activation. With `shifts` false the summand of the map is left to somebody else.
  package func inference(
    _ x: Tensor, onto sum: consuming Tensor? = nil, _ affine: ChannelAffine? = nil, shifts: Bool = true
  ) -> Tensor {
    let geometry = Geometry(self, x.shape)
    var target: Tensor? = nil
    if var sum = consume sum {
      if !sum.isUnique { sum = sum.copy() }
      target = sum
    }
    return run(x, geometry, exact: Exactness.isRequired, onto: target, affine, shifts: shifts)
  }

  private func run(
    _ x: Tensor, _ geometry: Geometry, exact: Bool, onto sum: Tensor?, _ affine: ChannelAffine? = nil,
    shifts: Bool = true
  ) -> Tensor {
    let y = sum ?? Tensor(uninitialised: geometry.outputShape)
    var shape = geometry.kernel
    let exactFlag: Int32 = exact ? 1 : 0
    let scratch = ThreadScratch { hsi_convolution_scratch_size(&shape, exactFlag, $0) }
    let outputs = weight.shape[0]
    // Versions with and without a folded map are of different parity.
    let packed = forwardPack[exact ? 1 : 0].get(
      version: affine.map { 2 * (weight.version + $0.version) + 1 } ?? 2 * weight.version,
      count: hsi_convolution_packed_size(&shape, exactFlag)
    ) { target in
      guard let affine else { return hsi_convolution_pack(&shape, exactFlag, weight.value.pointer, target) }
      let scaled = Tensor(uninitialised: weight.shape)
      let each = weight.value.count / outputs
      for o in 0..<outputs {
        for i in 0..<each {
          scaled.output[o * each + i] = affine.scale.pointer[o] * weight.value.pointer[o * each + i]
        }
      }
      hsi_convolution_pack(&shape, exactFlag, scaled.pointer, target)
    }
    var offset = bias?.value
    if let affine {
      let folded = Tensor(uninitialised: [outputs])
      for o in 0..<outputs {
        folded.output[o] =
          (shifts ? affine.shift.pointer[o] : 0) + affine.scale.pointer[o] * (bias?.value.pointer[o] ?? 0)
      }
      offset = folded
    }
    hsi_convolution_forward(
      &shape, exactFlag, x.pointer, packed.pointer, offset?.pointer, leak, sum == nil ? 0 : 1, y.output,
      scratch.pointer, scratch.threads)
    return y
  }

  private struct Geometry {
    var kernel: hsi_convolution
    let inputShape: [Int]
    let outputShape: [Int]

    init(_ layer: Convolution, _ shape: [Int]) {
      let isVolume = layer.weight.shape.count == 5
      precondition(
        shape.count == (isVolume ? 5 : 4) && shape.last == layer.weight.shape[1],
        "convolution \(layer.weight.name) \(layer.weight.shape) got an input of shape \(shape)")
      let (rows, columns) = (shape[shape.count - 3], shape[shape.count - 2])
      kernel = hsi_convolution(
        samples: Int32(shape[0]), depth: Int32(isVolume ? shape[1] : 1), rows: Int32(rows), columns: Int32(columns),
        input_channels: Int32(shape.last ?? 1), output_channels: Int32(layer.weight.shape[0]),
        depth_taps: Int32(layer.depthTaps), plane_taps: Int32(layer.planeTaps), plane_stride: Int32(layer.stride))
      inputShape = shape
      outputShape =
        shape.dropLast(3)
        + [(rows - 1) / layer.stride + 1, (columns - 1) / layer.stride + 1, layer.weight.shape[0]]
    }
  }

  private struct Backward: TapeOperation {
    let layer: Convolution
    let geometry: Geometry
    let exact: Bool
    let x: Variable
    /// The output, whose sign tells the side of the activation; nil without one.
    let y: Tensor?

    func backward(_ gradient: Tensor, _ gradients: inout Gradients) {
      var shape = geometry.kernel
      let exactFlag: Int32 = exact ? 1 : 0
      var gradient = gradient
      if let y { gradient = Elementwise.leakyBackward(gradient, output: y, leak: layer.leak) }
      let scratch = ThreadScratch { hsi_convolution_scratch_size(&shape, exactFlag, $0) }
      if layer.weight.isTrainable {
        layer.weight.accumulate { weightGradient in
          if let bias = layer.bias, bias.isTrainable {
            bias.accumulate {
              hsi_convolution_weight_gradient(
                &shape, exactFlag, x.value.pointer, gradient.pointer, weightGradient, $0, scratch.pointer,
                scratch.threads)
            }
          } else {
            hsi_convolution_weight_gradient(
              &shape, exactFlag, x.value.pointer, gradient.pointer, weightGradient, nil, scratch.pointer,
              scratch.threads)
          }
        }
      }
      guard x.needsGradient else { return }
      let packed = layer.transposedPack[exact ? 1 : 0].get(
        version: layer.weight.version, count: hsi_convolution_packed_size_transposed(&shape, exactFlag)
      ) { hsi_convolution_pack_transposed(&shape, exactFlag, layer.weight.value.pointer, $0) }
      let inputGradient = Tensor(uninitialised: geometry.inputShape)
      hsi_convolution_data_gradient(
        &shape, exactFlag, gradient.pointer, packed.pointer, 0, inputGradient.output, scratch.pointer, scratch.threads)
      gradients.add(inputGradient, to: x)
    }
  }
}
