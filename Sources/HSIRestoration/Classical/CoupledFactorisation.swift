import HSICore
import HSINumerics

/// Coupled nonnegative matrix factorisation of a scene and a finer multispectral image.
///
/// The scene is `Y ≈ A W`, n × K abundances and K × L spectra; the finer image is `M ≈ B (W Rᵀ)`, N × K abundances of the same spectra
/// as its sensor sees them; A is the mean of B over the pixels of the scene. The responses R (m × L, not negative) are estimated from the
/// images: every band of M, averaged, by non-negative least squares on the bands of Y. Spectra start from successive projections;
/// then, `rounds` times, `updates` multiplicative steps for B and as many for W, A following from B. What A W does not
/// explain of the scene is enlarged and added, so that nothing of it is lost. Negative values count as 0 in the factorisation.
/// Cost `rounds` · `updates` · (4 N m K + 4 n L K). Needs three bands or more: with fewer there is too little to tell K spectra apart.
public struct CoupledFactorisation: SharpeningMethod {
  public static let description = MethodDescription(
    id: "cnmf", name: "Coupled nonnegative matrix factorisation (CNMF)", task: .superResolve,
    citation:
      "N. Yokoya, T. Yairi and A. Iwasaki, Coupled nonnegative matrix factorization unmixing for hyperspectral and multispectral data "
      + "fusion, IEEE TGRS 50(2), 2012",
    cost: "rounds updates (4 N m K + 4 n L K)",
    advice: "With a finer image of three bands or more, where materials mix.",
    parameters: [
      ParameterDescription("endmembers", 12, in: 2...100, "spectra of the factorisation, at most the bands"),
      ParameterDescription("rounds", 3, in: 1...100, "rounds of both images"),
      ParameterDescription("updates", 40, in: 1...10_000, "multiplicative steps per image and round"),
    ])
  public static let leastBands = 3

  private let endmembers, rounds, updates: Int

  public init(_ parameters: MethodParameters) throws {
    endmembers = Int(parameters.value("endmembers"))
    rounds = Int(parameters.value("rounds"))
    updates = Int(parameters.value("updates"))
  }

  public func sharpen(_ images: SharpeningImages, _ context: RunContext) throws -> PixelMatrix {
    let scene = CoupledFactorisation.nonnegative(images.coarse)
    let detail = CoupledFactorisation.nonnegative(images.fine)
    let response = CoupledFactorisation.responses(scene, CoupledFactorisation.nonnegative(images.means))
    let count = min(endmembers, scene.columns, scene.rows)
    var spectra = CoupledFactorisation.purest(scene, count: count)
    var coarse = Matrix(rows: scene.rows, columns: count, repeating: 1 / Double(count))
    for _ in 0..<updates { CoupledFactorisation.update(&coarse, for: scene, spectra) }
    var fine = CoupledFactorisation.matrix(images.enlarged(CoupledFactorisation.pixels(coarse))).map { max($0, 1e-9) }
    for round in 0..<rounds {
      try context.checkCancellation()
      context.progress.report(phase: "factorising", fraction: Double(round) / Double(rounds))
      let seen = spectra.multiplied(by: response, .none, .transposed)
      for _ in 0..<updates { CoupledFactorisation.update(&fine, for: detail, seen) }
      coarse = CoupledFactorisation.matrix(images.shrunk(CoupledFactorisation.pixels(fine)))
      for _ in 0..<updates { CoupledFactorisation.updateSpectra(&spectra, for: scene, coarse) }
    }
    let result = CoupledFactorisation.pixels(fine.multiplied(by: spectra))
    let lack = images.shrunk(result)
    for i in 0..<(lack.rows * lack.columns) { lack.pointer[i] = images.coarse.pointer[i] - lack.pointer[i] }
    let rest = images.enlarged(lack)
    for i in 0..<(rest.rows * rest.columns) { result.pointer[i] += rest.pointer[i] }
    return result
  }

  /// R, m × L: every mean band by non-negative least squares on the bands of the scene.
  static func responses(_ scene: Matrix<Double>, _ means: Matrix<Double>) -> Matrix<Double> {
    let program = NonnegativeQuadraticProgram(gram: scene.gram, sumToOne: false)
    let linear = means.multiplied(by: scene, .transposed)
    var found = [Float](repeating: 0, count: linear.values.count)
    program.solve(linear.values, pixels: means.columns, into: &found)
    return Matrix(rows: means.columns, columns: scene.columns, values: found.map(Double.init))
  }

  /// Spectra of pixels by successive projections, K × L: in turn the pixel farthest from what the others span.
  private static func purest(_ scene: Matrix<Double>, count: Int) -> Matrix<Double> {
    var rest = scene.values
    let bands = scene.columns
    var rows: [Int] = []
    for _ in 0..<count {
      let norms = (0..<scene.rows).map { row in
        (0..<bands).reduce(0) { $0 + rest[row * bands + $1] * rest[row * bands + $1] }
      }
      guard let best = norms.indices.max(by: { norms[$0] < norms[$1] }), norms[best] > 0 else { break }
      rows.append(best)
      let axis = rest[(best * bands)..<((best + 1) * bands)].map { $0 / norms[best].squareRoot() }
      for row in 0..<scene.rows {
        let along = (0..<bands).reduce(0) { $0 + rest[row * bands + $1] * axis[$1] }
        for b in 0..<bands { rest[row * bands + b] -= along * axis[b] }
      }
    }
    while rows.count < count { rows.append(rows.first ?? 0) }
    return scene.selecting(rows: rows).map { max($0, 1e-9) }
  }

  /// One multiplicative step of abundances: `B ← B ∘ (X Sᵀ) / (B S Sᵀ)`.
  private static func update(_ abundances: inout Matrix<Double>, for image: Matrix<Double>, _ spectra: Matrix<Double>) {
    let up = image.multiplied(by: spectra, .none, .transposed)
    let down = abundances.multiplied(by: spectra.multiplied(by: spectra, .none, .transposed))
    scale(&abundances, up, down)
  }

  /// One multiplicative step of spectra: `W ← W ∘ (Aᵀ Y) / (Aᵀ A W)`.
  private static func updateSpectra(
    _ spectra: inout Matrix<Double>, for image: Matrix<Double>, _ abundances: Matrix<Double>
  ) {
    let up = abundances.multiplied(by: image, .transposed)
    let down = abundances.gram.multiplied(by: spectra)
    scale(&spectra, up, down)
  }

  private static func scale(_ values: inout Matrix<Double>, _ up: Matrix<Double>, _ down: Matrix<Double>) {
    values.values.withUnsafeMutableBufferPointer { values in
      up.values.withUnsafeBufferPointer { up in
        down.values.withUnsafeBufferPointer { down in
          for i in 0..<values.count { values[i] *= up[i] / max(down[i], 1e-300) }
        }
      }
    }
  }

  private static func nonnegative(_ image: PixelMatrix) -> Matrix<Double> { matrix(image).map { max($0, 0) } }

  private static func matrix(_ image: PixelMatrix) -> Matrix<Double> {
    Matrix(rows: image.rows, columns: image.columns, values: image.values.map(Double.init))
  }

  private static func pixels(_ matrix: Matrix<Double>) -> PixelMatrix {
    PixelMatrix(rows: matrix.rows, columns: matrix.columns, values: matrix.values.map(Float.init))
  }
}
