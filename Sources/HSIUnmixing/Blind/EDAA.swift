import CKernels
import HSICore
import HSINumerics

/// Entropic descent archetypal analysis (EDAA): endmembers are convex combinations of pixels.
///
/// `min ½ ‖Y − Y B A‖²_F` with the columns of B (N × K) and A (K × N) on the simplex, by entropic descent: with `E = Y B`,
/// `A ← A ∘ exp(η EᵀR)` and `B_k ← B_k ∘ exp(η_k (YᵀR Aᵀ)_k)`, `R = Y − E A`, columns divided by their sums.
///
/// Steps are the largest for which every one is known to lower the objective (docs/archetypes.md has the derivation): entropy is 1-strongly convex in the
/// ℓ1 norm, in which the objective is smooth in A with `max |E'ᵀE'|` and in `B_k` with `max_n ‖y'_n‖² Σ_j (A Aᵀ)_kj`, means taken off. Five steps in A and five in B make a
/// turn. The work is done in the subspace of the `2K + 8` leading singular vectors of the scene; endmembers are `Y B` on all bands.
///
/// Differs from the paper, which draws fifty starts and step sizes and keeps the run that fits well with the least coherent endmembers: here the start is
/// that of all blind methods (VCA and FCLS), and nothing is drawn.
///
/// Cost about 4 N (2K + 8) K flops per step of B, one product with the scene at both ends.
public struct EDAA: BlindUnmixer {
  public static let description = MethodDescription(
    id: "edaa", name: "Entropic descent archetypal analysis (EDAA)", task: .blind,
    citation:
      "A. Zouaoui, G. Muhawenayo, B. Rasti, J. Chanussot and J. Mairal, Entropic descent archetypal analysis for blind hyperspectral "
      + "unmixing, IEEE TIP 32, 2023; step sizes and start by hsi",
    cost: "2·N·L·K + 60·N·K² per turn",
    advice: "Endmembers that are means of real pixels, hence never wilder than the data; pixels of unit length help.",
    parameters: [
      ParameterDescription("inner", 5, in: 1...100, "steps in A, and in B, of a turn"),
      ParameterDescription("iterations", 2000, in: 1...100_000, "most turns"),
      ParameterDescription(
        "tolerance", 1e-5, in: 0...1, "stop when the objective falls by less than this fraction, from turn 10 on"),
    ])

  private let inner: Int
  private let iterations: Int
  private let tolerance: Double

  public init(_ parameters: MethodParameters) throws {
    inner = Int(clamping: parameters.value("inner"))
    iterations = Int(clamping: parameters.value("iterations"))
    tolerance = parameters.value("tolerance")
  }

  public func workingBytes(pixels: Int, bands: Int, endmembers: Int) -> Int {
    let rank = min(bands, 2 * endmembers + 8)
    return .sum(
      MultiplicativeMethod.workingBytes(pixels: pixels, bands: bands, endmembers: endmembers, pilot: false),
      .product(8, pixels, .sum(rank, .product(4, endmembers))), .product(40, bands, bands))
  }

  public func unmix(
    _ scene: Cube, count: Int, start: BlindStart?, _ context: RunContext
  ) throws -> BlindResult {
    let claim = context.claimThreads()
    defer { claim.release() }
    let (scene, start) = try MultiplicativeMethod.prepare(scene, count: count, start, context)
    let bands = scene.shape.bands
    let basis = try EDAA.basis(scene.pixels, rank: min(bands, 2 * count + 8))
    let scores = EDAA.scores(scene.pixels, basis)
    var abundances = start.abundances.values.map(Double.init)
    EDAA.lift(&abundances, columns: count, floor: 1e-3)
    let starts = start.endmembers.map(Double.init).multiplied(by: basis)
    var state = State(
      scores: scores, pixels: scene.count, rank: basis.columns, count: count, abundances: abundances,
      weights: EDAA.weights(near: starts, scores, pixels: scene.count))
    var objective = [state.objective()]
    var converged = false
    for turn in 1...iterations {
      try context.checkCancellation()
      state.turn(inner)
      objective.append(state.objective())
      let (before, after) = (objective[turn - 1], objective[turn])
      converged = turn >= 10 && before - after < tolerance * before
      context.progress.report(
        phase: "archetypes", fraction: converged ? 1 : Double(turn) / Double(iterations),
        detail: "objective \(Float(after))")
      if converged { break }
    }
    let result = PixelMatrix(rows: scene.count, columns: count, values: state.abundances.map(Float.init))
    _ = MultiplicativeMethod.normaliseRows(result)
    // E = Y B on all bands.
    let weights = PixelMatrix(rows: scene.count, columns: count, values: state.weights.map(Float.init))
    var spectra = Matrix<Double>(rows: bands, columns: count)
    var scratch = [Double](repeating: 0, count: hsi_outer_scratch_size(scene.count, bands, count))
    hsi_outer(scene.pixels.pointer, bands, scene.count, bands, weights.pointer, count, &spectra.values, &scratch)
    return BlindResult(
      endmembers: SpectralLibrary(
        names: endmemberNames(count), axis: scene.metadata.axis, values: spectra.transposed.values),
      abundances: result, objective: objective, converged: converged,
      settings: ["inner": Double(inner), "iterations": Double(objective.count - 1), "rank": Double(basis.columns)])
  }

  /// The leading eigenvectors of YYᵀ, L × rank.
  private static func basis(_ pixels: PixelMatrix, rank: Int) throws -> Matrix<Double> {
    let eigen = try RobustStart.correlation(pixels).symmetricEigen()
    let order = eigen.values.indices.sorted { eigen.values[$0] > eigen.values[$1] }
    return eigen.vectors.selecting(columns: Array(order.prefix(rank)))
  }

  /// `Y` in the basis, N × rank.
  private static func scores(_ pixels: PixelMatrix, _ basis: Matrix<Double>) -> [Double] {
    var result = [Double](repeating: 0, count: pixels.rows * basis.columns)
    var scratch = [Double](repeating: 0, count: hsi_project_scratch_size(basis.rows, basis.columns))
    hsi_project_f64(
      pixels.pointer, pixels.columns, pixels.rows, pixels.columns, basis.values, basis.columns, &result, basis.columns,
      &scratch)
    return result
  }

  /// Nothing at zero: multiplicative steps do not leave it.
  private static func lift(_ values: inout [Double], columns: Int, floor: Double) {
    for n in 0..<(values.count / max(1, columns)) {
      var sum = 0.0
      for k in 0..<columns {
        values[n * columns + k] = max(values[n * columns + k], floor)
        sum += values[n * columns + k]
      }
      for k in 0..<columns { values[n * columns + k] /= sum }
    }
  }

  /// Weights of pixels, N × K: nine tenths on the pixel nearest to every endmember of the start, the rest evenly.
  private static func weights(near starts: Matrix<Double>, _ scores: [Double], pixels: Int) -> [Double] {
    let (count, rank) = (starts.rows, starts.columns)
    var result = [Double](repeating: 0.1 / Double(pixels), count: pixels * count)
    for k in 0..<count {
      var (best, place) = (Double.infinity, 0)
      for n in 0..<pixels {
        var distance = 0.0
        for d in 0..<rank {
          let difference = scores[n * rank + d] - starts[k, d]
          distance += difference * difference
        }
        if distance < best { (best, place) = (distance, n) }
      }
      result[place * count + k] += 0.9
    }
    return result
  }

  /// Factors of a scene in its subspace, and what descends on them.
  struct State {
    /// Y, N × d.
    let scores: [Double]
    let pixels: Int
    let rank: Int
    let count: Int
    /// Aᵀ, N × K.
    private(set) var abundances: [Double]
    /// B, N × K.
    private(set) var weights: [Double]
    private let energy: Double
    private let longest: Double

    init(scores: [Double], pixels: Int, rank: Int, count: Int, abundances: [Double], weights: [Double]) {
      (self.scores, self.pixels, self.rank, self.count) = (scores, pixels, rank, count)
      (self.abundances, self.weights) = (abundances, weights)
      let squares = scores.withUnsafeBufferPointer { scores in
        (0..<pixels).map { n in (0..<rank).reduce(0.0) { $0 + scores[n * rank + $1] * scores[n * rank + $1] } }
      }
      energy = squares.reduce(0, +)
      var centre = [Double](repeating: 0, count: rank)
      for n in 0..<pixels { for d in 0..<rank { centre[d] += scores[n * rank + d] / Double(pixels) } }
      longest =
        (0..<pixels).map { n in
          (0..<rank).reduce(0.0) { $0 + (scores[n * rank + $1] - centre[$1]) * (scores[n * rank + $1] - centre[$1]) }
        }.max() ?? 0
    }

    /// `Yᵀ · right` for N × K, d × K.
    private func across(_ right: [Double]) -> Matrix<Double> {
      var result = Matrix<Double>(rows: rank, columns: count)
      BLAS.multiply(scores, .transposed, right, .none, into: &result.values, m: rank, n: count, k: pixels)
      return result
    }

    /// `Y · right` for d × K, N × K.
    private func along(_ right: Matrix<Double>) -> [Double] {
      var result = [Double](repeating: 0, count: pixels * count)
      BLAS.multiply(scores, .none, right.values, .none, into: &result, m: pixels, n: count, k: rank)
      return result
    }

    private var inner: Matrix<Double> {
      var result = Matrix<Double>(rows: count, columns: count)
      BLAS.multiply(abundances, .transposed, abundances, .none, into: &result.values, m: count, n: count, k: pixels)
      return result
    }

    /// ½ ‖Y − Y B A‖² in the subspace.
    func objective() -> Double {
      let spectra = across(weights)
      let (mixed, products, gram) = (across(abundances), inner, spectra.gram)
      var value = energy
      for i in mixed.values.indices { value -= 2 * mixed.values[i] * spectra.values[i] }
      for i in gram.values.indices { value += gram.values[i] * products.values[i] }
      return max(0, value / 2)
    }

    /// Steps in A, then as many in B.
    mutating func turn(_ steps: Int) {
      var spectra = across(weights)
      let gram = spectra.gram
      // Differences of weights sum to zero, so that any point may be taken off the endmembers, and off the pixels in `longest`.
      let means = (0..<rank).map { d in spectra.row(d).reduce(0, +) / Double(count) }
      let centred = Matrix<Double>(rows: rank, columns: count) { spectra[$0, $1] - means[$0] }
      let rate = 1 / max(centred.gram.values.map(abs).max() ?? 1, .leastNormalMagnitude)
      let linear = along(spectra)
      hsi_entropic_rows(&abundances, linear, pixels, count, gram.values, rate, Int32(clamping: steps))
      let (mixed, products) = (across(abundances), inner)
      let rates = (0..<count).map { k in
        1 / max(longest * products.row(k).reduce(0, +), .leastNormalMagnitude)
      }
      var scratch = [Double](repeating: 0, count: hsi_entropic_columns_scratch_size(pixels, count))
      for step in 0..<steps {
        if step > 0 { spectra = across(weights) }
        let explained = spectra.multiplied(by: products)
        let gradient = Matrix<Double>(rows: rank, columns: count) { mixed[$0, $1] - explained[$0, $1] }
        hsi_entropic_columns(&weights, along(gradient), pixels, count, rates, &scratch)
      }
    }
  }
}
