import CKernels
import HSICore

/// AdamW whose moments live in a subspace of few cosines (DCT-AdamW): `2 · max(out, in) · r` numbers of state in place of
/// `2 · out · in`.
///
///     A = G,  a = A Q_I,  m ← β₁ m + (1 − β₁) a,  v ← β₂ v + (1 − β₂) a²
///     W ← (1 − η d) W − η u Q_Iᵀ,  u = m̂ / (√v̂ + ε)
///
/// I are the r frequencies of largest ℓ1 norm of the gradient's orthonormal cosine transform (along rows where out ≥ in, else along
/// columns), chosen anew every step. A frequency that stays keeps its moments, one that comes starts with none and an age of its own
/// in the correction of the bias; what lies outside the subspace is dropped (the released code can keep it at full size).
/// Vectors, and matrices with a side below r, are updated by AdamW. Cost beside AdamW: a transform (FFTW) and one product of
/// `2 · out · in · r` flops. Source: IST-DASLab, arXiv 2505.17967.
public struct DCTAdamW: UpdateRule, Equatable {
  /// r.
  public var rank: Int
  /// β₁, β₂, ε.
  public var beta1, beta2, epsilon: Double

  /// The usual constants by default.
  public init(rank: Int, beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8) {
    (self.rank, self.beta1, self.beta2, self.epsilon) = (rank, beta1, beta2, epsilon)
  }

  private enum Name { static let first = "first", second = "second", frequencies = "frequencies", ages = "ages" }

  public func start(_ parameter: Parameter) -> UpdateState {
    guard let subspace = CosineSubspace(parameter.shape, rank: rank) else { return AdamKernel.start(parameter.shape) }
    return UpdateState([
      (Name.first, .zeros(subspace.shape)), (Name.second, .zeros(subspace.shape)),
      (Name.frequencies, Tensor([rank], (0..<rank).map { Float($0) })), (Name.ages, .zeros([rank])),
    ])
  }

  public func update(_ parameter: Parameter, _ step: UpdateStep, _ state: inout UpdateState) {
    guard let subspace = CosineSubspace(parameter.shape, rank: rank) else {
      return AdamKernel.update(parameter, step, &state, beta1, beta2, epsilon, isDecoupled: true)
    }
    let (inner, frequencies) = subspace.project(step.gradient)
    if step.scale != 1 { for i in 0..<inner.count { inner.output[i] *= Float(step.scale) } }
    carry(frequencies, subspace, &state)
    let steps = subspace.isRight ? (row: 0, column: 1) : (row: 1, column: 0)
    guard let first = state.tensors[0].value.withMutableValues(\.baseAddress),
      let second = state.tensors[1].value.withMutableValues(\.baseAddress)
    else { return }
    hsi_adam_subspace(
      inner.output, inner.shape[0], inner.shape[1], state.tensors[3].value.pointer, steps.row, steps.column, beta1,
      beta2, epsilon, first, second)
    parameter.update { weights in
      guard let weights = weights.baseAddress else { return }
      subspace.add(
        inner, frequencies, scale: -Float(step.rate), keep: Float(1 - step.rate * step.decay), to: weights)
    }
  }

  /// Moments and ages of the frequencies that stay, at their new places; nothing for those that come.
  private func carry(_ frequencies: [Int], _ subspace: CosineSubspace, _ state: inout UpdateState) {
    let before = Dictionary(
      state.tensors[2].value.values.enumerated().map { (Int($0.element), $0.offset) }, uniquingKeysWith: { $1 })
    let places = frequencies.map { before[$0] }
    let ages = state.tensors[3].value
    for index in 0...1 {
      let (old, new) = (state.tensors[index].value, Tensor.zeros(subspace.shape))
      let (rows, columns) = (subspace.shape[0], subspace.shape[1])
      for (place, from) in places.enumerated() {
        guard let from else { continue }
        if subspace.isRight {
          for row in 0..<rows { new.output[row * columns + place] = old.pointer[row * columns + from] }
        } else {
          (new.output + place * columns).update(from: old.pointer + from * columns, count: columns)
        }
      }
      state.tensors[index].value = new
    }
    state.tensors[2].value = Tensor([rank], frequencies.map { Float($0) })
    state.tensors[3].value = Tensor([rank], places.map { $0.map { ages.pointer[$0] + 1 } ?? 1 })
  }
}

/// Momentum whose part in a subspace of few cosines is orthogonalised (Trion).
///
///     M ← M + G,  a = M Q_I,  M ← M − (1 − μ) a Q_Iᵀ,  W ← (1 − η d) W − η √max(1, out/in) · orth(a) Q_Iᵀ
///
/// `orth`: five steps of the Newton–Schulz iteration X ← 3.4445 X − 4.7750 XXᵀX + 2.0315 (XXᵀ)²X after division by the Frobenius
/// norm. I as for `DCTAdamW`. Vectors, and matrices with a side below r, are updated by AdamW. State: `out · in` numbers.
/// Source: IST-DASLab, arXiv 2505.17967.
public struct Trion: UpdateRule, Equatable {
  /// r.
  public var rank: Int
  /// μ.
  public var momentum = 0.95
  /// β₁, β₂, ε of AdamW for the rest.
  public var beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8

  /// The published constants.
  public init(rank: Int) { self.rank = rank }

  public func start(_ parameter: Parameter) -> UpdateState {
    guard CosineSubspace(parameter.shape, rank: rank) != nil else { return AdamKernel.start(parameter.shape) }
    return UpdateState([("momentum", .zeros(parameter.shape))])
  }

  public func update(_ parameter: Parameter, _ step: UpdateStep, _ state: inout UpdateState) {
    guard let subspace = CosineSubspace(parameter.shape, rank: rank) else {
      return AdamKernel.update(parameter, step, &state, beta1, beta2, epsilon, isDecoupled: true)
    }
    guard let sum = state.tensors[0].value.withMutableValues(\.baseAddress) else { return }
    let scale = Float(step.scale)
    for i in 0..<step.gradient.count { sum[i] += scale * step.gradient.pointer[i] }
    let (inner, frequencies) = subspace.project(state.tensors[0].value)
    subspace.add(inner, frequencies, scale: -Float(1 - momentum), keep: 1, to: sum)
    let direction = Trion.orthogonalised(inner)
    let shape = max(1, Double(subspace.rows) / Double(subspace.columns)).squareRoot()
    parameter.update { weights in
      guard let weights = weights.baseAddress else { return }
      subspace.add(
        direction, frequencies, scale: -Float(step.rate * shape), keep: Float(1 - step.rate * step.decay), to: weights)
    }
  }

  /// A matrix with the singular vectors of another and singular values near 1.
  static func orthogonalised(_ matrix: Tensor) -> Tensor {
    let (rows, columns) = (matrix.shape[0], matrix.shape[1])
    let isTall = rows > columns
    let size = min(rows, columns)
    var x = matrix.copy()
    let norm = Float(Elementwise.sumOfSquares(x).squareRoot()) + 1e-7
    for i in 0..<x.count { x.output[i] /= norm }
    for _ in 0..<5 {
      // The smaller of XᵀX and XXᵀ.
      let (a, b) = (Tensor(uninitialised: [size, size]), Tensor(uninitialised: [size, size]))
      Products.multiply(
        x.pointer, isTall ? .transposed : .none, x.pointer, isTall ? .none : .transposed, a.output, m: size, n: size,
        k: max(rows, columns))
      b.output.update(from: a.pointer, count: a.count)
      Products.multiply(
        a.pointer, .none, a.pointer, .none, b.output, m: size, n: size, k: size, scale: 2.0315, keep: -4.7750)
      let next = x.copy()
      if isTall {
        Products.multiply(x.pointer, .none, b.pointer, .none, next.output, m: rows, n: size, k: size, keep: 3.4445)
      } else {
        Products.multiply(b.pointer, .none, x.pointer, .none, next.output, m: size, n: columns, k: size, keep: 3.4445)
      }
      x = next
    }
    return x
  }
}
