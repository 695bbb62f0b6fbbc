import HSICore
import HSINumerics

/// Subspace denoising with a non-local filter (the class of FastHyDe).
///
/// Bands are divided by their noise levels, the leading components span the signal, and their images, which
/// carry white noise of unit variance, are filtered by `BlockMatching`; the rest is dropped. Unlike the
/// paper, components are kept down to the edge of the spectrum of pure noise instead of HySime's (the filter
/// makes use of weak ones), and similar blocks are found once for all of them. On seven scenes with σ from 10
/// to 50 of 255 HySime's rule lost up to 4 dB against this one, and no other fixed rank gained more than 0.6
/// dB.
public struct FastHyDe: ClassicalDenoiser {
  public static let description = MethodDescription(
    id: "fasthyde", name: "Fast hyperspectral denoising (FastHyDe class)",
    task: .denoise,
    citation:
      "L. Zhuang and J. M. Bioucas-Dias, Fast hyperspectral image denoising and inpainting based on low-rank and "
      + "sparse representations, IEEE JSTARS 11(3), 2018",
    cost: "N L² + L³ + 15 000 N p flops",
    advice: "Gaussian noise, equal or different from band to band; faster than fasthyde-nlb.",
    parameters: [
      .rank("those above the spectrum of pure noise"),
      ParameterDescription("step", 3, in: 1...8, "distance between reference blocks"),
      ParameterDescription("guides", 4, in: 1...16, "leading components that blocks are compared on"),
      ParameterDescription("threshold", 2.7, in: 0...10, "of the first pass, in standard deviations"),
    ])

  private let parameters: MethodParameters

  public init(_ parameters: MethodParameters) throws { self.parameters = parameters }

  public func workingBytes(_ shape: CubeShape) -> Int {
    // Noisy and first estimates beside components and result; groups of 32 at every ninth pixel.
    subspaceBytes(shape) + shape.pixels * (shape.bands * 8 + 64)
  }

  public func denoise(_ scene: Cube, noise: NoiseLevels, _ context: RunContext) throws -> RestoredScene {
    let subspace = try SpectralSubspace(scene, noise: noise, whitening: true, context)
    let rank = chosenRank(parameters, bands: scene.shape.bands, rule: subspace.significant)
    let components = subspace.project(scene.pixels, rank: rank)
    let filter = BlockMatching(
      step: Int(parameters.value("step")), threshold: Float(parameters.value("threshold")),
      guides: Int(parameters.value("guides")))
    try filter.apply(to: components, PlaneFilling(scene), context)
    return RestoredScene(
      scene: scene.replacingPixels(by: subspace.reconstruct(components)), noise: noise, rank: rank)
  }
}
