import HSITransformer

/// A convolutional network on patches, `[B, K, S, S, 1]` to `[B, classes]`: two convolutions of 3 × 3 × 3 with batch normalisation
/// and swish, the middle pixel and the mean of the patch, and two linear layers. In the manner of Ben Hamida et al. 2018.
public final class CNN3D: PatchNetwork, @unchecked Sendable {
  /// Its shape.
  public struct Configuration: PatchConfiguration {
    /// Principal components per pixel.
    public var components: Int
    /// Side of a patch, odd.
    public var side: Int
    /// Number of classes.
    public var classes: Int
    /// Widths of the two convolutions.
    public var widths = [16, 32]
    /// Width of the first linear layer.
    public var hidden = 64

    /// A shape for patches of a side and number of components.
    public init(components: Int, side: Int, classes: Int, widths: [Int] = [16, 32], hidden: Int = 64) {
      (self.components, self.side, self.classes, self.widths, self.hidden) = (components, side, classes, widths, hidden)
    }

    public func validate() throws {
      try require("components", components, in: 1...512)
      try require((1...65).contains(side) && side % 2 == 1, "side", side, "odd, from 1 to 65")
      try require("classes", classes, in: 1...classLimit)
      try require(
        widths.count == 2 && widths.allSatisfy { (1...1024).contains($0) }, "widths", widths,
        "two numbers from 1 to 1024")
      try require("hidden", hidden, in: 1...4096)
    }

    public var leastValues: Int { 2 * components * widths[1] * hidden + hidden * classes }
    public var dimension: Int { components }
    public var valuesPerPatch: Int { 3 * components * side * side * widths[1] }
  }

  public static let architecture = "cnn-3d"
  public static let task = "classification"
  public static let citation =
    "A. Ben Hamida et al., 3-D deep learning approach for remote sensing image classification, "
    + "IEEE Trans. Geoscience and Remote Sensing 56, 2018"

  public let store: ParameterStore
  public let configuration: Configuration
  private let convolutions: [Convolution]
  private let norms: [BatchNorm]
  private let middle: RowMap
  private let hidden: Linear
  private let head: Linear

  public init(_ configuration: Configuration, in store: ParameterStore) {
    self.configuration = configuration
    self.store = store
    let root = store.root
    let widths = [1] + configuration.widths
    convolutions = (0..<2).map {
      Convolution(root["conv"][$0], input: widths[$0], output: widths[$0 + 1], depthTaps: 3, bias: true)
    }
    norms = (0..<2).map { BatchNorm(root["norm"][$0], channels: widths[$0 + 1]) }
    let area = configuration.side * configuration.side
    middle = RowMap(inputCount: area, sources: [Int32(area / 2)])
    hidden = Linear(
      root["hidden"], input: 2 * configuration.components * configuration.widths[1], output: configuration.hidden)
    head = Linear(root["head"], input: configuration.hidden, output: configuration.classes)
  }

  /// The two linear layers at the end.
  public var linears: [Linear] { [hidden, head] }

  public func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
    let (batch, depth, width) = (x.shape[0], configuration.components, configuration.widths[1])
    var h = x
    for (convolution, norm) in zip(convolutions, norms) { h = convolution.normalised(h, norm, tape) }
    let all = tape.mean(h, over: 2..<4)
    let pixel = tape.rearrange(h, middle, width: width, shape: [batch, depth, width])
    let flat = tape.reshape(tape.concatenate([all, pixel]), [batch, 2 * depth * width])
    let dropped = Dropout.values(flat, rate: 0.2, tape)
    return head(tape.activation(.silu, hidden(dropped, tape)), tape)
  }
}
