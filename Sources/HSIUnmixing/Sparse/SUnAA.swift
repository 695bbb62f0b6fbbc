import CKernels
import HSICore
import HSINumerics

/// Sparse unmixing by archetypal analysis (SUnAA): endmembers are convex combinations of library spectra.
///
/// `min ½ ‖Y − D B A‖²_F` with the columns of B (m × r) and A (r × N) on the simplex: r endmembers `E = D B`, each a mixture of a few of the m
/// library spectra, and abundances that sum to one. No weight to choose; r is the one parameter. What is delivered are the abundances of the
/// library spectra, `X = B A`.
///
/// By turns, each exact: A by FCLS for E; every column of B by the same simplex program on `DᵀD`, with
/// `z_j = (Y Aᵀ_j − Σ_{i≠j} E_i (A Aᵀ)_ij) / (A Aᵀ)_jj` as its target, `min ½ ‖D b − z_j‖²`. So the objective never rises. B starts as the
/// combinations nearest to the endmembers of VCA on the scene. Ends when the objective falls by less than `tolerance` of itself.
///
/// Cost per turn 4 N L r + N r³ at most and r m³ at most; memory 4 N (m + r) bytes.
public struct SUnAA: SceneAbundanceEstimator {
  public static let description = MethodDescription(
    id: "sunaa", name: "Sparse unmixing using archetypal analysis (SUnAA)", task: .sparse,
    citation:
      "B. Rasti, A. Zouaoui, J. Mairal and J. Chanussot, SUnAA: sparse unmixing using archetypal analysis, IEEE GRSL 20, 2023; "
      + "started by VCA",
    cost: "(4 N L r + N r³ + r m³) T, scene in memory",
    advice: "A library of pure spectra, a number of materials known: no weight to choose, abundances that sum to one.",
    parameters: [
      ParameterDescription(
        "endmembers", nil, in: 1...40, "number r of endmembers; default: as many as the held-back error counts"),
      ParameterDescription("iterations", 100, in: 1...1e6, "most turns"),
      ParameterDescription("tolerance", 1e-6, in: 0...1, "relative fall of the objective at which it ends"),
    ])

  private let parameters: MethodParameters

  public init(_ parameters: MethodParameters) throws { self.parameters = parameters }

  public func workingBytes(pixels: Int, bands: Int, endmembers: Int) -> Int {
    let count = Int(clamping: parameters["endmembers"] ?? 40)
    return .sum(
      .product(4, pixels, .sum(endmembers, count)), .product(32, endmembers, endmembers), .product(64, bands, bands))
  }

  public func solve(_ scene: Cube, _ endmembers: SpectralLibrary, _ context: RunContext) throws -> PixelMatrix {
    let claim = context.claimThreads()
    defer { claim.release() }
    let wanted = try parameters["endmembers"].map { Int(clamping: $0) } ?? HeldBackCount().count(scene, context).count
    let count = max(1, min(wanted, endmembers.count))
    let spectra = count == 1 ? try SUnAA.mean(scene, endmembers) : try VCA().extract(scene, count: count, context)
    let model = try LinearUnmixing(endmembers, weights: nil, method: "SUnAA")
    let program = NonnegativeQuadraticProgram(gram: model.gram, sumToOne: true)
    let starts = (0..<count).map { program.solve(model.endmembers.transposed.multiplied(by: Array(spectra[$0]))) }
    let outcome = try run(scene, model.endmembers, starts: starts, context)
    // X = B A.
    let atoms = endmembers.count
    let result = PixelMatrix(rows: scene.count, columns: atoms)
    let weights = outcome.combinations.flatMap { $0 }.map(Float.init)
    Parallel.forEachChunk(of: scene.count, chunk: 4096) { _, range in
      weights.withUnsafeBufferPointer {
        BLAS.multiplyAdd(
          outcome.abundances.pointer + range.lowerBound * count, $0.baseAddress!,
          result.pointer + range.lowerBound * atoms, m: range.count, n: atoms, k: count, strides: (count, atoms, atoms))
      }
    }
    return result
  }

  struct Outcome {
    /// B, one combination of m weights per endmember.
    var combinations: [[Double]]
    /// A, N × r.
    var abundances: PixelMatrix
    /// ‖Y − D B A‖²/2 after every turn.
    var objective: [Double]
  }

  /// Turns from given combinations.
  ///
  /// - Parameter library: D, L × m.
  func run(
    _ scene: Cube, _ library: Matrix<Double>, starts: [[Double]], _ context: RunContext
  ) throws -> Outcome {
    let (bands, count) = (library.rows, starts.count)
    let gram = library.gram
    let program = NonnegativeQuadraticProgram(gram: gram, sumToOne: true)
    var combinations = starts
    let abundances = PixelMatrix(rows: scene.count, columns: count)
    var energies = [Double](repeating: 0, count: scene.count)
    hsi_pixel_norms(scene.pixels.pointer, bands, scene.count, bands, nil, &energies)
    let energy = energies.reduce(0, +)
    var objective: [Double] = []
    let iterations = Int(clamping: parameters.value("iterations"))
    func spectra() -> Matrix<Double> {
      library.multiplied(
        by: Matrix(rows: count, columns: library.columns, values: combinations.flatMap { $0 }).transposed)
    }
    for turn in 1...iterations {
      try context.checkCancellation()
      let current = spectra()
      let own = SpectralLibrary(
        names: (0..<count).map(String.init), axis: SpectralAxis(count: bands), values: current.transposed.values)
      let linear = try LinearUnmixing(own, weights: nil, method: "SUnAA")
      _ = try ProgramSolver(linear, sumToOne: true).solve(scene.pixels, into: abundances)
      let (right, products) = SUnAA.sums(scene.pixels, abundances)
      for j in 0..<count where products[j, j] > 0 {
        let now = spectra()
        var target = right.column(j)
        for i in 0..<count where i != j { for l in 0..<bands { target[l] -= now[l, i] * products[i, j] } }
        for l in 0..<bands { target[l] /= products[j, j] }
        combinations[j] = program.solve(library.transposed.multiplied(by: target))
      }
      // ½ (‖Y‖² − 2 ⟨YAᵀ, E⟩ + ⟨EᵀE, AAᵀ⟩).
      let found = spectra()
      let inner = found.gram
      var value = energy
      for l in right.values.indices { value -= 2 * right.values[l] * found.values[l] }
      for i in inner.values.indices { value += inner.values[i] * products.values[i] }
      objective.append(max(0, value / 2))
      let fall = objective.count > 1 ? objective[objective.count - 2] - objective[objective.count - 1] : .infinity
      let isDone = fall <= parameters.value("tolerance") * objective[objective.count - 1]
      context.progress.report(phase: "archetypes", fraction: isDone ? 1 : Double(turn) / Double(iterations))
      if isDone { break }
      if turn == iterations, iterations > 1 {
        context.warn(
          "W-NOT-CONVERGED", "sunaa stopped after \(iterations) turns; \(option: "set") iterations= lets it go on")
      }
    }
    return Outcome(combinations: combinations, abundances: abundances, objective: objective)
  }

  /// `Y Aᵀ` (L × r) and `A Aᵀ`, in double precision: the objective is a small difference of what follows from them.
  private static func sums(_ pixels: PixelMatrix, _ abundances: PixelMatrix) -> (Matrix<Double>, Matrix<Double>) {
    let (bands, count, rows) = (pixels.columns, abundances.columns, pixels.rows)
    var right = Matrix<Double>(rows: bands, columns: count)
    let block = 512
    var y = [Double](repeating: 0, count: block * bands)
    var a = [Double](repeating: 0, count: block * count)
    for first in stride(from: 0, to: rows, by: block) {
      let size = min(block, rows - first)
      for i in 0..<(size * bands) { y[i] = Double(pixels.pointer[first * bands + i]) }
      for i in 0..<(size * count) { a[i] = Double(abundances.pointer[first * count + i]) }
      BLAS.multiply(y, .transposed, a, .none, into: &right.values, m: bands, n: count, k: size, beta: 1)
    }
    var products = Matrix<Double>(rows: count, columns: count)
    var scratch = [Double](repeating: 0, count: hsi_gram_scratch_size(rows, count))
    hsi_gram(abundances.pointer, count, rows, count, &products.values, &scratch)
    return (right, products)
  }

  private static func mean(_ scene: Cube, _ library: SpectralLibrary) throws -> SpectralLibrary {
    guard scene.count > 0 else { throw UnmixingError.tooFewPixels(valid: 0, needed: 1, purpose: "SUnAA") }
    return SpectralLibrary(names: ["mean"], axis: library.axis, values: RobustStart.mean(scene.pixels))
  }
}
