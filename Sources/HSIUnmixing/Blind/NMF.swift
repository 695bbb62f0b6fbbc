import HSICore

/// Non-negative matrix factorisation with a soft sum-to-one term: `½‖Y − MA‖² + δ/2 Σ_n (1 − Σ_k A_kn)²`.
///
/// `δ = δ₀ Σ M⁰²/K`. Multiplicative updates, from the robust start. The plainest blind method and the baseline.
/// Source: Lee and Seung, "Algorithms for non-negative matrix factorization", NIPS 2000.
public struct NMF: BlindUnmixer {
  public static let description = MethodDescription(
    id: "nmf", name: "Non-negative matrix factorisation (NMF)", task: .blind,
    citation: "Lee and Seung, NIPS 2000", cost: "4·N·L·K per iteration",
    advice: "A baseline; bad channels must have been excluded.", parameters: MultiplicativeMethod.parameters)

  private let shared: MultiplicativeMethod

  public init(_ parameters: MethodParameters) throws { shared = MultiplicativeMethod(parameters) }

  public func workingBytes(pixels: Int, bands: Int, endmembers: Int) -> Int {
    MultiplicativeMethod.workingBytes(pixels: pixels, bands: bands, endmembers: endmembers, pilot: false)
  }

  public func unmix(_ scene: Cube, count: Int, start: BlindStart?, _ context: RunContext) throws -> BlindResult {
    let claim = context.claimThreads()
    defer { claim.release() }
    let (scene, start) = try MultiplicativeMethod.prepare(scene, count: count, start, context)
    let delta0 = shared.delta0(start)
    let model = SweepModel(loss: .quadratic, softSum: BlindScale(scene, start).softSum(delta0))
    let outcome = try shared.run(scene, start, model, label: "nmf", context)
    return shared.result(scene, start, outcome, model, settings: ["delta0": delta0])
  }
}
