import HSICore

/// Graph-regularised ℓ1/2-NMF: `½‖Y − MA‖² + λ Σ A^½ + μ/2 Σ_{i<j} w_ij ‖a_i − a_j‖² + δ/2 Σ_n (1 − Σ_k A_kn)²`.
///
/// Edges join 4-neighbours with the heat-kernel weights of the robust start (the paper builds a k-nearest-neighbour
/// graph on spectra; ours is the spatial one). `λ` as in ℓ1/2-NMF, `μ = graph0 · Σ M⁰²/K`.
/// Source: Lu, Wu, Yuan, Yan, Li, "Manifold regularized sparse NMF for hyperspectral unmixing", TGRS 2013.
public struct GLNMF: BlindUnmixer {
  public static let description = MethodDescription(
    id: "glnmf", name: "Graph-regularised ℓ1/2-NMF (GLNMF)", task: .blind,
    citation: "Lu, Wu, Yuan, Yan, Li, IEEE TGRS 51(5), 2013", cost: "4·N·L·K per iteration",
    advice: "Smooth abundance maps from noisy scenes without bad channels.",
    parameters: [
      LHalfNMF.weightDescription,
      ParameterDescription("graph0", 0.1, in: 0...100, "weight of the smoothness between neighbours"),
    ] + MultiplicativeMethod.parameters)

  private let shared: MultiplicativeMethod
  private let weight: Double?
  private let graph0: Double

  public init(_ parameters: MethodParameters) throws {
    shared = MultiplicativeMethod(parameters)
    weight = parameters["weight"]
    graph0 = parameters.value("graph0")
  }

  public func workingBytes(pixels: Int, bands: Int, endmembers: Int) -> Int {
    MultiplicativeMethod.workingBytes(
      pixels: pixels, bands: bands, endmembers: endmembers, pilot: weight == nil)
      + 4 * pixels * endmembers
  }

  public func unmix(_ scene: Cube, count: Int, start: BlindStart?, _ context: RunContext) throws -> BlindResult {
    let claim = context.claimThreads()
    defer { claim.release() }
    let (scene, start) = try MultiplicativeMethod.prepare(scene, count: count, start, context)
    let delta0 = shared.delta0(start)
    let estimate = LHalfNMF.sparseness(scene.pixels)
    func model(_ weight: Double, _ scale: BlindScale) -> SweepModel {
      SweepModel(
        loss: .quadratic, sparsity: .half(weight * estimate, floor: 1e-4), softSum: scale.softSum(delta0),
        graphWeight: scale.softSum(graph0))
    }
    let weight =
      try weight
      ?? DiscrepancyRule(grid: LHalfNMF.grid).choose(scene, start, shared, context, model: model)
    let chosen = model(weight, BlindScale(scene, start))
    let outcome = try shared.run(scene, start, chosen, label: "glnmf", context)
    return shared.result(
      scene, start, outcome, chosen, settings: ["delta0": delta0, "weight": weight, "graph0": graph0])
  }
}
