/// What a layer has prepared from its weights for the kernels, made again only when the weights have changed.
final class PackedWeights {
  private var version = -1
  private var tensor: Tensor?

  /// The prepared form for `version` of the weights; `make` fills it from `count` uninitialised values.
  func get(version: Int, count: Int, _ make: (UnsafeMutablePointer<Float>) -> Void) -> Tensor {
    if version == self.version, let tensor { return tensor }
    let made = Tensor(uninitialised: [count])
    make(made.output)
    tensor = made
    self.version = version
    return made
  }
}
