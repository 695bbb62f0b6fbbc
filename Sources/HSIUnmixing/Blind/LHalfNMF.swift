import CKernels
import HSICore

/// NMF with an ℓ1/2 penalty: `½‖Y − MA‖² + λ Σ A^½ + δ/2 Σ_n (1 − Σ_k A_kn)²`.
///
/// `λ = weight · Σ_l s_l / √L`, s_l the Hoyer sparseness `(√N − ‖y_l‖₁/‖y_l‖₂)/(√N − 1)` of channel l: the estimate of
/// the paper times `weight` (1 is far too strong after the sum-to-one term). The slope of A^½ is held below 1e-4.
/// Source: Qian, Jia, Zhou, Robles-Kelly, TGRS 2011.
public struct LHalfNMF: BlindUnmixer {
  public static let description = MethodDescription(
    id: "lhalf-nmf", name: "ℓ1/2-sparse NMF", task: .blind,
    citation: "Qian, Jia, Zhou, Robles-Kelly, IEEE TGRS 49(11), 2011", cost: "4·N·L·K per iteration",
    advice: "Clean scenes of few, well separated materials per pixel.",
    parameters: [LHalfNMF.weightDescription] + MultiplicativeMethod.parameters)

  static let weightDescription = ParameterDescription(
    "weight", nil, in: 0...10,
    "sparsity relative to the estimate of the paper; rule: largest of 0, 0.01, 0.03, 0.1 within 5 % of the loss of 0"
  )
  static let grid = [0, 0.01, 0.03, 0.1]

  private let shared: MultiplicativeMethod
  private let weight: Double?

  public init(_ parameters: MethodParameters) throws {
    shared = MultiplicativeMethod(parameters)
    weight = parameters["weight"]
  }

  public func workingBytes(pixels: Int, bands: Int, endmembers: Int) -> Int {
    MultiplicativeMethod.workingBytes(
      pixels: pixels, bands: bands, endmembers: endmembers, pilot: weight == nil)
  }

  public func unmix(_ scene: Cube, count: Int, start: BlindStart?, _ context: RunContext) throws -> BlindResult {
    let claim = context.claimThreads()
    defer { claim.release() }
    let (scene, start) = try MultiplicativeMethod.prepare(scene, count: count, start, context)
    let delta0 = shared.delta0(start)
    let estimate = LHalfNMF.sparseness(scene.pixels)
    func model(_ weight: Double, _ scale: BlindScale) -> SweepModel {
      SweepModel(
        loss: .quadratic, sparsity: .half(weight * estimate, floor: 1e-4), softSum: scale.softSum(delta0))
    }
    let weight =
      try weight
      ?? DiscrepancyRule(grid: LHalfNMF.grid).choose(scene, start, shared, context, model: model)
    let chosen = model(weight, BlindScale(scene, start))
    let outcome = try shared.run(scene, start, chosen, label: "lhalf-nmf", context)
    return shared.result(scene, start, outcome, chosen, settings: ["delta0": delta0, "weight": weight])
  }

  /// `Σ_l s_l / √L` with the Hoyer sparseness s_l of every channel.
  static func sparseness(_ pixels: PixelMatrix) -> Double {
    let (n, bands) = (pixels.rows, pixels.columns)
    var sums = [Double](repeating: 0, count: bands)
    var squares = sums
    var scratch = [Double](repeating: 0, count: hsi_channel_sums_scratch_size(n, bands))
    hsi_channel_sums(pixels.pointer, bands, n, bands, nil, &sums, &squares, &scratch)
    let root = Double(n).squareRoot()
    let total = (0..<bands).reduce(0.0) { $0 + (root - sums[$1] / max(squares[$1].squareRoot(), 1e-12)) }
    return total / max((Double(n) - 1).squareRoot(), 1) / Double(bands).squareRoot()
  }
}
