import HSICore
import HSINumerics

/// Low-rank matrix completion: missing values of the pixels × bands matrix follow from its leading components.
///
/// With bands brought to equal spread it seeks `min ½ Σ (y_nb − μ_b − a_b · z_n)² + ½ λ (Σ ‖a_b‖² + Σ ‖z_n‖²)` over the values that are
/// there, which has the same least as the nuclear norm with weight λ, by alternating least squares. λ falls step by step, each from
/// the result of the one before (warm start), on a sample of at most 8192 pixels, as long as one value in 20 that was held back is
/// predicted better. The coordinates of all pixels then follow by least squares. Values that are there stay. Cost N (L p² + p³) on
/// the scene, and up to 60 times that on the sample.
public struct LowRankCompletion: FillingRestorer {
  public static let description = MethodDescription(
    id: "lrmc", name: "Low-rank matrix completion (soft-impute)", task: .inpaint,
    citation:
      "T. Hastie, R. Mazumder, J. D. Lee and R. Zadeh, Matrix completion and low-rank SVD via fast alternating least "
      + "squares, JMLR 16, 2015",
    cost: "N (L p² + p³)",
    advice: "Missing values where pixels next to each other have little in common; it looks at spectra only.",
    parameters: [
      ParameterDescription("rank", nil, in: 1...100, "most components; default: what the bands can tell, at most 16"),
      ParameterDescription(
        "lambda", nil, in: 0...1e9, "weight over the largest singular value; default: predicts values held back best"),
    ], aliases: ["soft-impute", "matrix-completion"])

  private let parameters: MethodParameters

  public init(_ parameters: MethodParameters) throws { self.parameters = parameters }

  public func workingBytes(_ shape: CubeShape) -> Int {
    let rank = parameters["rank"].map { Int($0) } ?? FactorAnalysis.mostFactors(bands: shape.bands)
    return shape.pixels * (shape.bands * 4 + rank * 4 + 16) + 8192 * shape.bands * 12 + 300 * shape.bands * shape.bands
      * 8
  }

  public func fill(
    _ scene: Cube, _ missing: MissingValues, noise: NoiseLevels?, _ context: RunContext
  ) throws -> RestoredScene {
    if let whole = fillBandsOnly(scene, missing) { return whole }
    let bands = missing.observed.indices.filter { missing.observed[$0] > 0 }
    let most = min(
      parameters["rank"].map { Int($0) } ?? FactorAnalysis.mostFactors(bands: bands.count), max(bands.count - 1, 1))
    let completion = try learn(scene, bands, rank: most, context)
    let rank = completion.model.rank
    let precisions = [Double](repeating: completion.weight, count: rank)
    context.progress.report(phase: "completing", fraction: 0)
    let (components, _) = try completion.model.estimates(scene.pixels, precisions: precisions, prior: nil, context)
    ObservedPlaces(scene).fillEmpty(components, smoothly: true)
    let result = completion.model.reconstruct(components, bands: scene.shape.bands)
    result.restoreFinite(of: scene.pixels)
    SpectralGaps(scene.metadata.axis, choosingFor: result).fill(result)
    context.progress.report(phase: "completing", fraction: 1)
    return RestoredScene(
      scene: scene.replacingPixels(by: result), rank: rank, facts: ["lambda": completion.relative])
  }

  /// Loadings, the weight that they were found with, and that weight over the largest singular value.
  private typealias Completion = (model: IncompletePixels, weight: Double, relative: Double)

  /// Weights over the largest singular value, from strong to weak.
  private static let path: [Double] = [1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6]

  private func learn(_ scene: Cube, _ bands: [Int], rank: Int, _ context: RunContext) throws -> Completion {
    let held = HeldValues(scene, most: 8192, share: parameters["lambda"] == nil ? 0.05 : 0, seed: context.seed)
    let rows = Array(0..<held.part.count)
    // The sample may lack a band of the scene.
    let lacking = Set(MissingValues(held.part).bands)
    let used = bands.filter { !lacking.contains($0) }
    guard !used.isEmpty else { return try meanOnly(scene, bands) }
    var statistics = PairwiseStatistics(held.part, rows: rows, bands: used)
    let variances = statistics.deviations.map { $0 * $0 }
    let (start, largest) = try (
      statistics.model(rank: min(rank, used.count), known: variances, floors: variances), statistics.largestEigenvalue()
    )
    statistics.release()
    let scale = (largest * Double(rows.count)).squareRoot()
    let path = parameters["lambda"].map { [$0] } ?? LowRankCompletion.path
    var model = start
    var best: Completion?
    var (least, worse) = (Double.infinity, 0)
    for (index, relative) in path.enumerated() {
      context.progress.report(phase: "choosing the weight", fraction: Double(index) / Double(path.count))
      let weight = max(relative * scale, 1e-9)
      for _ in 0..<(path.count == 1 ? 40 : 6) {
        try context.checkCancellation()
        try FactorAnalysis.step(
          &model, held.part, rows, known: variances, floors: variances, ridge: weight, context)
      }
      let (z, _) = try model.estimates(
        held.part.pixels, precisions: [Double](repeating: weight, count: model.rank), prior: nil, context)
      let error = held.error(of: model.reconstruct(z, bands: scene.shape.bands), scales: used, variances)
      if best == nil || error < 0.99 * least {
        (best, least, worse) = ((model, weight, relative), error, 0)
      } else {
        worse += 1
        if worse == 2 { break }
      }
    }
    context.progress.report(phase: "choosing the weight", fraction: 1)
    guard let best else { return try meanOnly(scene, bands) }
    return best
  }

  /// Band means, where the sample has nothing.
  private func meanOnly(_ scene: Cube, _ bands: [Int]) throws -> Completion {
    let statistics = PairwiseStatistics(scene, rows: Array(0..<scene.count), bands: bands)
    let variances = statistics.deviations.map { $0 * $0 }
    return (try statistics.model(rank: 1, known: variances, floors: variances), 1e9, 1)
  }
}
