import HSINumerics

/// The two thin matrices of a low-rank adapter: `(α/r) U (D x)`, D `lora_down.weight` [r, in], U `lora_up.weight` [out, r].
struct LowRankPair {
  static let downName = "lora_down"
  static let upName = "lora_up"
  static let tensors = ["\(downName).weight", "\(upName).weight"]
  /// The metadata key of α.
  static let alphaKey = "lora_alpha"

  let down: Parameter
  let up: Parameter
  /// α / r.
  let scale: Float
  /// Probability with which an input value is dropped in training.
  let dropout: Double

  var rank: Int { down.shape[0] }
  var input: Int { down.shape[1] }
  var output: Int { up.shape[0] }

  /// D and U drawn from `initialisation`, D normal with σ = 1/√in and U zero without one.
  init(
    _ scope: ParameterScope, input: Int, output: Int, rank: Int, alpha: Double, dropout: Double,
    initialisation: Initialisation?, startsUpAtZero: Bool = false
  ) {
    down = scope[LowRankPair.downName].parameter(
      "weight", [rank, input], initialisation ?? .normal(1 / Double(input).squareRoot()), role: .adapter)
    up = scope[LowRankPair.upName].parameter(
      "weight", [output, rank], initialisation ?? .constant(0), role: .adapter)
    if startsUpAtZero { up.update { $0.update(repeating: 0) } }
    scale = Float(alpha / Double(rank))
    self.dropout = dropout
  }

  /// The rank of the pair at a place; nil where there is none.
  static func rank(at place: String, in source: AdapterSource) throws -> Int? {
    let (down, up) = (AdapterSource.name(place, tensors[0]), AdapterSource.name(place, tensors[1]))
    guard let shape = source.shape(down) else {
      guard source.shape(up) != nil else { return nil }
      throw TransformerError.missingTensor(path: source.path, tensor: down, model: [], instead: nil)
    }
    guard let rank = shape.first, rank > 0 else {
      throw TransformerError.shapeMismatch(path: source.path, tensor: down, file: shape, model: [1] + shape.dropFirst())
    }
    return rank
  }

  func drops(_ tape: Tape) -> Bool { tape.isTraining && dropout > 0 }

  // MARK: - As a matrix

  /// `matrix += (α/r) U D`.
  func add(to matrix: inout Tensor) {
    let product = Tensor(uninitialised: [output, input])
    Products.multiply(
      up.value.pointer, .none, down.value.pointer, .none, product.output, m: output, n: input, k: rank, scale: scale)
    Elementwise.add(product, into: &matrix)
  }

  /// The same in double precision, each row on its own, with a factor that is not rounded.
  func fold(into matrix: inout Tensor, alpha: Double) {
    let (rank, columns, factor) = (rank, input, alpha / Double(rank))
    let (left, right) = (up.value, down.value)
    matrix.withMutableValues { sum in
      guard let base = sum.baseAddress else { return }
      let target = Rows(base: base)
      Parallel.forEach(output) { row in
        let values = target.base + row * columns
        var total = [Double](repeating: 0, count: columns)
        for k in 0..<rank {
          let factor = factor * Double(left.pointer[row * rank + k])
          let right = right.pointer + k * columns
          for j in 0..<columns { total[j] += factor * Double(right[j]) }
        }
        for j in 0..<columns { values[j] = Float(Double(values[j]) + total[j]) }
      }
    }
  }

  private struct Rows: @unchecked Sendable { let base: UnsafeMutablePointer<Float> }

  /// Adds what a gradient of the matrix means for U and D.
  func accumulate(matrixGradient gradient: UnsafePointer<Float>) {
    if up.isTrainable {
      up.accumulate {
        Products.multiply(
          gradient, .none, down.value.pointer, .transposed, $0, m: output, n: rank, k: input, scale: scale, keep: 1)
      }
    }
    if down.isTrainable {
      down.accumulate {
        Products.multiply(
          up.value.pointer, .transposed, gradient, .none, $0, m: rank, n: input, k: output, scale: scale, keep: 1)
      }
    }
  }

  // MARK: - By two thin products

  /// What is kept of D x.
  struct Step {
    /// The input after dropout, when there is dropout.
    let dropped: (value: Tensor, mask: Tensor)?
    /// D x, `[rows, r]`.
    let low: Tensor
  }

  /// D x for `rows` inputs.
  func low(_ x: Tensor, rows: Int, _ tape: Tape) -> Step {
    var dropped: (value: Tensor, mask: Tensor)?
    if drops(tape) {
      let mask = Dropout.mask(count: x.count, rate: dropout, &tape.random)
      dropped = (Elementwise.multiply(x, mask), mask)
    }
    let low = Tensor(uninitialised: [rows, rank])
    Products.multiply(
      (dropped?.value ?? x).pointer, .none, down.value.pointer, .transposed, low.output, m: rows, n: rank, k: input)
    return Step(dropped: dropped, low: low)
  }

  /// `y = (α/r) U low + keep · y`.
  func high(_ low: Tensor, rows: Int, keep: Float, _ y: Tensor) {
    Products.multiply(
      low.pointer, .none, up.value.pointer, .transposed, y.output, m: rows, n: output, k: rank, scale: scale, keep: keep
    )
  }

  /// The way back through both products, from the gradient of `(α/r) U (D x)`.
  func backward(_ gradient: Tensor, _ step: Step, x: Tensor, rows: Int, inputGradient: inout Tensor?) {
    if up.isTrainable {
      up.accumulate {
        Products.multiply(
          gradient.pointer, .transposed, step.low.pointer, .none, $0, m: output, n: rank, k: rows, scale: scale, keep: 1
        )
      }
    }
    let lowGradient = Tensor(uninitialised: [rows, rank])
    Products.multiply(
      gradient.pointer, .none, up.value.pointer, .none, lowGradient.output, m: rows, n: rank, k: output, scale: scale)
    if down.isTrainable {
      down.accumulate {
        Products.multiply(
          lowGradient.pointer, .transposed, (step.dropped?.value ?? x).pointer, .none, $0, m: rank, n: input, k: rows,
          keep: 1)
      }
    }
    guard inputGradient != nil else { return }
    guard let dropped = step.dropped else {
      Products.multiply(
        lowGradient.pointer, .none, down.value.pointer, .none, inputGradient!.output, m: rows, n: input, k: rank,
        keep: 1)
      return
    }
    let throughAdapter = Tensor(uninitialised: [rows, input])
    Products.multiply(
      lowGradient.pointer, .none, down.value.pointer, .none, throughAdapter.output, m: rows, n: input, k: rank)
    Elementwise.add(Elementwise.multiply(throughAdapter, dropped.mask), into: inputGradient!)
  }
}
