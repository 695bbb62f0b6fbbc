import CKernels
import Foundation
import HSICore
import HSINumerics

/// RRLbS with a noise level per channel and a gated minimum-volume term: the most accurate blind method here.
///
/// With `r_l = y_l − m_l A`, `C = I − 11ᵀ/K` and abundances exactly on the simplex, minimises
///
///     Σ_l N/2 · log(‖r_l‖² + μ N/K ‖m_l C‖² + ε²) + λ Σ (A_kn + ε_a)^(1−h_n)
///       + β/2 Σ_n (h_n − s_n)² + γ/2 Σ_{i<j} w_ij (h_i − h_j)²
///
/// over `M > 0` and h in [0, h_max]. The logarithm is the likelihood of Gaussian noise with an unknown variance per
/// channel: a channel counts by `d_l = N/(‖r_l‖² + …)`, so bad channels all but drop out. `μ = mu0·ξ`,
/// `λ = lambda0·ξ·L`, where `ξ = clip(1 − n²/e², 0, 1)` is the share of the residual of the best K-dimensional
/// subspace that is not noise (n² from leave-one-out prediction, e² the discarded eigenvalues): where noise explains
/// the residual, neither volume nor sparsity may move the endmembers.
///
/// Each iteration: one cyclic sweep of coordinate descent over the entries of every row of M, the weights d, the
/// exact quadratic program of every pixel on `MᵀDM` and `MᵀDy` (minus the slope of the sparsity), one step of h. Each
/// block is exact or a majoriser, so the objective falls.
///
/// Pixels of unit length (`start.unitLength`) are put in perspective instead: `y_n/t_n` with `t_n = uᵀy_n` (at least
/// a thousandth of its median), u the mean direction of the good channels. Sum-to-one is then exact for any
/// brightness. What is returned is the share of every endmember at unit length, `a_k ∝ A_k ‖m_k‖`.
///
/// ε is 1e-3 times the median channel norm; s, w, β = beta0·λ, γ = gamma0·λ and ε_a as in RRLbS. Ours, built from the
/// ideas of arXiv 1409.0685 (robust channels, learnt sparsity) and of NMF-QMV (volume); docs/accuracy-unmixing.md has
/// the measurements.
public struct RRLbSV: BlindUnmixer {
  public static let description = MethodDescription(
    id: "rrlbs-v", name: "RRLbS with channel noise levels and gated volume (RRLbS-V)", task: .blind,
    citation: "this toolkit, after Zhu et al., arXiv:1409.0685, and Zhuang et al., IEEE TGRS 57(12), 2019",
    cost: "4·N·L·K + N·K³ at most per iteration, two passes over the scene",
    advice:
      "The most accurate in our tests, above all without pure pixels or with varying brightness (unit length).",
    parameters: [
      ParameterDescription("mu0", 0.01, in: 0...10, "weight of the volume term before gating"),
      ParameterDescription("lambda0", 0.1, in: 0...10, "weight of the sparsity before gating"),
      ParameterDescription("beta0", 10, in: 0...1000, "pull of the guidance map to its prior"),
      ParameterDescription("gamma0", 2, in: 0...1000, "coupling of the guidance map between neighbours"),
      ParameterDescription("h_max", 0.8, in: 0...0.99, "largest value of the guidance map"),
      ParameterDescription("epsilon_a", 1e-4, in: 1e-8...0.1, "offset of abundances in the sparsity term"),
      ParameterDescription("iterations", 50, in: 1...100_000, "most iterations"),
      ParameterDescription(
        "tolerance", 1e-7, in: 0...1, "stop when the objective per value falls by less, from iteration 10 on"),
    ])

  private let mu0, lambda0, beta0, gamma0, largest, epsilonA, tolerance: Double
  private let iterations: Int

  public init(_ parameters: MethodParameters) throws {
    mu0 = parameters.value("mu0")
    lambda0 = parameters.value("lambda0")
    beta0 = parameters.value("beta0")
    gamma0 = parameters.value("gamma0")
    largest = parameters.value("h_max")
    epsilonA = parameters.value("epsilon_a")
    tolerance = parameters.value("tolerance")
    iterations = Int(parameters.value("iterations"))
  }

  public func workingBytes(pixels: Int, bands: Int, endmembers: Int) -> Int {
    MultiplicativeMethod.workingBytes(pixels: pixels, bands: bands, endmembers: endmembers, pilot: false)
      + 8 * hsi_outer_scratch_size(pixels, bands, endmembers)
  }

  public func unmix(_ scene: Cube, count: Int, start: BlindStart?, _ context: RunContext) throws -> BlindResult {
    let claim = context.claimThreads()
    defer { claim.release() }
    let (scene, start) = try MultiplicativeMethod.prepare(scene, count: count, start, context)
    let (bands, pixels) = (scene.shape.bands, scene.count)
    let correlation = RobustStart.correlation(scene.pixels)
    let kept = (0..<bands).map { start.keptChannels[$0] && correlation[$0, $0] > 0 }
    let gate = try RRLbSV.modelShare(correlation, kept: kept, count: count)
    let view = start.unitLength ? Perspective(scene.pixels, kept: kept) : nil
    let divisors = view?.divisors(scene.pixels)

    // The start in this view: endmembers on the plane uᵀm = 1, abundances by FCLS on the good channels, the other
    // channels by least squares.
    var m = start.endmembers.transposed.map(Double.init)
    if let view { view.place(&m) }
    let energy = RRLbSV.energy(scene.pixels, divisors)
    let typical = NeighbourGraph.median(sorted: energy.map { $0.squareRoot() }.sorted())
    let lambda = lambda0 * gate * Double(bands)
    var step = PixelStep(
      endmembers: m, weights: kept.map { $0 ? 1 : 0 }, lambda: 0, beta: beta0, gamma: gamma0,
      largest: largest,
      epsilon: epsilonA)
    let abundances = PixelMatrix(rows: pixels, columns: count)
    var map = GuidanceMap(scene, start, largest: largest)
    step.abundances(scene.pixels, divisors, map.values, into: abundances)
    var sums = Sums(scene.pixels, abundances, divisors)
    RRLbSV.fitChannels(&m, sums, channels: kept.map { !$0 })

    let volume = mu0 * gate * Double(pixels) / Double(count)
    let epsilon = 1e-3 * typical
    var weights = RRLbSV.weights(m, sums, energy, volume: volume, epsilon: epsilon, pixels: pixels)
    step.lambda = lambda
    func objective() -> Double {
      // From the residuals themselves: the shortcut by sums cancels where the fit is good.
      let squares = RRLbSV.residualSquares(scene.pixels, divisors, abundances, m)
      let loss =
        (0..<bands).reduce(0) {
          $0 + log(squares[$1] + volume * RRLbSV.spread(m, $1) + epsilon * epsilon)
        } * Double(pixels) / 2
      return loss + (lambda > 0 ? map.penalty(abundances, step) : 0)
    }
    var values = [objective()]
    var converged = false
    for t in 1...iterations {
      try context.checkCancellation()
      RRLbSV.descend(&m, sums, volume: volume)
      weights = RRLbSV.weights(m, sums, energy, volume: volume, epsilon: epsilon, pixels: pixels)
      step.set(endmembers: m, weights: weights)
      step.abundances(scene.pixels, divisors, map.values, into: abundances)
      if lambda > 0 { map.update(abundances, step) }
      sums = Sums(scene.pixels, abundances, divisors)
      values.append(objective())
      context.progress.report(
        phase: "rrlbs-v", fraction: Double(t) / Double(iterations),
        detail: String(format: "objective %.8g", values[t]))
      if t >= 10, values[t - 1] - values[t] < tolerance * Double(pixels * bands) {
        converged = true
        break
      }
    }
    context.progress.report(phase: "rrlbs-v", fraction: 1)
    if lambda == 0 {
      // A trace of weight learns the map without touching the abundances (the step does not depend on λ).
      step.lambda = 1
      for _ in 0..<20 { map.update(abundances, step) }
    }
    let solver = VariancePixelSolver(
      step: step, lambda: lambda, view: view, kept: kept, prior: map.meanPrior)
    var outcome = solver.shares(abundances, divisors)
    outcome.guidance = map.values
    var squares = [Double](repeating: 0, count: bands)
    hsi_nmf_row_residuals(bands, count, sums.products, sums.gram, energy, m.values, &squares)
    return BlindResult(
      endmembers: SpectralLibrary(
        names: endmemberNames(count), axis: scene.metadata.axis,
        values: solver.outputEndmembers.transposed.values),
      abundances: abundances, guidance: outcome.guidance, brightness: outcome.brightness,
      channelQuality: MultiplicativeMethod.quality(energy: energy, squares: squares), channelWeights: weights,
      pixelSolver: solver, objective: values, converged: converged,
      settings: [
        "mu0": mu0, "lambda0": lambda0, "gate": gate, "beta0": beta0, "gamma0": gamma0, "h_max": largest,
        "iterations": Double(values.count - 1), "unit_length": start.unitLength ? 1 : 0,
      ])
  }

  // MARK: - Scene quantities

  /// `ξ = clip(1 − n²/e², 0, 1)` over the kept channels: `n² = Σ_l rms_l²/(C⁻¹)_ll` with C the correlation of channels
  /// scaled to unit RMS plus 1e-8, `e²` the sum of all but the K largest eigenvalues of `YYᵀ/N`.
  static func modelShare(_ correlation: Matrix<Double>, kept: [Bool], count: Int) throws -> Double {
    let good = kept.indices.filter { kept[$0] }
    guard good.count > count else { return 0 }
    let noise = try ChannelPrediction(correlation, channels: good).noise.reduce(0) { $0 + $1 * $1 }
    let values = try correlation.selecting(rows: good).selecting(columns: good).symmetricEigen().values
    let rest = values.dropFirst(count).reduce(0) { $0 + max($1, 0) }
    return rest > 0 ? min(1, max(0, 1 - noise / rest)) : 0
  }

  /// `Σ_n (y_nl / t_n)²` per channel.
  private static func energy(_ pixels: PixelMatrix, _ divisors: [Float]?) -> [Double] {
    let bands = pixels.columns
    let block = 4096
    let blocks = (pixels.rows + block - 1) / block
    var partial = [Double](repeating: 0, count: blocks * bands)
    partial.withUnsafeMutableBufferPointer { partial in
      let output = partial
      let values = pixels.pointer
      Parallel.forEachChunk(of: pixels.rows, chunk: block) { index, range in
        for n in range {
          let scale = 1 / Double(divisors?[n] ?? 1)
          for l in 0..<bands {
            let y = Double(values[n * bands + l]) * scale
            output[index * bands + l] += y * y
          }
        }
      }
    }
    return (0..<bands).map { l in (0..<blocks).reduce(0) { $0 + partial[$1 * bands + l] } }
  }

  /// `Y Aᵀ` in the view (L × K) and `A Aᵀ`.
  struct Sums {
    let products: [Double]
    let gram: [Double]

    init(_ pixels: PixelMatrix, _ abundances: PixelMatrix, _ divisors: [Float]?) {
      guard let divisors else {
        (products, gram) = RobustStart.abundanceSums(pixels, abundances)
        return
      }
      let count = abundances.columns
      let scaled = PixelMatrix(rows: abundances.rows, columns: count)
      let (source, target) = (abundances.pointer, scaled.pointer)
      Parallel.forEachChunk(of: abundances.rows, chunk: 8192) { _, range in
        for n in range { for k in 0..<count { target[n * count + k] = source[n * count + k] / divisors[n] } }
      }
      products = RobustStart.abundanceSums(pixels, scaled).sums
      var gram = [Double](repeating: 0, count: count * count)
      var scratch = [Double](repeating: 0, count: hsi_gram_scratch_size(abundances.rows, count))
      hsi_gram(abundances.pointer, count, abundances.rows, count, &gram, &scratch)
      self.gram = gram
    }
  }

  // MARK: - Endmembers

  /// `N / (‖r_l‖² + volume ‖m_l C‖² + ε²)`.
  private static func weights(
    _ m: Matrix<Double>, _ sums: Sums, _ energy: [Double], volume: Double, epsilon: Double, pixels: Int
  ) -> [Double] {
    var squares = [Double](repeating: 0, count: m.rows)
    hsi_nmf_row_residuals(m.rows, m.columns, sums.products, sums.gram, energy, m.values, &squares)
    return (0..<m.rows).map { l in
      Double(pixels) / max(squares[l] + volume * spread(m, l) + epsilon * epsilon, 1e-300)
    }
  }

  /// `‖m_l C‖²`, the variance of the endmembers in channel l times K.
  private static func spread(_ m: Matrix<Double>, _ l: Int) -> Double {
    let mean = (0..<m.columns).reduce(0) { $0 + m[l, $1] } / Double(m.columns)
    return (0..<m.columns).reduce(0) { $0 + (m[l, $1] - mean) * (m[l, $1] - mean) }
  }

  /// `Σ_n (y_nl/t_n − Σ_k a_nk m_lk)²` per channel, from residuals in single precision summed in double.
  private static func residualSquares(
    _ pixels: PixelMatrix, _ divisors: [Float]?, _ abundances: PixelMatrix, _ m: Matrix<Double>
  ) -> [Double] {
    let (bands, count, block) = (m.rows, m.columns, 512)
    let transposed = m.transposed.values.map { Float($0) }
    var packed = [Float](repeating: 0, count: hsi_gemm_packed_size(count, bands))
    hsi_gemm_pack(transposed, bands, count, bands, &packed)
    let blocks = (pixels.rows + block - 1) / block
    var partial = [Double](repeating: 0, count: blocks * bands)
    partial.withUnsafeMutableBufferPointer { partial in
      packed.withUnsafeBufferPointer { packed in
        let (output, weights) = (partial, packed)
        let (values, a) = (pixels.pointer, abundances.pointer)
        Parallel.forEachChunk(of: pixels.rows, chunk: block) { index, range in
          withUnsafeTemporaryAllocation(of: Float.self, capacity: range.count * bands) { model in
            hsi_gemm(
              a + range.lowerBound * count, count, weights.baseAddress, model.baseAddress, bands, range.count,
              bands,
              count, 0)
            for (i, n) in range.enumerated() {
              let scale = 1 / (divisors?[n] ?? 1)
              for l in 0..<bands {
                let r = Double(values[n * bands + l] * scale - model[i * bands + l])
                output[index * bands + l] += r * r
              }
            }
          }
        }
      }
    }
    return (0..<bands).map { l in (0..<blocks).reduce(0) { $0 + partial[$1 * bands + l] } }
  }

  /// One cyclic sweep of exact coordinate descent on `‖y_l − m_l A‖² + volume ‖m_l C‖²` for every row.
  private static func descend(_ m: inout Matrix<Double>, _ sums: Sums, volume: Double) {
    let count = m.columns
    var hessian = sums.gram
    for i in 0..<count {
      for j in 0..<count { hessian[i * count + j] += volume * ((i == j ? 1 : 0) - 1 / Double(count)) }
    }
    let least = 1e-9 * (m.values.max() ?? 1)
    for l in 0..<m.rows {
      for k in 0..<count where hessian[k * count + k] > 0 {
        var slope = sums.products[l * count + k]
        for j in 0..<count { slope -= m[l, j] * hessian[j * count + k] }
        m[l, k] = max(m[l, k] + slope / hessian[k * count + k], least)
      }
    }
  }

  /// Lightly ridged least squares on the abundances for the given channels, clipped at a tiny positive value.
  private static func fitChannels(_ m: inout Matrix<Double>, _ sums: Sums, channels: [Bool]) {
    let count = m.columns
    guard channels.contains(true) else { return }
    var gram = Matrix(rows: count, columns: count, values: sums.gram)
    let ridge = 1e-4 * (0..<count).reduce(0) { $0 + gram[$1, $1] } / Double(count)
    for k in 0..<count { gram[k, k] += ridge }
    let right = Matrix(rows: m.rows, columns: count, values: sums.products).transposed
    guard let fitted = try? gram.solvedPositiveDefinite(right) else { return }
    let least = 1e-6 * (m.values.max() ?? 1)
    for l in 0..<m.rows where channels[l] { for k in 0..<count { m[l, k] = max(fitted[k, l], least) } }
  }
}
