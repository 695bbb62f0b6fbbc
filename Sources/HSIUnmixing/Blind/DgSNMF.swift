import HSICore

/// Data-guided sparse NMF: `½‖Y − MA‖² + λ Σ (A_kn + ε)^(1−h_n) + δ/2 Σ_n (1 − Σ_k A_kn)²` with a fixed map h.
///
/// The map is `h_max` times the prior purity of the robust start (mean heat-kernel weight of a pixel's edges). λ is
/// that of RRLbS times the median channel residual of the start, so that both losses weigh the penalty alike; it is
/// chosen by the same rule.
/// Source: Zhu, Wang, Fan, Xiang, Meng, Pan, "Spectral unmixing via data-guided sparsity", TIP 2014
/// (arXiv 1403.3155); map, scale and constants are ours.
public struct DgSNMF: BlindUnmixer {
  public static let description = MethodDescription(
    id: "dgs-nmf", name: "Data-guided sparse NMF (DgS-NMF)", task: .blind,
    citation: "Zhu, Wang, Fan, Xiang, Meng, Pan, IEEE TIP 23(12), 2014; map and constants by hsi",
    cost: "4·N·L·K per iteration", advice: "Scenes with homogeneous regions and no bad channels.",
    parameters: [
      ParameterDescription(
        "lambda0", nil, in: 0...10,
        "weight of the sparsity; rule: largest of 0, 0.03, 0.1, 0.3 whose loss is within 5 % of that of 0"),
      ParameterDescription("h_max", 0.8, in: 0...0.99, "largest value of the map"),
      ParameterDescription("epsilon_a", 1e-4, in: 1e-8...0.1, "offset of abundances in the sparsity term"),
    ] + MultiplicativeMethod.parameters)

  private let shared: MultiplicativeMethod
  private let lambda0: Double?
  private let largest, epsilonA: Double

  public init(_ parameters: MethodParameters) throws {
    shared = MultiplicativeMethod(parameters)
    lambda0 = parameters["lambda0"]
    largest = parameters.value("h_max")
    epsilonA = parameters.value("epsilon_a")
  }

  public func workingBytes(pixels: Int, bands: Int, endmembers: Int) -> Int {
    MultiplicativeMethod.workingBytes(
      pixels: pixels, bands: bands, endmembers: endmembers, pilot: lambda0 == nil)
  }

  public func unmix(_ scene: Cube, count: Int, start: BlindStart?, _ context: RunContext) throws -> BlindResult {
    let claim = context.claimThreads()
    defer { claim.release() }
    let (scene, start) = try MultiplicativeMethod.prepare(scene, count: count, start, context)
    let delta0 = shared.delta0(start)
    let (largest, epsilonA) = (self.largest, self.epsilonA)
    func model(_ lambda0: Double, _ scale: BlindScale) -> SweepModel {
      let residual = NeighbourGraph.median(sorted: scale.squares.map { $0.squareRoot() }.sorted())
      let lambda = lambda0 * Double(scale.channels) * scale.typical / Double(scale.pixels) * residual
      return SweepModel(
        loss: .quadratic,
        sparsity: .map(
          SweepModel.Map(lambda: lambda, epsilon: epsilonA, largest: largest, learnt: false)),
        softSum: scale.softSum(delta0))
    }
    let lambda0 =
      try lambda0
      ?? DiscrepancyRule(grid: [0, 0.03, 0.1, 0.3]).choose(
        scene, start, shared, largestGuidance: largest, context, model: model)
    let chosen = model(lambda0, BlindScale(scene, start))
    let outcome = try shared.run(
      scene, start, chosen, label: "dgs-nmf", largestGuidance: largest, context)
    return shared.result(
      scene, start, outcome, chosen, settings: ["delta0": delta0, "lambda0": lambda0, "h_max": largest])
  }
}
