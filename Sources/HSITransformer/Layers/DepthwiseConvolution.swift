import CKernels

/// A depthwise convolution (one filter per channel) of 3×3 in the plane and 1 or 3 bands, zero padding, over
/// `[B, D, H, W, C]` volumes or, without `depthTaps`, `[B, H, W, C]` images.
///
/// `weight` is `[C, 1, 3, 3]`, or `[C, 1, depthTaps, 3, 3]`. Every depth tap is a convolution in the plane.
public final class DepthwiseConvolution {
  /// One filter per channel.
  public let weight: Parameter
  /// `[C]`, or none.
  public let bias: Parameter?
  private let depthTaps: Int
  private let isVolume: Bool
  private let packs = [PackedWeights(), PackedWeights()]

  /// A layer for `channels` channels.
  public init(
    _ scope: ParameterScope, channels: Int, depthTaps: Int? = nil, bias hasBias: Bool = false,
    initialisation: Initialisation = .fanInUniform
  ) {
    self.depthTaps = depthTaps ?? 1
    isVolume = depthTaps != nil
    weight = scope.parameter("weight", [channels, 1] + (depthTaps.map { [$0] } ?? []) + [3, 3], initialisation)
    bias =
      hasBias
      ? scope.parameter("bias", [channels], .uniform(1 / Double(9 * self.depthTaps).squareRoot()), role: .bias) : nil
  }

  /// Applies the layer.
  public func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
    let channels = weight.shape[0]
    precondition(
      x.shape.count == (isVolume ? 5 : 4) && x.shape.last == channels,
      "depthwise convolution \(weight.name) \(weight.shape) got an input of shape \(x.shape)")
    let geometry = Geometry(
      samples: x.shape[0], depth: isVolume ? x.shape[1] : 1, rows: x.shape[x.shape.count - 3],
      columns: x.shape[x.shape.count - 2], channels: channels, depthTaps: depthTaps)
    let y = Tensor(uninitialised: x.shape)
    geometry.convolve(x.value, packed(mirrored: false), bias?.value, y)
    return tape.record(y, inputs: [x], parameters: [weight] + (bias.map { [$0] } ?? [])) {
      Backward(layer: self, x: x, geometry: geometry)
    }
  }

  /// The filters for the kernels, one depth tap after the other; mirrored ones for the gradient of the data.
  private func packed(mirrored: Bool) -> Tensor {
    let (channels, taps) = (weight.shape[0], depthTaps)
    return packs[mirrored ? 1 : 0].get(version: weight.version, count: 9 * taps * channels) { target in
      for tap in 0..<taps {
        hsi_depthwise_pack(
          weight.value.pointer + 9 * (mirrored ? taps - 1 - tap : tap), 9 * taps, channels, mirrored ? 1 : 0,
          target + 9 * tap * channels)
      }
    }
  }

  private struct Geometry {
    let samples: Int
    let depth: Int
    let rows: Int
    let columns: Int
    let channels: Int
    let depthTaps: Int

    /// Calls `body` for every depth tap, the middle one first, with the bands that it joins: where the first one lies in the
    /// input and in the output, and how many there are.
    func forEachDepthTap(_ body: (_ tap: Int, _ source: Int, _ target: Int, _ planes: Int) -> Void) {
      let middle = depthTaps / 2
      guard depthTaps > 1 else { return body(0, 0, 0, samples * depth) }
      for sample in 0..<samples {
        for tap in [middle] + (0..<depthTaps).filter({ $0 != middle }) {
          let shift = tap - middle
          guard depth > abs(shift) else { continue }
          body(tap, sample * depth + max(shift, 0), sample * depth + max(-shift, 0), depth - abs(shift))
        }
      }
    }

    private var plane: Int { rows * columns * channels }

    /// `y = filters ⋆ x + bias`.
    func convolve(_ x: Tensor, _ filters: Tensor, _ bias: Tensor?, _ y: Tensor) {
      forEachDepthTap { tap, source, target, planes in
        let isFirst = tap == depthTaps / 2
        hsi_depthwise_forward(
          x.pointer + source * plane, planes, rows, columns, channels, filters.pointer + 9 * tap * channels,
          isFirst ? bias?.pointer : nil, isFirst ? 0 : 1, y.output + target * plane)
      }
    }

    /// Adds the gradients of the filters to `dw`, `[depth tap][channel][9]`, and of the bias to `db`.
    func weightGradient(_ x: Tensor, _ dy: Tensor, _ dw: Tensor, _ db: Tensor?) {
      forEachDepthTap { tap, source, target, planes in
        let scratch = Tensor(uninitialised: [hsi_depthwise_weight_gradient_scratch_size(planes, rows, channels)])
        hsi_depthwise_weight_gradient(
          x.pointer + source * plane, dy.pointer + target * plane, planes, rows, columns, channels,
          dw.output + 9 * tap * channels, tap == depthTaps / 2 ? db?.output : nil, scratch.output)
      }
    }
  }

  private struct Backward: TapeOperation {
    let layer: DepthwiseConvolution
    let x: Variable
    let geometry: Geometry

    func backward(_ gradient: Tensor, _ gradients: inout Gradients) {
      let (channels, taps) = (geometry.channels, geometry.depthTaps)
      let wantsBias = layer.bias?.isTrainable ?? false
      if layer.weight.isTrainable || wantsBias {
        let (dw, db) = (Tensor.zeros([taps, channels, 9]), Tensor.zeros([channels]))
        geometry.weightGradient(x.value, gradient, dw, wantsBias ? db : nil)
        if layer.weight.isTrainable {
          layer.weight.accumulate { total in
            for c in 0..<channels {
              for t in 0..<(9 * taps) { total[c * 9 * taps + t] += dw.pointer[(t / 9 * channels + c) * 9 + t % 9] }
            }
          }
        }
        if wantsBias { layer.bias?.accumulate(db) }
      }
      guard x.needsGradient else { return }
      let dx = Tensor(uninitialised: x.shape)
      geometry.convolve(gradient, layer.packed(mirrored: true), nil, dx)
      gradients.add(dx, to: x)
    }
  }
}
