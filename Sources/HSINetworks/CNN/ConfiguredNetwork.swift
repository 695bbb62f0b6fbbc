import HSITransformer

/// A network that a configuration builds: what `NetworkModel` needs of it.
package protocol ConfiguredNetwork: PatchNetwork, Sendable {
  associatedtype Configuration: Codable, Equatable, Sendable
  init(_ configuration: Configuration, seed: UInt64)
  /// Nothing that a file claims may make us build something absurd.
  static func isSensible(_ configuration: Configuration) -> Bool
  /// A lower bound of the number of its weights.
  static func leastValues(_ configuration: Configuration) -> Int
  /// What the network says about patches and classes.
  static func facts(_ configuration: Configuration) -> (dimension: Int, side: Int, classes: Int, valuesPerPatch: Int)
}

extension Convolution {
  /// Convolution, batch normalisation and swish; folded where nothing is recorded.
  func normalised(_ x: Variable, _ norm: BatchNorm, _ tape: Tape) -> Variable {
    let h = tape.isRecording ? norm(self(x, tape), tape) : Variable(inference(x.value, norm.runningAffine))
    return activation(.silu, h, tape)
  }
}
