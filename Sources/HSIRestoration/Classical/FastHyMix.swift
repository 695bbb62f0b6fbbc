import HSICore
import HSINumerics

/// Mixed noise: Gaussian of any level per band, impulses, dead and striped columns (the class of L1HyMixDe
/// and FastHyMix).
///
/// `Y = E Z + S + C + N`: a scene in a low-dimensional subspace, sparse outliers S, column offsets C and
/// Gaussian noise. Alternates between
/// - the scene: `Y − C` with outliers replaced by the present estimate, its subspace and the filtered images of its
///   components (`WaveletFilter` at first, `BlockMatching` in the last two rounds), and
/// - what is not scene: the residual gives per band the offset of every column (its median, where significant), the level
///   (median absolute deviation) and the outliers (beyond `outlier` levels).
///
/// Before the first round columns that hold one value are taken as dead, and values equal to the least or
/// largest of their band as impulses where they are frequent and scattered; both stay outliers. Cost `rounds`
/// · (N L² + N L) and two runs of `BlockMatching`.
public struct FastHyMix: ClassicalDenoiser {
  public static let description = MethodDescription(
    id: "fasthymix", name: "Mixed noise removal in a subspace (FastHyMix class)",
    task: .denoise,
    citation:
      "L. Zhuang and M. K. Ng, Hyperspectral mixed noise removal by l1-norm-based subspace representation, IEEE JSTARS "
      + "13, 2020; FastHyMix: fast and parameter-free hyperspectral image mixed noise removal, IEEE TNNLS 34(8), 2023",
    cost: "rounds (N L² + L³ + N L) + 30 000 N p flops",
    advice: "Impulses, dead lines or stripes beside Gaussian noise; faster than fasthymix-nlb.",
    parameters: [
      .rank("those above the spectrum of pure noise"),
      ParameterDescription("rounds", 8, in: 2...50, "alternations between scene and outliers"),
      ParameterDescription(
        "outlier", 4, in: 1...20, "residual, in noise levels, beyond which a value is an outlier"),
    ], aliases: ["mixed", "l1hymixde"])

  private let parameters: MethodParameters

  public init(_ parameters: MethodParameters) throws { self.parameters = parameters }

  public func workingBytes(_ shape: CubeShape) -> Int {
    // Corrected scene, estimate and marks beside what the filters need.
    subspaceBytes(shape) + shape.pixels * (shape.bands * 17 + 128)
  }

  public func denoise(_ scene: Cube, noise: NoiseLevels, _ context: RunContext) throws -> RestoredScene {
    try FastHyMix.alternate(scene, noise: noise, parameters, refinement: nil, context)
  }

  /// The alternation.
  ///
  /// - Parameter refinement: what follows on the filter in the last round.
  static func alternate(
    _ scene: Cube, noise: NoiseLevels, _ parameters: MethodParameters, refinement: SubspaceRefinement?,
    _ context: RunContext
  ) throws -> RestoredScene {
    let separation = OutlierSeparation(scene, levels: noise, threshold: Float(parameters.value("outlier")))
    let filling = PlaneFilling(scene)
    let rounds = Int(parameters.value("rounds"))
    var rank = 0
    var outcome = SubspaceRefinement.Outcome()
    for round in 0..<rounds {
      try context.checkCancellation()
      let corrected = scene.replacingPixels(by: separation.corrected)
      let statistics = try SceneStatistics(corrected, context, precision: .double)
      try separation.updateLevels(statistics)
      let subspace = try SpectralSubspace(statistics, noise: separation.levels, whitening: true)
      rank = chosenRank(parameters, bands: scene.shape.bands, rule: subspace.significant)
      let components = subspace.project(corrected.pixels, rank: rank)
      if round + 2 < rounds {
        _ = try WaveletFilter(filling, levels: 5, shifts: 2).apply(to: components, context)
      } else if let refinement, round + 1 == rounds {
        outcome = try refinement.apply(to: components, filling, context) { try BlockMatching().apply(to: $0, $1, $2) }
      } else {
        try BlockMatching().apply(to: components, filling, context)
      }
      let estimate = subspace.reconstruct(components)
      separation.update(estimate)
      context.logger.debug("round \(round + 1): rank \(rank), outliers \(separation.outlierShare)")
    }
    var facts = ["outliers": separation.outlierShare, "stripedColumns": separation.stripedShare]
    facts.merge(outcome.facts) { $1 }
    return RestoredScene(
      scene: scene.replacingPixels(by: separation.estimate), noise: separation.levels, rank: rank, facts: facts)
  }
}
