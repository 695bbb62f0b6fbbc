import CKernels
import HSICore
import HSINumerics

/// Abundances (and guidance) of single pixels with endmembers and channel weights fixed: the A and h steps of the
/// factorisation without coupling between pixels.
///
/// Without sparsity a pixel's problem `½ Σ_l d_l (y_l − m_l a)² + δ/2 (1 − Σ a)²`, a ≥ 0, is solved exactly (active
/// set on `MᵀDM + δ11ᵀ`). With sparsity that solution, raised to 0.02, starts `sweeps` multiplicative steps; the
/// prior of the map is then the mean prior of the factorised pixels, for single pixels have no neighbours.
struct SweepPixelSolver: BlindPixelSolver {
  let model: SweepModel
  /// L × K.
  let endmembers: [Double]
  /// d per channel, or nil for ones.
  let weights: [Double]?
  /// s of every pixel.
  let prior: Double

  /// Steps with sparsity: after 100 abundances move by less than 1e-3 (docs/accuracy-unmixing.md).
  static let sweeps = 100

  func solve(_ pixels: PixelMatrix, into abundances: PixelMatrix) throws -> BlindPixels {
    let bands = pixels.columns
    let count = endmembers.count / bands
    let weighted = Matrix<Double>(rows: bands, columns: count) {
      endmembers[$0 * count + $1] * (weights?[$0] ?? 1)
    }
    let plain = Matrix(rows: bands, columns: count, values: endmembers)
    var gram = weighted.multiplied(by: plain, .transposed, .none)
    for i in gram.values.indices { gram.values[i] += model.softSum }
    abundances.reshape(rows: pixels.rows, columns: count)
    guard pixels.rows > 0 else { return BlindPixels() }
    let program = NonnegativeQuadraticProgram(gram: gram, sumToOne: false)
    let softSum = model.softSum
    let output = abundances.pointer
    LinearUnmixing.products(pixels, weighted) { products, first, rows in
      Parallel.forEachChunk(of: rows, chunk: 256) { _, range in
        var right = [Double](repeating: 0, count: range.count * count)
        for i in right.indices { right[i] = products[range.lowerBound * count + i] + softSum }
        program.solve(right, pixels: range.count, into: output + (first + range.lowerBound) * count)
      }
    }
    if case .none = model.sparsity {
      return BlindPixels(brightness: MultiplicativeMethod.normaliseRows(abundances))
    }
    // A trace of λ (see RRLbS) learns the map but must not disturb the exact abundances.
    var traceOnly = false
    if case .map(let map) = model.sparsity { traceOnly = map.lambda < 1e-6 * model.softSum }
    if !traceOnly { RobustStart.raise(abundances, to: 0.02) }
    var single = model
    single.graphWeight = 0
    var guidance: [Float] = []
    if case .map(var map) = model.sparsity {
      map.gamma = 0
      single.sparsity = .map(map)
      guidance = [Float](repeating: Float(prior), count: pixels.rows)
    }
    let sweep = SingleSweep(pixels, abundances: abundances, prior: guidance, for: single)
    for _ in 0..<SweepPixelSolver.sweeps { _ = sweep.sweep(single, endmembers, weights: weights) }
    for n in guidance.indices { guidance[n] = sweep.guidance[n] }
    return BlindPixels(
      guidance: guidance.isEmpty ? nil : guidance, brightness: MultiplicativeMethod.normaliseRows(abundances))
  }
}
