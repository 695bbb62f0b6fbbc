import HSICore
import HSINumerics

/// Spectral–spatial weighted sparse unmixing (S2WSU).
///
/// `min ½ ‖D X − Y‖²_F + λ ‖(w₁ w₂) ∘ X‖₁` with `X ≥ 0`. The weights are refreshed from the last solution in an outer
/// loop: spectral `w₁ = 1/(‖x^i‖₂ + ε)` per library spectrum, spatial `w₂ = 1/(mean of the 8 neighbours + ε)` per entry
/// (neighbours that exist and are valid). The first round has no weights. The inner problem is `SUnSAL` with one
/// threshold per entry. 2 N m² flops per inner iteration; 8 N m bytes.
///
/// ε is 1e-3 *(ours)*: it bounds the weights, so that an abundance that vanished once can come back.
public struct S2WSU: SceneAbundanceEstimator {
  public static let description = MethodDescription(
    id: "s2wsu", name: "Spectral–spatial weighted sparse unmixing (S2WSU)", task: .sparse,
    citation:
      "S. Zhang, J. Li, H.-C. Li, C. Deng and A. Plaza, Spectral–spatial weighted sparse regression for "
      + "hyperspectral image unmixing, IEEE TGRS 56(6), 2018",
    cost: "(2 N L m + 2 N m² T) per round, scene in memory",
    advice: "Sparser and smoother maps than SUnSAL on large libraries at about five times its cost.",
    parameters: [
      SUnSAL.lambda(share: 0.01), ParameterDescription("rounds", 5, in: 1...100, "refreshes of the weights"),
      ParameterDescription("epsilon", 1e-3, in: 1e-12...1, "floor in the weights"), SUnSAL.mu,
      SUnSAL.iterations(1000), SUnSAL.tolerance(1e-4),
    ])

  private let parameters: MethodParameters

  public init(_ parameters: MethodParameters) throws { self.parameters = parameters }

  public func workingBytes(pixels: Int, bands: Int, endmembers: Int) -> Int {
    8 * pixels * endmembers + 4 * pixels + 8 * LinearUnmixing.block * endmembers
  }

  public func solve(_ scene: Cube, _ endmembers: SpectralLibrary, _ context: RunContext) throws -> PixelMatrix {
    let claim = context.claimThreads()
    defer { claim.release() }
    let model = try LinearUnmixing(endmembers, weights: nil, method: "S2WSU")
    let atoms = model.endmembers.columns
    let solver = try SparseSolver(
      model,
      SparseSolver.Settings(
        lambda: SUnSAL.weight(parameters["lambda"], share: 0.01, endmembers), mu: parameters["mu"],
        iterations: Int(parameters.value("iterations")), tolerance: parameters.value("tolerance")))
    let abundances = PixelMatrix(rows: scene.count, columns: atoms)
    let weights = PixelMatrix(rows: scene.count, columns: atoms)
    let rounds = Int(parameters.value("rounds"))
    let epsilon = parameters.value("epsilon")
    var grid = [Int32](repeating: -1, count: scene.shape.pixels)
    for (n, place) in scene.positions.enumerated() { grid[Int(place)] = Int32(n) }
    for round in 0..<rounds {
      try context.checkCancellation()
      let unconverged: Int
      if round == 0 {
        unconverged = solver.solve(scene.pixels, into: abundances, atomWeights: nil, weights: nil)
      } else {
        let rows = S2WSU.rowNorms(abundances).map { Float(1 / ($0 + epsilon)) }
        S2WSU.spatialWeights(abundances, scene, grid, Float(epsilon), into: weights)
        unconverged = solver.solve(scene.pixels, into: abundances, atomWeights: rows, weights: weights)
      }
      context.progress.report(
        phase: "sparse regression", fraction: Double(round + 1) / Double(rounds),
        detail: "\(unconverged) pixels at the iteration limit")
    }
    return abundances
  }

  /// `‖x^i‖₂` of every spectrum, in double precision.
  static func rowNorms(_ abundances: PixelMatrix) -> [Double] {
    var squares = [Double](repeating: 0, count: abundances.columns)
    for n in 0..<abundances.rows {
      for (i, value) in abundances.row(n).enumerated() { squares[i] += Double(value) * Double(value) }
    }
    return squares.map { $0.squareRoot() }
  }

  /// `1 / (mean of the valid 8-neighbours + ε)`; 1 where a pixel has no valid neighbour.
  static func spatialWeights(
    _ abundances: PixelMatrix, _ scene: Cube, _ grid: [Int32], _ epsilon: Float, into weights: PixelMatrix
  ) {
    let (lines, samples, atoms) = (scene.shape.lines, scene.shape.samples, abundances.columns)
    let (source, target) = (abundances.pointer, weights.pointer)
    let positions = scene.positions
    Parallel.forEachChunk(of: positions.count, chunk: 512) { _, range in
      for n in range {
        let (line, sample) = (Int(positions[n]) / samples, Int(positions[n]) % samples)
        let row = target + n * atoms
        row.update(repeating: 0, count: atoms)
        var found: Float = 0
        for y in max(0, line - 1)...min(lines - 1, line + 1) {
          for x in max(0, sample - 1)...min(samples - 1, sample + 1) where y != line || x != sample {
            let neighbour = Int(grid[y * samples + x])
            guard neighbour >= 0 else { continue }
            found += 1
            for i in 0..<atoms { row[i] += source[neighbour * atoms + i] }
          }
        }
        for i in 0..<atoms { row[i] = found > 0 ? 1 / (row[i] / found + epsilon) : 1 }
      }
    }
  }
}
