import HSICore

/// A denoiser that needs no training. It implements `denoise`; `restore` is made from it.
public protocol ClassicalDenoiser: ClassicalRestorer {
  /// Restores a scene all of whose pixels are finite, of at least two pixels, that is not constant.
  ///
  /// - Parameter noise: given or estimated; at least one band has noise.
  func denoise(_ scene: Cube, noise: NoiseLevels, _ context: RunContext) throws -> RestoredScene
}

extension ClassicalDenoiser {
  public func restore(_ scene: Cube, noise: NoiseLevels?, _ context: RunContext) throws -> RestoredScene {
    let claim = context.claimThreads()
    defer { claim.release() }
    try context.checkCancellation()
    try requireMemory(for: scene.shape, pixels: scene.count, context)
    if let noise { try noise.check(bands: scene.shape.bands) }
    let finite = scene.finitePixels()
    guard finite.count > 0 else {
      return unchanged(scene, "no pixel has a finite value in every band", context)
    }
    guard finite.count > 1 else { return unchanged(scene, "it has one valid pixel", context) }
    let levels = try noise ?? NoiseLevels.estimate(finite, context)
    guard levels.standardDeviations.contains(where: { $0 > 0 }) else {
      return unchanged(scene, "no noise was found in any band", context)
    }
    var result = try denoise(finite, noise: levels, context)
    if finite.count < scene.count { result.scene = scene.replacingFinitePixels(by: result.scene.pixels) }
    return result
  }
}
