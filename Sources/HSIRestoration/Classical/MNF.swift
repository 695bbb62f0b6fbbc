import HSICore
import HSINumerics

/// Maximum noise fraction smoothing: components sorted by signal-to-noise ratio, each shrunk by its Wiener
/// factor.
///
/// Component i of the noise-weighted bands has variance `λ_i = s_i + 1`, signal plus unit noise, and is
/// multiplied by `s_i / λ_i`: the best linear estimate of the spectra from the spectra alone. With
/// `shrinkage` 0 components are kept whole or dropped.
public struct MNF: ClassicalDenoiser {
  public static let description = MethodDescription(
    id: "mnf", name: "Maximum noise fraction smoothing (MNF)",
    task: .denoise,
    citation:
      "A. A. Green, M. Berman, P. Switzer and M. D. Craig, A transformation for ordering multispectral data in "
      + "terms of image quality, IEEE TGRS 26(1), 1988",
    cost: "N L² + L³",
    advice: "Fast and without spatial blur, where many bands share few materials.",
    parameters: [
      .rank("those above the spectrum of pure noise"),
      ParameterDescription(
        "shrinkage", 1, in: 0...1,
        "1: components are shrunk by signal / (signal + noise); 0: kept as they are"),
    ])

  private let parameters: MethodParameters

  public init(_ parameters: MethodParameters) throws { self.parameters = parameters }

  public func workingBytes(_ shape: CubeShape) -> Int { subspaceBytes(shape) }

  public func denoise(_ scene: Cube, noise: NoiseLevels, _ context: RunContext) throws -> RestoredScene {
    let subspace = try SpectralSubspace(scene, noise: noise, whitening: true, context)
    let rank = chosenRank(parameters, bands: scene.shape.bands, rule: subspace.significant)
    let components = subspace.project(scene.pixels, rank: rank)
    let shrinkage = parameters.value("shrinkage")
    for i in 0..<rank {
      let factor = subspace.values[i] > 1 ? 1 - shrinkage / subspace.values[i] : 1 - shrinkage
      let row = components.row(i)
      for n in row.indices { row[n] *= Float(factor) }
    }
    let pixels = subspace.reconstruct(components)
    return RestoredScene(scene: scene.replacingPixels(by: pixels), noise: noise, rank: rank)
  }
}
