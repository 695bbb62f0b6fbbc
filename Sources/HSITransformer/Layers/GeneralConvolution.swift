import CKernels

/// A dense convolution with a kernel of any size over `[B, D, H, W, C]` volumes or `[B, H, W, C]` images: patches of one sample
/// at a time are laid out as rows and multiplied with the weights. For kernels of 1 and 3, use `Convolution`.
///
///     y = W ⋆ x + b
///
/// A cross-correlation with zero padding; along the bands always half a kernel and stride 1. `weight` is
/// `[out, in, depth, rows, columns]` (images: without depth). Cost `2 · outputs · out · in · taps` flops; scratch of one
/// sample: outputs · in · taps values.
public final class GeneralConvolution {
  /// `[out, in, …]`.
  public let weight: Parameter
  /// `[out]`, or none.
  public let bias: Parameter?

  private let kernel: [Int]
  private let stride: Int
  private let padding: Int
  private let forwardPack = PackedWeights()
  private let backwardPack = PackedWeights()
  private var maps: [[Int]: RowMap] = [:]

  /// - Parameters:
  ///   - kernel: `[rows, columns]` for images, `[depth, rows, columns]` for volumes (odd depth).
  ///   - stride: step in the plane.
  ///   - padding: zeros on each side in the plane; half of the kernel's rows when nil.
  public init(
    _ scope: ParameterScope, input: Int, output: Int, kernel: [Int], stride: Int = 1, padding: Int? = nil,
    bias hasBias: Bool = true, initialisation: Initialisation = .fanInUniform
  ) {
    self.kernel = kernel
    self.stride = stride
    self.padding = padding ?? kernel[kernel.count - 2] / 2
    weight = scope.parameter("weight", [output, input] + kernel, initialisation)
    let fanIn = Double(kernel.reduce(input, *))
    bias = hasBias ? scope.parameter("bias", [output], .uniform(1 / fanIn.squareRoot()), role: .bias) : nil
  }

  private var input: Int { weight.shape[1] }
  private var output: Int { weight.shape[0] }
  private var taps: Int { kernel.reduce(1, *) }
  private var isVolume: Bool { kernel.count == 3 }

  /// Applies the layer.
  public func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
    let shape = x.shape
    precondition(
      shape.count == kernel.count + 2 && shape.last == input,
      "convolution \(weight.name) \(weight.shape) got an input of shape \(shape)")
    let (rows, columns) = (shape[shape.count - 3], shape[shape.count - 2])
    let (outRows, outColumns) = (extent(rows, kernel[kernel.count - 2]), extent(columns, kernel[kernel.count - 1]))
    let y = Tensor(uninitialised: shape.dropLast(3) + [outRows, outColumns, output])
    let map = rowMap(depth: isVolume ? shape[1] : 1, rows: rows, columns: columns, outRows, outColumns)
    let patches = Tensor(uninitialised: [map.outputCount * input])
    let count = map.outputCount / taps
    let packed = forwardPack.get(version: weight.version, count: hsi_gemm_packed_size(taps * input, output)) {
      let matrix = matrix
      hsi_gemm_pack_transposed(matrix.pointer, output, taps * input, $0)
    }
    for sample in 0..<shape[0] {
      map.gather(
        x.value.pointer + sample * map.inputCount * input, samples: 1, width: input, patches.output)
      hsi_linear_forward(
        patches.pointer, count, taps * input, packed.pointer, bias?.value.pointer, output, nil,
        y.output + sample * count * output)
    }
    return tape.record(y, inputs: [x], parameters: [weight] + (bias.map { [$0] } ?? [])) {
      Backward(layer: self, x: x, map: map, count: count)
    }
  }

  private func extent(_ size: Int, _ taps: Int) -> Int { (size + 2 * padding - taps) / stride + 1 }

  /// The weights as `[out][tap][in]`.
  private var matrix: Tensor {
    Permutation.apply(weight.value.reshaped([output, input, taps]), [0, 2, 1])
  }

  /// Output positions × taps, in pixels of one sample.
  private func rowMap(depth: Int, rows: Int, columns: Int, _ outRows: Int, _ outColumns: Int) -> RowMap {
    if let known = maps[[depth, rows, columns]] { return known }
    let (kd, kh, kw) = (isVolume ? kernel[0] : 1, kernel[kernel.count - 2], kernel[kernel.count - 1])
    var sources: [Int32] = []
    sources.reserveCapacity(depth * outRows * outColumns * taps)
    for d in 0..<depth {
      for r in 0..<outRows {
        for c in 0..<outColumns {
          for z in (d - kd / 2)..<(d - kd / 2 + kd) {
            for u in (r * stride - padding)..<(r * stride - padding + kh) {
              for v in (c * stride - padding)..<(c * stride - padding + kw) {
                let isInside = z >= 0 && z < depth && u >= 0 && u < rows && v >= 0 && v < columns
                sources.append(isInside ? Int32((z * rows + u) * columns + v) : -1)
              }
            }
          }
        }
      }
    }
    let map = RowMap(inputCount: depth * rows * columns, sources: sources)
    maps[[depth, rows, columns]] = map
    return map
  }

  private struct Backward: TapeOperation {
    let layer: GeneralConvolution
    let x: Variable
    let map: RowMap
    let count: Int

    func backward(_ gradient: Tensor, _ gradients: inout Gradients) {
      let (input, output, taps) = (layer.input, layer.output, layer.taps)
      let patches = Tensor(uninitialised: [map.outputCount * input])
      let wantsBias = layer.bias?.isTrainable ?? false
      let wantsWeights = layer.weight.isTrainable || wantsBias
      let (dw, db) = (Tensor.zeros([output, taps * input]), Tensor.zeros([output]))
      let scratch = Tensor(
        uninitialised: [hsi_linear_weight_gradient_scratch_size(count, taps * input, output)])
      let dx = x.needsGradient ? Tensor(uninitialised: x.shape) : nil
      let packed = dx.map { _ in
        layer.backwardPack.get(
          version: layer.weight.version, count: hsi_gemm_packed_size(output, taps * input)
        ) {
          let matrix = layer.matrix
          hsi_gemm_pack(matrix.pointer, taps * input, output, taps * input, $0)
        }
      }
      for sample in 0..<x.shape[0] {
        let dy = gradient.pointer + sample * count * output
        let start = sample * map.inputCount * input
        if wantsWeights {
          map.gather(x.value.pointer + start, samples: 1, width: input, patches.output)
          hsi_linear_weight_gradient(
            patches.pointer, dy, count, taps * input, output, dw.output, wantsBias ? db.output : nil, scratch.output)
        }
        if let dx, let packed {
          hsi_linear_forward(dy, count, output, packed.pointer, nil, taps * input, nil, patches.output)
          map.scatter(patches.pointer, samples: 1, width: input, dx.output + start)
        }
      }
      if layer.weight.isTrainable {
        layer.weight.accumulate(Permutation.apply(dw.reshaped([output, taps, input]), [0, 2, 1]))
      }
      if wantsBias { layer.bias?.accumulate(db) }
      if let dx { gradients.add(dx, to: x) }
    }
  }
}
