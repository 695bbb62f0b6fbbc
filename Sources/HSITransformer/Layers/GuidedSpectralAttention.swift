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
/// and the two linear maps commute, so F V is applied as one matrix; with adapters that are not a matrix (gate, dropout) every
/// step is an operation of its own.
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

  /// Applies the block, and after it the feed-forward network and a sum where they are given: one pass over memory.
  ///
  ///     r = x + (A (x Vᵀ)) Fᵀ,   y = feedForward(r) + skip
  public func callAsFunction(
    _ x: Variable, feedForward: SelfModulatedFeedForward? = nil, adding skip: Variable? = nil,
    query choice: Query = .automatic, _ tape: Tape
  ) -> Variable {
    precondition(skip.map { $0.value.count == x.value.count } ?? true, "sum of \(x.shape) and \(skip?.shape ?? [])")
    let usesSelf = usesSelfQuery(choice, bands: x.shape[1], tape)
    let isMatrix = linears.allSatisfy { $0.isFoldable(tape) }
    if isMatrix, feedForward?.isFused(tape) ?? (skip == nil) { return fused(x, feedForward, skip, usesSelf, tape) }
    let r = isMatrix ? fused(x, nil, nil, usesSelf, tape) : composed(x, usesSelf, tape)
    let y = feedForward.map { $0(r, tape) } ?? r
    return skip.map { tape.add(y, $0) } ?? y
  }

  /// The block by operations of its own, for adapters that are not a matrix (gate, dropout).
  private func composed(_ x: Variable, _ usesSelf: Bool, _ tape: Tape) -> Variable {
    let pooled = tape.mean(x, over: 2..<4)
    let logits =
      if let query, !usesSelf { query(pooled, tape) } else {
        tape.matrixProduct(pooled, pooled, transposingSecond: true)
      }
    let mixed = tape.matrixProduct(tape.softmax(logits), value(x, tape), shape: x.shape)
    return output(mixed, residual: x, tape)
  }

  private func fused(
    _ x: Variable, _ feedForward: SelfModulatedFeedForward?, _ skip: Variable?, _ usesSelf: Bool, _ tape: Tape
  ) -> Variable {
    let step = Step(self, x, usesSelf)
    let matrices = Matrices(self)
    let parameters = linears.flatMap(\.parameters) + (feedForward?.linears.flatMap(\.parameters) ?? [])
    // What the feed-forward network got is kept where a gradient may be asked for.
    let keeps = feedForward != nil && tape.isRecording
    let inner = keeps ? Tensor(uninitialised: x.shape) : nil
    let y = Tensor(uninitialised: x.shape)
    let weights = feedForward?.packed
    var block = step.block
    let scratch = ThreadScratch { hsi_band_block_forward_scratch_size(&block, weights == nil ? 0 : 1, $0) }
    for b in 0..<step.samples {
      let start = b * step.bands * step.plane
      hsi_band_block_forward(
        &block, step.maps.pointer + b * step.bands * step.bands, matrices.forward.pointer, weights?.pointer,
        x.value.pointer + start, skip.map { $0.value.pointer + start }, inner.map { $0.output + start },
        y.output + start, scratch.pointer, scratch.threads)
    }
    return tape.record(y, inputs: [x] + (skip.map { [$0] } ?? []), parameters: parameters) {
      Backward(
        layer: self, step: step, matrices: matrices, feedForward: feedForward, weights: weights, inner: inner,
        skip: skip)
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

  /// F V, packed for both directions.
  private struct Matrices {
    let forward: Tensor
    let backward: Tensor

    init(_ layer: GuidedSpectralAttention) {
      let channels = layer.value.input
      let version = layer.value.foldedVersion + layer.output.foldedVersion
      let count = hsi_gemm_packed_size(channels, channels)
      func product() -> Tensor {
        let product = Tensor(uninitialised: [channels, channels])
        Products.multiply(
          layer.output.foldedWeight.pointer, .none, layer.value.foldedWeight.pointer, .none, product.output,
          m: channels,
          n: channels, k: channels)
        return product
      }
      forward = layer.pack[0].get(version: version, count: count) {
        hsi_gemm_pack_transposed(product().pointer, channels, channels, $0)
      }
      backward = layer.pack[1].get(version: version, count: count) {
        hsi_gemm_pack(product().pointer, channels, channels, channels, $0)
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
    var block: hsi_band_block { hsi_band_block(planes: bands, pixels: pixels, channels: channels) }

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
  }

  private struct Backward: TapeOperation {
    let layer: GuidedSpectralAttention
    let step: Step
    let matrices: Matrices
    let feedForward: SelfModulatedFeedForward?
    /// Of the feed-forward network, packed; what it got.
    let weights: Tensor?
    let inner: Tensor?
    let skip: Variable?

    func backward(_ gradient: consuming Tensor, _ gradients: inout Gradients) {
      if let skip { gradients.add(gradient, to: skip) }
      let (bands, channels, samples) = (step.bands, step.channels, step.samples)
      let wantsMatrix = layer.value.wantsWeightGradient || layer.output.wantsWeightGradient
      let matrix = Tensor.zeros([wantsMatrix ? channels * channels : 1])
      let maps = Tensor(uninitialised: step.maps.shape)
      let inputGradient = Tensor(uninitialised: step.x.shape)
      var block = step.block
      let scratch = ThreadScratch { hsi_band_block_backward_scratch_size(&block, weights == nil ? 0 : 1, $0) }
      let dy = consume gradient
      func run(_ target: hsi_smffn_gradients) {
        for b in 0..<samples {
          let start = b * bands * step.plane
          var targets = hsi_band_block_gradients(
            a: maps.output + b * bands * bands, m: wantsMatrix ? matrix.output : nil, ffn: target)
          hsi_band_block_backward(
            &block, step.maps.pointer + b * bands * bands, matrices.backward.pointer, weights?.pointer,
            step.x.value.pointer + start, inner.map { $0.pointer + start }, dy.pointer + start,
            inputGradient.output + start, &targets, scratch.pointer, scratch.threads)
        }
      }
      if let feedForward { feedForward.accumulate { run($0) } } else { run(hsi_smffn_gradients()) }
      if wantsMatrix { share(matrix) }
      let pooledGradient = poolGradient(maps)
      guard step.x.needsGradient else { return }
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

    /// From the gradient of the maps through softmax to the pooled features `[B, D, C]` (and to the query's weights).
    private func poolGradient(_ maps: Tensor) -> Tensor {
      let (bands, channels) = (step.bands, step.channels)
      let result = Tensor(uninitialised: step.pooled.shape)
      Softmax.rowsBackward(maps, output: step.maps.pointer, rows: step.samples * bands, columns: bands)
      let queryGradient = step.isSelf ? nil : layer.query.map { Tensor.zeros($0.weight.shape) }
      for b in 0..<step.samples {
        let products = maps.pointer + b * bands * bands
        let pooled = step.pooled.pointer + b * bands * channels
        let target = result.output + b * bands * channels
        if let query = layer.query, let queryGradient {
          Products.multiply(
            products, .none, query.foldedWeight.pointer, .none, target, m: bands, n: channels, k: bands)
          Products.multiply(
            products, .transposed, pooled, .none, queryGradient.output, m: bands, n: channels, k: bands,
            keep: 1)
          if let bias = query.bias, bias.isTrainable {
            bias.accumulate { sum in
              for i in 0..<bands { for j in 0..<bands { sum[j] += products[i * bands + j] } }
            }
          }
        } else {
          // d(p pᵀ): (dS + dSᵀ) p.
          Products.multiply(
            products, .none, pooled, .none, target, m: bands, n: channels, k: bands)
          Products.multiply(
            products, .transposed, pooled, .none, target, m: bands, n: channels, k: bands, keep: 1)
        }
      }
      if let queryGradient, let query = layer.query, query.wantsWeightGradient {
        query.accumulate(foldedGradient: queryGradient)
      }
      return result
    }
  }
}
