import HSICore
import HSINetworks
import HSITransformer

extension LoLACheckpoint {
  /// The classifier of a scene: the released code fits its components on all pixels of the scene that it maps, so the
  /// checkpoint alone does not tell them.
  ///
  /// - Parameters:
  ///   - scene: the scene that it was trained on, all pixels.
  ///   - components: number of components, 15 in the released code.
  ///   - flipped: components (from 0) whose sign the checkpoint saw the other way round. The sign of a component is free; here
  ///     its coefficient of largest magnitude is positive, as newer versions of the reference library have it.
  public func classifier(of scene: Cube, components: Int = 15, flipped: Set<Int> = []) throws -> TrainedLoLA {
    var shape = shape
    shape.components = components
    let fitted = try Features.fit(.components(components, whitened: true), scene.pixels)
    guard fitted.dimension == components else {
      throw ClassificationError.modelMismatch(
        model: weights.path, reason: "the scene has \(fitted.dimension) components that vary, not \(components)",
        advice: "give the scene that it was trained on")
    }
    return try TrainedLoLA(
      id: "lola-specvit", shape: shape, features: fitted.flipping(flipped), weights: weights)
  }
}

extension Features {
  /// The same features with the sign of some components turned.
  func flipping(_ turned: Set<Int>) -> Features {
    guard let components, !turned.isEmpty else { return self }
    var values = components.values
    for index in values.indices where turned.contains(index / bands) { values[index] = -values[index] }
    return Features(
      mean: mean, factor: factor, components: .init(rows: components.rows, columns: bands, values: values),
      variances: variances)
  }
}
