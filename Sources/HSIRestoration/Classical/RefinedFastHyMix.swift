import HSICore
import HSINumerics

/// `FastHyMix` whose last round is followed by joint non-local Bayesian estimation of its components (`SubspaceRefinement`).
public struct RefinedFastHyMix: ClassicalDenoiser {
  public static let description = MethodDescription(
    id: "fasthymix-nlb", name: "FastHyMix with joint non-local Bayes in the subspace",
    task: .denoise,
    citation:
      "L. Zhuang and M. K. Ng, IEEE TNNLS 34(8), 2023; M. Lebrun, A. Buades and J.-M. Morel, A nonlocal Bayesian image denoising "
      + "algorithm, SIAM J. Imaging Sciences 6(3), 2013; C. M. Stein, Annals of Statistics 9(6), 1981",
    cost: "that of fasthymix, and passes · 6 K² D flops per group of K patches of D values",
    advice: "The best for impulses, dead lines or stripes beside Gaussian noise.",
    parameters: FastHyMix.description.parameters + [.passes])

  private let parameters: MethodParameters

  public init(_ parameters: MethodParameters) throws { self.parameters = parameters }

  public func workingBytes(_ shape: CubeShape) -> Int {
    subspaceBytes(shape) + shape.pixels * (shape.bands * 17 + 128)
      + SubspaceRefinement.workingBytes(pixels: shape.pixels, rank: min(shape.bands, SubspaceRefinement.most))
  }

  public func denoise(_ scene: Cube, noise: NoiseLevels, _ context: RunContext) throws -> RestoredScene {
    try FastHyMix.alternate(
      scene, noise: noise, parameters,
      refinement: SubspaceRefinement(passes: Int(parameters.value("passes"))), context)
  }
}
