import HSICore
import HSINumerics

/// `FastHyDe` followed by joint non-local Bayesian estimation of its components (`NonLocalBayes`), as far as Stein's estimate of the risk
/// says that it helps (`SubspaceRefinement`).
///
/// The filter of FastHyDe treats every component by itself; the covariance between components within groups of similar patches is what the
/// second stage makes use of.
public struct RefinedFastHyDe: ClassicalDenoiser {
  public static let description = MethodDescription(
    id: "fasthyde-nlb", name: "FastHyDe with joint non-local Bayes in the subspace",
    task: .denoise,
    citation:
      "L. Zhuang and J. M. Bioucas-Dias, IEEE JSTARS 11(3), 2018; M. Lebrun, A. Buades and J.-M. Morel, A nonlocal Bayesian "
      + "image denoising algorithm, SIAM J. Imaging Sciences 6(3), 2013; C. M. Stein, Annals of Statistics 9(6), 1981",
    cost: "that of fasthyde, and passes · 6 K² D flops per group of K patches of D values",
    advice: "The best for Gaussian noise, equal or different from band to band.",
    parameters: [
      .rank("those above the spectrum of pure noise"),
      ParameterDescription("step", 3, in: 1...8, "distance between reference blocks of the first stage"),
      ParameterDescription("guides", 4, in: 1...16, "leading components that blocks are compared on"),
      ParameterDescription("threshold", 2.7, in: 0...10, "of the first pass, in standard deviations"),
      .passes,
    ])

  private let parameters: MethodParameters

  public init(_ parameters: MethodParameters) throws { self.parameters = parameters }

  public func workingBytes(_ shape: CubeShape) -> Int {
    subspaceBytes(shape) + shape.pixels * (shape.bands * 8 + 64)
      + SubspaceRefinement.workingBytes(pixels: shape.pixels, rank: min(shape.bands, SubspaceRefinement.most))
  }

  public func denoise(_ scene: Cube, noise: NoiseLevels, _ context: RunContext) throws -> RestoredScene {
    let subspace = try SpectralSubspace(scene, noise: noise, whitening: true, context)
    let rank = chosenRank(parameters, bands: scene.shape.bands, rule: subspace.significant)
    let components = subspace.project(scene.pixels, rank: rank)
    let filter = BlockMatching(
      step: Int(parameters.value("step")), threshold: Float(parameters.value("threshold")),
      guides: Int(parameters.value("guides")))
    let outcome = try SubspaceRefinement(passes: Int(parameters.value("passes")))
      .apply(to: components, PlaneFilling(scene), context) { try filter.apply(to: $0, $1, $2) }
    return RestoredScene(
      scene: scene.replacingPixels(by: subspace.reconstruct(components)), noise: noise, rank: rank,
      facts: outcome.facts)
  }
}

extension ParameterDescription {
  /// Passes of `SubspaceRefinement`.
  static let passes = ParameterDescription("passes", 3, in: 0...10, "non-local Bayesian passes")
}
