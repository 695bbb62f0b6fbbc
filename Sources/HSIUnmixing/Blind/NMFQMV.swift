import HSICore

/// NMF with a quadratic minimum-volume term:
/// `½‖Y − MA‖² + μ/2 ‖M (I − 11ᵀ/K)‖² + δ/2 Σ_n (1 − Σ_k A_kn)²`.
///
/// The term is the total variance of the endmembers about their centre, one of the three quadratic volumes of the
/// paper: it pulls the vertices towards the data, for scenes without pure pixels. `μ = volume0 · tr(A⁰A⁰ᵀ)/K`.
/// What differs from the paper: multiplicative updates (`M ← M ∘ (Y Aᵀ + μ M 11ᵀ/K) ⊘ (M A Aᵀ + μ M)`, monotone), a
/// soft sum-to-one, the robust start, and a fixed relative weight instead of its automatic one.
/// Source: Zhuang, Lin, Figueiredo, Bioucas-Dias, "Regularization parameter selection in minimum volume
/// hyperspectral unmixing", TGRS 2019.
public struct NMFQMV: BlindUnmixer {
  public static let description = MethodDescription(
    id: "nmf-qmv", name: "NMF with quadratic minimum volume (NMF-QMV)", task: .blind,
    citation: "Zhuang, Lin, Figueiredo, Bioucas-Dias, IEEE TGRS 57(12), 2019; multiplicative form by hsi",
    cost: "4·N·L·K per iteration", advice: "Scenes whose pixels are all mixed, without bad channels.",
    parameters: [
      ParameterDescription("volume0", 0.003, in: 0...10, "weight of the volume term")
    ] + MultiplicativeMethod.parameters)

  private let shared: MultiplicativeMethod
  private let volume0: Double

  public init(_ parameters: MethodParameters) throws {
    shared = MultiplicativeMethod(parameters)
    volume0 = parameters.value("volume0")
  }

  public func workingBytes(pixels: Int, bands: Int, endmembers: Int) -> Int {
    MultiplicativeMethod.workingBytes(pixels: pixels, bands: bands, endmembers: endmembers, pilot: false)
  }

  public func unmix(_ scene: Cube, count: Int, start: BlindStart?, _ context: RunContext) throws -> BlindResult {
    let claim = context.claimThreads()
    defer { claim.release() }
    let (scene, start) = try MultiplicativeMethod.prepare(scene, count: count, start, context)
    let delta0 = shared.delta0(start)
    let scale = BlindScale(scene, start)
    let model = SweepModel(
      loss: .quadratic, softSum: scale.softSum(delta0),
      volume: volume0 * scale.abundanceEnergy / Double(scale.count))
    let outcome = try shared.run(scene, start, model, label: "nmf-qmv", context)
    return shared.result(scene, start, outcome, model, settings: ["delta0": delta0, "volume0": volume0])
  }
}
