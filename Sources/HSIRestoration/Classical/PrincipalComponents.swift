import HSICore
import HSINumerics

/// Principal component truncation: the leading components of the unweighted bands are kept, the rest is
/// dropped.
public struct PrincipalComponents: ClassicalDenoiser {
  public static let description = MethodDescription(
    id: "pca", name: "Principal component truncation (PCA)",
    citation: "I. T. Jolliffe, Principal Component Analysis, Springer, 2002",
    cost: "N L² + L³",
    advice: "The plainest baseline; bands with more noise than others pull components to themselves.",
    parameters: [.rank("those with more signal than noise")])

  private let parameters: MethodParameters

  public init(_ parameters: MethodParameters) throws { self.parameters = parameters }

  public func workingBytes(_ shape: CubeShape) -> Int { subspaceBytes(shape) }

  public func denoise(_ scene: Cube, noise: NoiseLevels, _ context: RunContext) throws -> RestoredScene {
    let subspace = try SpectralSubspace(scene, noise: noise, whitening: false, context)
    let rank = chosenRank(parameters, bands: scene.shape.bands, rule: subspace.dominant)
    let pixels = subspace.reconstruct(subspace.project(scene.pixels, rank: rank))
    return RestoredScene(scene: scene.replacingPixels(by: pixels), noise: noise, rank: rank)
  }
}

/// Bytes of components (up to as many as bands), the result and statistics.
func subspaceBytes(_ shape: CubeShape) -> Int {
  shape.pixels * shape.bands * 8 + 16 * shape.bands * shape.bands * 8
}
