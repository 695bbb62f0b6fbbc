import HSICore
import HSINumerics

/// Independent components (`IndependentComponents`, FastICA).
public struct IndependentComponentTransform: SpectralTransform {
  public static let hasComponents = true
  public static let description = MethodDescription(
    id: "ica", name: "Independent components (FastICA, symmetric, log cosh)", task: .transform,
    citation: "A. Hyvärinen, IEEE Trans. Neural Networks 10(3), 1999",
    cost: "N L² + T N p²",
    advice: "Sources that are rare or far from normal; 10 components unless their number is given.",
    parameters: [
      ParameterDescription("iterations", 200, in: 1...100_000, "most iterations"),
      ParameterDescription("tolerance", 1e-4, in: 1e-9...0.1, "1 − |cos| of the last turn at which it ends"),
    ], aliases: ["fastica"])

  private let (limit, tolerance): (Int, Double)

  public init(_ parameters: MethodParameters) throws {
    (limit, tolerance) = (Int(clamping: parameters.value("iterations")), parameters.value("tolerance"))
  }

  public func fit(_ source: any StripSource, components: Int?, _ context: RunContext) throws -> FittedTransform {
    let claim = context.claimThreads()
    defer { claim.release() }
    let statistics = try SceneStatistics(source, context, precision: .double)
    try ComponentCount.requirePixels(statistics.count)
    let fit = try IndependentComponents(
      source, statistics, count: components ?? 10, limit: limit, tolerance: tolerance, context)
    if !fit.converged {
      context.warn(
        "W-NOT-CONVERGED",
        "ica stopped at its limit of \(limit) iterations before it converged; \(option: "parameter") iterations=\(10 * limit) "
          + "lets it go on, and fewer components settle sooner")
    }
    return FittedTransform(
      fit.transform, prefix: "IC",
      summary: "\(fit.transform.components) independent components after \(fit.iterations) iterations")
  }
}
