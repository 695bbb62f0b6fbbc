import HSICore

/// Robust NMF in the ℓ2,1 norm with a soft sum-to-one term.
///
/// `samples = 0` (default): `Σ_l sqrt(‖y_l − m_l A‖² + ε²)`, the norm over channels, against bad channels (RRLbS
/// without sparsity). `samples = 1`: `Σ_n sqrt(‖y_n − M a_n‖² + ε²)`, the norm over pixels as in the paper, against
/// outlying pixels. `ε = epsilon_r` times the median length of channels or pixels; δ as in RRLbS, for pixels with
/// the mean residual of the start.
/// Source: Kong, Ding, Huang, "Robust nonnegative matrix factorization using L21-norm", CIKM 2011.
public struct L21NMF: BlindUnmixer {
  public static let description = MethodDescription(
    id: "l21-nmf", name: "Robust NMF in the ℓ2,1 norm", task: .blind,
    citation: "Kong, Ding, Huang, CIKM 2011", cost: "4·N·L·K per iteration; 6·N·L·K with samples=1",
    advice: "Bad channels that escape detection (default) or outlying pixels (samples=1), no sparsity.",
    parameters: [
      ParameterDescription("samples", 0, in: 0...1, "0: the norm over channels, 1: over pixels"),
      ParameterDescription("epsilon_r", 1e-4, in: 1e-8...1, "smoothing of the loss, relative"),
    ] + MultiplicativeMethod.parameters)

  private let shared: MultiplicativeMethod
  private let samples: Bool
  private let epsilonR: Double

  public init(_ parameters: MethodParameters) throws {
    shared = MultiplicativeMethod(parameters)
    samples = parameters.value("samples") >= 0.5
    epsilonR = parameters.value("epsilon_r")
  }

  public func workingBytes(pixels: Int, bands: Int, endmembers: Int) -> Int {
    MultiplicativeMethod.workingBytes(pixels: pixels, bands: bands, endmembers: endmembers, pilot: false)
      + (samples ? pixels * 4 * (endmembers + 1) : 0)
  }

  public func unmix(_ scene: Cube, count: Int, start: BlindStart?, _ context: RunContext) throws -> BlindResult {
    let claim = context.claimThreads()
    defer { claim.release() }
    let (scene, start) = try MultiplicativeMethod.prepare(scene, count: count, start, context)
    let delta0 = shared.delta0(start)
    let scale = BlindScale(scene, start)
    let model: SweepModel
    if samples {
      let (channels, pixels) = (Double(scale.channels), Double(scale.pixels))
      let epsilon = max(epsilonR * scale.typical * (channels / pixels).squareRoot(), 1e-30)
      let residual = (scale.squares.reduce(0, +) / pixels + epsilon * epsilon).squareRoot()
      model = SweepModel(loss: .samples(epsilon: epsilon), softSum: scale.softSum(delta0) / residual)
    } else {
      let epsilon = max(epsilonR * scale.typical, 1e-30)
      model = SweepModel(loss: .channels(epsilon: epsilon), softSum: scale.softSum(delta0, epsilon: epsilon))
    }
    let outcome = try shared.run(scene, start, model, label: "l21-nmf", context)
    return shared.result(
      scene, start, outcome, model, settings: ["delta0": delta0, "samples": samples ? 1 : 0])
  }
}
