import CKernels
import HSINumerics

/// A depthwise convolution (one filter per channel) of 3×3 in the plane and 1 or 3 bands, zero padding, over
/// `[B, D, H, W, C]` volumes or, without `depthTaps`, `[B, H, W, C]` images.
///
/// `weight` is `[C, 1, 3, 3]`, or `[C, 1, depthTaps, 3, 3]`.
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
    bias = hasBias ? scope.parameter("bias", [channels], .uniform(1 / Double(9 * self.depthTaps).squareRoot())) : nil
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
    if depthTaps == 1 {
      let packed = pack(mirrored: false)
      hsi_depthwise_forward(
        x.value.pointer, geometry.planes, geometry.rows, geometry.columns, channels, packed.pointer,
        bias?.value.pointer, y.output)
      return tape.record(y, inputs: [x], parameters: [weight] + (bias.map { [$0] } ?? [])) {
        PlaneBackward(layer: self, x: x, geometry: geometry)
      }
    }
    let filters = tapMajor
    if let bias = bias?.value.pointer {
      geometry.fill(y, bias)
    } else {
      y.output.update(repeating: 0, count: y.count)
    }
    geometry.convolve(x.value.pointer, filters, flipped: false, y.output)
    return tape.record(y, inputs: [x], parameters: [weight] + (bias.map { [$0] } ?? [])) {
      Backward(layer: self, x: x, geometry: geometry, filters: filters)
    }
  }

  /// The filters as `[tap][channel]`.
  private var tapMajor: Tensor {
    let (channels, taps) = (weight.shape[0], 9 * depthTaps)
    let result = Tensor(uninitialised: [taps, channels])
    for c in 0..<channels {
      for t in 0..<taps { result.output[t * channels + c] = weight.value.pointer[c * taps + t] }
    }
    return result
  }

  private struct Geometry {
    let samples: Int
    let depth: Int
    let rows: Int
    let columns: Int
    let channels: Int
    let depthTaps: Int

    var planes: Int { samples * depth }

    func fill(_ y: Tensor, _ bias: UnsafePointer<Float>) {
      for pixel in 0..<(planes * rows * columns) { (y.output + pixel * channels).update(from: bias, count: channels) }
    }

    /// Calls `body(tap, source row, target row, first column, last column, column shift)` for all rows that a tap joins.
    func forEachTap(
      plane: Int, flipped: Bool, _ body: (_ tap: Int, _ source: Int, _ target: Int, _ columns: Range<Int>, _ shift: Int) -> Void
    ) {
      let (sample, band) = (plane / depth, plane % depth)
      for row in 0..<rows {
        for dz in 0..<depthTaps {
          let z = band + (dz - depthTaps / 2)
          guard z >= 0, z < depth else { continue }
          for dy in 0..<3 where row + dy - 1 >= 0 && row + dy - 1 < rows {
            for dx in 0..<3 {
              let tap = (dz * 3 + dy) * 3 + dx
              body(
                flipped ? 9 * depthTaps - 1 - tap : tap, ((sample * depth + z) * rows + row + dy - 1) * columns,
                (plane * rows + row) * columns, max(0, 1 - dx)..<max(max(0, 1 - dx), min(columns, columns + 1 - dx)),
                dx - 1)
            }
          }
        }
      }
    }

    /// `y += filters ⋆ x`; with `flipped` filters the gradient of the data.
    func convolve(
      _ x: UnsafePointer<Float>, _ filters: Tensor, flipped: Bool, _ y: UnsafeMutablePointer<Float>
    ) {
      nonisolated(unsafe) let (x, y) = (x, y)
      Parallel.forEach(planes) { plane in
        forEachTap(plane: plane, flipped: flipped) { tap, source, target, range, shift in
          let w = filters.pointer + tap * channels
          for column in range {
            let from = x + (source + column + shift) * channels
            let to = y + (target + column) * channels
            for c in 0..<channels { to[c] += w[c] * from[c] }
          }
        }
      }
    }

    /// Sums of `x · dy` per tap and channel, in double precision, one partial sum per plane.
    func weightGradient(_ x: UnsafePointer<Float>, _ dy: UnsafePointer<Float>) -> [Double] {
      let taps = 9 * depthTaps
      var partial = [Double](repeating: 0, count: planes * taps * channels)
      partial.withUnsafeMutableBufferPointer { buffer in
        nonisolated(unsafe) let (base, x, dy) = (buffer.baseAddress!, x, dy)
        Parallel.forEach(planes) { plane in
          let sums = base + plane * taps * channels
          forEachTap(plane: plane, flipped: false) { tap, source, target, range, shift in
            let sum = sums + tap * channels
            for column in range {
              let from = x + (source + column + shift) * channels
              let gradient = dy + (target + column) * channels
              for c in 0..<channels { sum[c] += Double(from[c]) * Double(gradient[c]) }
            }
          }
        }
      }
      return (0..<(taps * channels)).map { index in
        (0..<planes).reduce(0.0) { $0 + partial[$1 * taps * channels + index] }
      }
    }
  }

  private func pack(mirrored: Bool) -> Tensor {
    packs[mirrored ? 1 : 0].get(version: weight.version, count: 9 * weight.shape[0]) {
      hsi_depthwise_pack(weight.value.pointer, weight.shape[0], mirrored ? 1 : 0, $0)
    }
  }

  /// Filters in the plane alone have kernels of their own.
  private struct PlaneBackward: Operation {
    let layer: DepthwiseConvolution
    let x: Variable
    let geometry: Geometry

    func backward(_ gradient: Tensor, _ gradients: inout Gradients) {
      let (planes, rows, columns, channels) = (geometry.planes, geometry.rows, geometry.columns, geometry.channels)
      let wantsBias = layer.bias?.isTrainable ?? false
      if layer.weight.isTrainable || wantsBias {
        let scratch = Tensor(
          uninitialised: [hsi_depthwise_weight_gradient_scratch_size(planes, rows, channels)])
        let (dw, db) = (Tensor.zeros(layer.weight.shape), Tensor.zeros([channels]))
        hsi_depthwise_weight_gradient(
          x.value.pointer, gradient.pointer, planes, rows, columns, channels, dw.output, wantsBias ? db.output : nil,
          scratch.output)
        if layer.weight.isTrainable { layer.weight.accumulate(dw) }
        if wantsBias { layer.bias?.accumulate(db) }
      }
      guard x.needsGradient else { return }
      let dx = Tensor(uninitialised: x.shape)
      hsi_depthwise_forward(
        gradient.pointer, planes, rows, columns, channels, layer.pack(mirrored: true).pointer, nil, dx.output)
      gradients.add(dx, to: x)
    }
  }

  private struct Backward: Operation {
    let layer: DepthwiseConvolution
    let x: Variable
    let geometry: Geometry
    let filters: Tensor

    func backward(_ gradient: Tensor, _ gradients: inout Gradients) {
      let (channels, taps) = (geometry.channels, 9 * geometry.depthTaps)
      if layer.weight.isTrainable {
        let sums = geometry.weightGradient(x.value.pointer, gradient.pointer)
        layer.weight.accumulate { total in
          for c in 0..<channels { for t in 0..<taps { total[c * taps + t] += Float(sums[t * channels + c]) } }
        }
      }
      if let bias = layer.bias, bias.isTrainable {
        bias.accumulate { total in
          for c in 0..<channels {
            var sum = 0.0
            for pixel in 0..<(gradient.count / channels) { sum += Double(gradient.pointer[pixel * channels + c]) }
            total[c] += Float(sum)
          }
        }
      }
      guard x.needsGradient else { return }
      let result = Tensor.zeros(x.shape)
      geometry.convolve(gradient.pointer, filters, flipped: true, result.output)
      gradients.add(result, to: x)
    }
  }
}
