import CKernels
import HSINumerics

/// Guided spectral self-attention (GSSA) with its residual: mixes the bands of a volume, the same mixture at every pixel.
///
///     p = mean over rows and columns of x                  [B, D, C]
///     A = softmax over the last axis of (p Qᵀ + q)         [B, D, D]     learnable query, for D = `bands` only
///     A = softmax over the last axis of (p pᵀ)                           self query, any D
///     y = x + (A (x Vᵀ)) Fᵀ
///
/// In training a draw per call above 0.5 chooses the self query. x, y are `[B, D, rows, columns, C]`. The mixture of bands
/// and the two linear maps commute, so F V is applied as one matrix.
/// Source: Lai, Yan, Fu, "Hybrid spectral denoising transformer with guided attention", ICCV 2023.
public final class GuidedSpectralAttention {
  /// Which map is used outside training.
  public enum Query: Sendable {
    /// The learnable one where D = `bands`, else the self query.
    case automatic
    /// Always the self query ("flex").
    case selfQuery
  }

  /// `attn_proj`: Q and q; nil in the ablation that always uses the self query.
  let query: Linear?
  /// `value_proj`: V.
  let value: Linear
  /// `fc`: F.
  let output: Linear
  private let pack = [PackedWeights(), PackedWeights()]

  /// Names `attn_proj`, `value_proj`, `fc` under `scope`; `bands` is the D of the learnable query, nil for none.
  public init(_ scope: ParameterScope, channels: Int, bands: Int?, initialisation: Initialisation = .normal(0.001)) {
    query = bands.map {
      Linear(
        scope["attn_proj"], input: channels, output: $0, initialisation: initialisation,
        biasInitialisation: .constant(0))
    }
    value = Linear(
      scope["value_proj"], input: channels, output: channels, bias: false, initialisation: initialisation)
    output = Linear(scope["fc"], input: channels, output: channels, bias: false, initialisation: initialisation)
  }

  public var linears: [Linear] { [query, value, output].compactMap { $0 } }

  /// Applies the block.
  public func callAsFunction(_ x: Variable, query choice: Query = .automatic, _ tape: Tape) -> Variable {
    let step = Step(self, x, usesSelfQuery(choice, bands: x.shape[1], tape))
    let combined = combinedMatrix
    let mixed = step.mixed(step.maps, transposed: false, of: x.value)
    let y = Tensor(uninitialised: x.shape)
    let channels = x.shape[4]
    hsi_linear_forward(
      mixed.pointer, x.value.count / channels, channels, packed(combined, forward: true).pointer, nil, channels,
      x.value.pointer, y.output)
    return tape.record(y, inputs: [x], parameters: linears.flatMap(\.parameters)) {
      Backward(layer: self, step: step, combined: combined)
    }
  }

  /// The attention maps `[B, D, D]` for an input, as the block would use them.
  public func maps(of x: Tensor, query choice: Query = .automatic, _ tape: Tape) -> Tensor {
    Step(self, Variable(x), usesSelfQuery(choice, bands: x.shape[1], tape)).maps
  }

  private func usesSelfQuery(_ choice: Query, bands: Int, _ tape: Tape) -> Bool {
    guard let query else { return true }
    let isDrawn = tape.isTraining && tape.draw() > 0.5
    return isDrawn || (!tape.isTraining && choice == .selfQuery) || bands != query.output
  }

  /// F V.
  private var combinedMatrix: Tensor {
    let channels = value.input
    let product = Tensor(uninitialised: [channels, channels])
    Products.multiply(
      output.foldedWeight.pointer, .none, value.foldedWeight.pointer, .none, product.output, m: channels, n: channels,
      k: channels)
    return product
  }

  private func packed(_ matrix: Tensor, forward: Bool) -> Tensor {
    let channels = value.input
    let version = value.foldedVersion + output.foldedVersion
    return pack[forward ? 0 : 1].get(version: version, count: hsi_gemm_packed_size(channels, channels)) {
      if forward {
        hsi_gemm_pack_transposed(matrix.pointer, channels, channels, $0)
      } else {
        hsi_gemm_pack(matrix.pointer, channels, channels, channels, $0)
      }
    }
  }

  /// What one evaluation keeps: the pooled features and the maps.
  private struct Step {
    let x: Variable
    let isSelf: Bool
    let pooled: Tensor
    let maps: Tensor
    var samples: Int { x.shape[0] }
    var bands: Int { x.shape[1] }
    var pixels: Int { x.shape[2] * x.shape[3] }
    var channels: Int { x.shape[4] }
    /// Values of one band.
    var plane: Int { pixels * channels }

    init(_ layer: GuidedSpectralAttention, _ x: Variable, _ isSelf: Bool) {
      self.x = x
      self.isSelf = isSelf
      let (samples, bands, channels) = (x.shape[0], x.shape[1], x.shape[4])
      pooled = Tensor(uninitialised: [samples, bands, channels])
      hsi_plane_means(x.value.pointer, samples * bands, x.shape[2] * x.shape[3], channels, pooled.output)
      maps = Tensor(uninitialised: [samples, bands, bands])
      for b in 0..<samples {
        let p = pooled.pointer + b * bands * channels
        let map = maps.output + b * bands * bands
        if let query = layer.query, !isSelf {
          Products.multiply(
            p, .none, query.foldedWeight.pointer, .transposed, map, m: bands, n: bands, k: channels)
          if let bias = query.bias?.value.pointer {
            for i in 0..<bands { for j in 0..<bands { map[i * bands + j] += bias[j] } }
          }
        } else {
          Products.multiply(p, .none, p, .transposed, map, m: bands, n: bands, k: channels)
        }
      }
      Softmax.rows(maps)
    }

    /// `y[d] = Σ_j A[d, j] x[j]` for every sample.
    func mixed(_ maps: Tensor, transposed: Bool, of x: Tensor, addingTo sum: Tensor? = nil) -> Tensor {
      let y = sum ?? Tensor(uninitialised: x.shape)
      for b in 0..<samples {
        hsi_mix_planes(
          maps.pointer + b * bands * bands, x.pointer + b * bands * plane, bands, plane, transposed ? 1 : 0,
          sum == nil ? 0 : 1, y.output + b * bands * plane)
      }
      return y
    }
  }

  private struct Backward: Operation {
    let layer: GuidedSpectralAttention
    let step: Step
    let combined: Tensor

    func backward(_ gradient: consuming Tensor, _ gradients: inout Gradients) {
      let (bands, channels, samples) = (step.bands, step.channels, step.samples)
      let rows = samples * bands * step.pixels
      if layer.value.wantsWeightGradient || layer.output.wantsWeightGradient {
        let mixed = step.mixed(step.maps, transposed: false, of: step.x.value)
        let sum = Tensor.zeros([channels, channels])
        let scratch = Tensor(
          uninitialised: [hsi_linear_weight_gradient_scratch_size(rows, channels, channels)])
        hsi_linear_weight_gradient(
          mixed.pointer, gradient.pointer, rows, channels, channels, sum.output, nil, scratch.output)
        share(sum)
      }
      // Gradient of the mixed bands, dz = dy F V.
      let mixedGradient = Tensor(uninitialised: step.x.shape)
      hsi_linear_forward(
        gradient.pointer, rows, channels, layer.packed(combined, forward: false).pointer, nil, channels, nil,
        mixedGradient.output)
      let pooledGradient = poolGradient(mixedGradient)
      guard step.x.needsGradient else { return }
      // The residual hands the gradient on as it is; the rest is added to it.
      var residual = consume gradient
      if !residual.isUnique { residual = residual.copy() }
      let inputGradient = step.mixed(step.maps, transposed: true, of: mixedGradient, addingTo: residual)
      hsi_add_plane_vectors(
        inputGradient.output, samples * bands, step.pixels, channels, pooledGradient.pointer,
        1 / Float(step.pixels))
      gradients.add(inputGradient, to: step.x)
    }

    /// Splits the gradient of M = F V: dF = dM Vᵀ, dV = Fᵀ dM.
    private func share(_ sum: Tensor) {
      let channels = step.channels
      if layer.output.wantsWeightGradient {
        let part = Tensor(uninitialised: [channels, channels])
        Products.multiply(
          sum.pointer, .none, layer.value.foldedWeight.pointer, .transposed, part.output, m: channels, n: channels,
          k: channels)
        layer.output.accumulate(foldedGradient: part)
      }
      if layer.value.wantsWeightGradient {
        let part = Tensor(uninitialised: [channels, channels])
        Products.multiply(
          layer.output.foldedWeight.pointer, .transposed, sum.pointer, .none, part.output, m: channels, n: channels,
          k: channels)
        layer.value.accumulate(foldedGradient: part)
      }
    }

    /// Through softmax and map to the pooled features `[B, D, C]` (and to the query's weights).
    private func poolGradient(_ mixedGradient: Tensor) -> Tensor {
      let (bands, channels) = (step.bands, step.channels)
      let result = Tensor(uninitialised: step.pooled.shape)
      let products = Tensor(uninitialised: [bands, bands])
      let scratch = Tensor(uninitialised: [hsi_plane_products_scratch_size(bands, step.plane)])
      let queryGradient = step.isSelf ? nil : layer.query.map { Tensor.zeros($0.weight.shape) }
      for b in 0..<step.samples {
        hsi_plane_products(
          mixedGradient.pointer + b * bands * step.plane, step.x.value.pointer + b * bands * step.plane, bands,
          step.plane, products.output, scratch.output)
        Softmax.rowsBackward(
          products, output: step.maps.pointer + b * bands * bands, rows: bands, columns: bands)
        let pooled = step.pooled.pointer + b * bands * channels
        let target = result.output + b * bands * channels
        if let query = layer.query, let queryGradient {
          Products.multiply(
            products.pointer, .none, query.foldedWeight.pointer, .none, target, m: bands, n: channels, k: bands)
          Products.multiply(
            products.pointer, .transposed, pooled, .none, queryGradient.output, m: bands, n: channels, k: bands,
            keep: 1)
          if let bias = query.bias, bias.isTrainable {
            bias.accumulate { sum in
              for i in 0..<bands { for j in 0..<bands { sum[j] += products.pointer[i * bands + j] } }
            }
          }
        } else {
          // d(p pᵀ): (dS + dSᵀ) p.
          Products.multiply(
            products.pointer, .none, pooled, .none, target, m: bands, n: channels, k: bands)
          Products.multiply(
            products.pointer, .transposed, pooled, .none, target, m: bands, n: channels, k: bands, keep: 1)
        }
      }
      if let queryGradient, let query = layer.query, query.wantsWeightGradient {
        query.accumulate(foldedGradient: queryGradient)
      }
      return result
    }
  }
}
