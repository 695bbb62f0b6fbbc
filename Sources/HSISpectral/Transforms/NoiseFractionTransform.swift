import HSICore
import HSINumerics

/// Minimum noise fractions (`LinearTransform.noiseFractions`), with the noise from neighbours or from the other bands.
public struct NoiseFractionTransform: SpectralTransform {
  public static let hasComponents = true
  public static let description = MethodDescription(
    id: "mnf", name: "Minimum noise fraction", task: .transform,
    citation: "A. A. Green, M. Berman, P. Switzer and M. D. Craig, IEEE TGRS 26(1), 1988",
    cost: "2 N L² + 30 L³",
    advice:
      "Components by signal over noise, the noise white: what to look at, keep, and denoise by; the way back is exact with all.",
    parameters: [
      ParameterDescription(
        "noise", 0, in: 0...1,
        "0: from differences of diagonal neighbours, which sees stripes too; 1: from what the other bands do not tell")
    ], aliases: ["minimum-noise-fraction"])

  private let byRegression: Bool

  public init(_ parameters: MethodParameters) throws { byRegression = parameters.value("noise") >= 0.5 }

  public func fit(_ source: any StripSource, components: Int?, _ context: RunContext) throws -> FittedTransform {
    let claim = context.claimThreads()
    defer { claim.release() }
    let statistics = try SceneStatistics(source, context, precision: .double)
    try ComponentCount.requirePixels(statistics.count)
    let noise: Matrix<Double>
    if byRegression {
      // Centred moments: regressions with intercept.
      noise = try NoiseEstimate(correlation: statistics.covariance, count: statistics.count).noise
    } else {
      let neighbours = try NeighbourNoise(source, context)
      guard neighbours.pairs > 1 else {
        throw SpectralError.inconsistent(
          name: "mnf", reason: "no two valid pixels lie diagonally beside each other",
          advice: "\(option: "parameter") noise=1 estimates the noise from the other bands")
      }
      noise = neighbours.covariance
      if neighbours.pairs <= source.shape.bands {
        context.warn(
          "W-FEW-PAIRS",
          "the noise of \(source.shape.bands) bands comes from \(neighbours.pairs) pairs of pixels: trailing components mean little"
        )
      }
    }
    let linear: LinearTransform
    do {
      linear = try LinearTransform.noiseFractions(
        statistics, noise: noise, count: components ?? source.shape.bands)
    } catch is NumericsError {
      throw SpectralError.inconsistent(
        name: "mnf", reason: "no noise can be found in the scene", advice: "use \(option: "method") pca")
    }
    let strong = linear.variances.prefix { $0 > 2 }.count
    return FittedTransform(
      linear, prefix: "MNF", summary: "\(linear.components) MNF components, \(strong) with more signal than noise")
  }
}
