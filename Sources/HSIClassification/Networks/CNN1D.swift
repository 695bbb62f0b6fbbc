import HSICore
import HSITransformer

/// A convolutional network on the spectrum of a pixel alone: two convolutions of 7 bands, each with batch normalisation,
/// swish and a mean over neighbouring bands, then two linear layers. In the manner of Hu et al. 2015, who used one
/// convolution and a maximum.
public struct SpectralCNN: Classifier {
  public static let description = MethodDescription(
    id: "cnn-1d", name: "Convolutional network on spectra",
    citation: "W. Hu et al., Deep convolutional neural networks for hyperspectral image classification, J. Sensors, 2015",
    cost: "N F, F = 8 kFLOP per band; training 3 n F per epoch",
    advice: "Learns shapes of spectra; needs some hundred labels; blind to the neighbourhood, so no guard band is lost.",
    parameters: PatchParameters.descriptions(recipe), aliases: ["cnn1d"])

  private static var recipe: PatchRecipe {
    var recipe = PatchRecipe()
    recipe.epochs = 100
    recipe.augmentation.turns = false
    return recipe
  }
  private let recipe: PatchRecipe

  public init(_ parameters: MethodParameters) throws {
    var recipe = SpectralCNN.recipe
    PatchParameters.apply(parameters, to: &recipe)
    self.recipe = recipe
  }

  public var patchRadius: Int { 0 }

  public func trainingBytes(_ shape: CubeShape, samples: Int, classes: Int) -> Int {
    4 * (shape.pixels * shape.bands + recipe.batch * shape.bands * 6 * 48 + 4 * 64 * shape.bands * 4)
  }

  public func train(_ task: ClassificationTask, _ context: RunContext) throws -> any TrainedClassifier {
    try task.check()
    let features = try task.features(.standardised)
    let shape = CNN1D.Configuration(bands: features.dimension, classes: task.classes.count)
    return try NetworkModel<CNN1D>(id: Self.description.id, training: shape, on: task, features, recipe, context)
  }

  static let entry = Classifiers.Entry(SpectralCNN.self) { try NetworkModel<CNN1D>($0, $1) }
}

/// The network of `SpectralCNN`: `[B, bands, 1, 1, 1]` to `[B, classes]`.
final class CNN1D: ConfiguredNetwork, @unchecked Sendable {
  struct Configuration: Codable, Equatable, Sendable {
    var bands: Int
    var classes: Int
    var widths = [16, 32]
    var hidden = 64

    /// Bands that are averaged after each convolution.
    var pooling: Int { bands >= 64 ? 4 : bands >= 8 ? 2 : 1 }
    var flattened: Int { bands / pooling / pooling * widths[1] }
  }

  static func isSensible(_ c: Configuration) -> Bool {
    (1...100_000).contains(c.bands) && (1...ClassTable.limit).contains(c.classes) && c.widths.count == 2
      && c.widths.allSatisfy { (1...1024).contains($0) } && (1...4096).contains(c.hidden)
  }
  static func leastValues(_ c: Configuration) -> Int { c.flattened * c.hidden + c.hidden * c.classes }
  static func facts(_ c: Configuration) -> (dimension: Int, side: Int, classes: Int, valuesPerPatch: Int) {
    (c.bands, 1, c.classes, 3 * c.bands * c.widths[1])
  }

  let store: ParameterStore
  private let configuration: Configuration
  private let convolutions: [Convolution]
  private let norms: [BatchNorm]
  private let hidden: Linear
  private let head: Linear

  init(_ configuration: Configuration, seed: UInt64) {
    self.configuration = configuration
    store = ParameterStore(seed: seed)
    let root = store.root
    let widths = [1] + configuration.widths
    convolutions = (0..<2).map {
      Convolution(root["conv"][$0], input: widths[$0], output: widths[$0 + 1], depthTaps: 7, planeTaps: 1, bias: true)
    }
    norms = (0..<2).map { BatchNorm(root["norm"][$0], channels: widths[$0 + 1]) }
    hidden = Linear(root["hidden"], input: configuration.flattened, output: configuration.hidden)
    head = Linear(root["head"], input: configuration.hidden, output: configuration.classes)
  }

  func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
    var h = x
    for (convolution, norm) in zip(convolutions, norms) { h = pooled(convolution.normalised(h, norm, tape), tape) }
    let flat = Dropout.values(reshape(h, [x.shape[0], configuration.flattened], tape), rate: 0.2, tape)
    return head(activation(.silu, hidden(flat, tape), tape), tape)
  }

  /// Means over groups of bands; what is left over at the end is dropped.
  private func pooled(_ x: Variable, _ tape: Tape) -> Variable {
    let (batch, bands, width, group) = (x.shape[0], x.shape[1], x.shape[4], configuration.pooling)
    guard group > 1 else { return x }
    let count = bands / group
    let map = RowMap(inputCount: bands, sources: (0..<Int32(count * group)).map { $0 })
    let groups = rearrange(x, map, width: width, shape: [batch, count, group, width], tape)
    return reshape(mean(groups, over: 2..<3, tape), [batch, count, 1, 1, width], tape)
  }
}
