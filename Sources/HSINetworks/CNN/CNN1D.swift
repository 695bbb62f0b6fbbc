import HSITransformer

/// A convolutional network on spectra, `[B, bands, 1, 1, 1]` to `[B, classes]`: two convolutions of 7 bands, each with batch
/// normalisation, swish and a mean over neighbouring bands, then two linear layers. In the manner of Hu et al. 2015.
public final class CNN1D: PatchNetwork, @unchecked Sendable {
  /// Its shape.
  public struct Configuration: PatchConfiguration {
    /// Bands of a spectrum.
    public var bands: Int
    /// Number of classes.
    public var classes: Int
    /// Widths of the two convolutions.
    public var widths = [16, 32]
    /// Width of the first linear layer.
    public var hidden = 64

    /// A shape for a number of bands and classes.
    public init(bands: Int, classes: Int, widths: [Int] = [16, 32], hidden: Int = 64) {
      (self.bands, self.classes, self.widths, self.hidden) = (bands, classes, widths, hidden)
    }

    /// Bands that are averaged after each convolution.
    var pooling: Int { bands >= 64 ? 4 : bands >= 8 ? 2 : 1 }
    var flattened: Int { bands / pooling / pooling * widths[1] }

    public func validate() throws {
      try require("bands", bands, in: 1...100_000)
      try require("classes", classes, in: 1...classLimit)
      try require(
        widths.count == 2 && widths.allSatisfy { (1...1024).contains($0) }, "widths", widths,
        "two numbers from 1 to 1024")
      try require("hidden", hidden, in: 1...4096)
    }

    public var leastValues: Int { flattened * hidden + hidden * classes }
    public var dimension: Int { bands }
    public var side: Int { 1 }
    public var valuesPerPatch: Int { 3 * bands * widths[1] }
  }

  public static let architecture = "cnn-1d"
  public static let task = "classification"
  public static let citation =
    "W. Hu et al., Deep convolutional neural networks for hyperspectral image classification, J. Sensors, 2015"

  public let store: ParameterStore
  public let configuration: Configuration
  private let convolutions: [Convolution]
  private let norms: [BatchNorm]
  private let hidden: Linear
  private let head: Linear

  public init(_ configuration: Configuration, in store: ParameterStore) {
    self.configuration = configuration
    self.store = store
    let root = store.root
    let widths = [1] + configuration.widths
    convolutions = (0..<2).map {
      Convolution(root["conv"][$0], input: widths[$0], output: widths[$0 + 1], depthTaps: 7, planeTaps: 1, bias: true)
    }
    norms = (0..<2).map { BatchNorm(root["norm"][$0], channels: widths[$0 + 1]) }
    hidden = Linear(root["hidden"], input: configuration.flattened, output: configuration.hidden)
    head = Linear(root["head"], input: configuration.hidden, output: configuration.classes)
  }

  /// The two linear layers at the end.
  public var linears: [Linear] { [hidden, head] }

  public func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
    var h = x
    for (convolution, norm) in zip(convolutions, norms) { h = pooled(convolution.normalised(h, norm, tape), tape) }
    let flat = Dropout.values(tape.reshape(h, [x.shape[0], configuration.flattened]), rate: 0.2, tape)
    return head(tape.activation(.silu, hidden(flat, tape)), tape)
  }

  /// Means over groups of bands; what is left over at the end is dropped.
  private func pooled(_ x: Variable, _ tape: Tape) -> Variable {
    let (batch, bands, width, group) = (x.shape[0], x.shape[1], x.shape[4], configuration.pooling)
    guard group > 1 else { return x }
    let count = bands / group
    let map = RowMap(inputCount: bands, sources: (0..<Int32(count * group)).map { $0 })
    let groups = tape.rearrange(x, map, width: width, shape: [batch, count, group, width])
    return tape.reshape(tape.mean(groups, over: 2..<3), [batch, count, 1, 1, width])
  }
}
