import HSITransformer

/// What describes a network on patches.
public protocol PatchConfiguration: NetworkConfiguration {
  /// Values per pixel that it sees: bands or principal components.
  var dimension: Int { get }
  /// Side of a patch in pixels, odd.
  var side: Int { get }
  /// Number of classes.
  var classes: Int { get }
  /// Values of the activations of a patch that are held at once in prediction, about.
  var valuesPerPatch: Int { get }
}

/// A network that tells the class of the pixel in the middle of a patch.
public protocol PatchNetwork: Network where Configuration: PatchConfiguration {
  /// Logits `[B, classes]` of patches `[B, dimension, side, side, 1]`.
  func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable
}

/// The greatest number of classes that a network may tell apart.
let classLimit = 4096
