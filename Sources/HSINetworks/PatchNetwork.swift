import HSITransformer

/// A network that tells the class of the pixel in the middle of a patch.
public protocol PatchNetwork: AnyObject {
  /// Its weights and running statistics.
  var store: ParameterStore { get }
  /// Logits `[B, classes]` of patches `[B, components, side, side, 1]`.
  func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable
}
