import Foundation
import HSICore

/// Blind unmixing by robust representation and learning-based sparsity (RRLbS), the default.
///
/// With residual rows `r_l = y_l − m_l A`, abundances A (K × N) and a guidance map h, minimises
///
///     Σ_l sqrt(‖r_l‖² + ε_r²) + λ Σ (A_kn + ε_a)^(1−h_n) + δ/2 Σ_n (1 − Σ_k A_kn)²
///       + β/2 Σ_n (h_n − s_n)² + γ/2 Σ_{i<j} w_ij (h_i − h_j)²
///
/// over `M ≥ 0, A ≥ 0, 0 ≤ h ≤ h_max < 1`: bad channels count by their distance, not its square, and every pixel has
/// its own degree of sparsity, learnt with its abundances (large h = purer). The objective falls in every iteration
/// (half-quadratic majorisation of the loss, tangents of the concave penalty, Lee–Seung bounds).
///
/// Absolute weights follow from the scene: `c_Y = median ‖y_l‖`, `λ = λ₀·L·c_Y/N`, `ε_r = epsilon_r·c_Y`,
/// `δ = δ₀·Σ_l d_l‖m_l‖²/K` with the channel weights d of the start, `β = β₀λ`, `γ = γ₀λ`, `s = h_max ·` purity.
///
/// Idea: Zhu, Wang, Fan, Meng, Pan, "Effective spectral unmixing via robust representation and learning-based
/// sparsity", arXiv 1409.0685 (the abstract was what we could read): the form of the map terms, the soft
/// sum-to-one, the smoothing, the scaling, the start and all constants are ours. Checked against an independent
/// NumPy implementation of the same equations. docs/accuracy-unmixing.md says where it wins and where not.
public struct RRLbS: BlindUnmixer {
  public static let description = MethodDescription(
    id: "rrlbs", name: "Robust representation and learning-based sparsity (RRLbS)", task: .blind,
    citation: "Zhu, Wang, Fan, Meng, Pan, arXiv:1409.0685, 2014; terms and constants by hsi",
    cost: "4·N·L·K per iteration, one pass over the scene",
    advice: "The default: stable when channels are bad, one guidance map of how mixed each pixel is.",
    parameters: [
      ParameterDescription(
        "lambda0", nil, in: 0...10,
        "weight of the sparsity; rule: largest of 0, 0.03, 0.1, 0.3 whose loss is within 5 % of that of 0"),
      ParameterDescription("beta0", 10, in: 0...1000, "pull of the guidance map to its prior"),
      ParameterDescription("gamma0", 2, in: 0...1000, "coupling of the guidance map between neighbours"),
      ParameterDescription("h_max", 0.8, in: 0...0.99, "largest value of the guidance map"),
      ParameterDescription("epsilon_a", 1e-4, in: 1e-8...0.1, "offset of abundances in the sparsity term"),
      ParameterDescription(
        "epsilon_r", 1e-4, in: 1e-8...1, "smoothing of the loss, relative to the median channel"),
    ] + MultiplicativeMethod.parameters)

  private let shared: MultiplicativeMethod
  private let lambda0: Double?
  private let beta0, gamma0, largest, epsilonA, epsilonR: Double

  public init(_ parameters: MethodParameters) throws {
    shared = MultiplicativeMethod(parameters)
    lambda0 = parameters["lambda0"]
    beta0 = parameters.value("beta0")
    gamma0 = parameters.value("gamma0")
    largest = parameters.value("h_max")
    epsilonA = parameters.value("epsilon_a")
    epsilonR = parameters.value("epsilon_r")
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
    let lambda0 =
      try lambda0
      ?? DiscrepancyRule(grid: [0, 0.03, 0.1, 0.3]).choose(
        scene, start, shared, largestGuidance: largest, context
      ) { model(lambda0: $0, delta0: delta0, $1) }
    let scale = BlindScale(scene, start)
    let chosen = model(lambda0: lambda0, delta0: delta0, scale)
    let outcome = try shared.run(scene, start, chosen, label: "rrlbs", largestGuidance: largest, context)
    return shared.result(
      scene, start, outcome, chosen,
      settings: [
        "lambda0": lambda0, "delta0": delta0, "beta0": beta0, "gamma0": gamma0, "h_max": largest,
        "unit_length": start.unitLength ? 1 : 0,
      ])
  }

  /// The model in absolute units.
  func model(lambda0: Double, delta0: Double, _ scale: BlindScale) -> SweepModel {
    // The step of the map does not depend on λ (β and γ are multiples of it): a trace of weight still learns the
    // map when λ₀ is 0, and leaves the abundances alone.
    let lambda = max(lambda0, 1e-9) * Double(scale.channels) * scale.typical / Double(scale.pixels)
    let epsilon = max(epsilonR * scale.typical, 1e-30)
    return SweepModel(
      loss: .channels(epsilon: epsilon),
      sparsity: .map(
        SweepModel.Map(
          lambda: lambda, epsilon: epsilonA, largest: largest, beta: beta0 * lambda, gamma: gamma0 * lambda,
          learnt: true)),
      softSum: scale.softSum(delta0, epsilon: epsilon))
  }
}
