import HSICore
import HSITransformer

/// A small convolutional network on patches of principal components: two convolutions of 3 × 3 × 3 with batch normalisation
/// and swish, the middle pixel and the mean of the patch, and two linear layers. In the manner of Ben Hamida et al. 2018.
public struct PatchCNN: Classifier {
  public static let description = MethodDescription(
    id: "cnn-3d", name: "Three-dimensional convolutional network on patches",
    citation: "A. Ben Hamida et al., 3-D deep learning approach for remote sensing image classification, "
      + "IEEE Trans. Geoscience and Remote Sensing 56, 2018",
    cost: "N F, F = 28 kFLOP per component and pixel of the patch; training 3 n F per epoch",
    advice: "The plain network to beat where the neighbourhood tells more than the spectrum.",
    parameters: [
      ParameterDescription("components", 15, in: 1...512, "principal components"),
      ParameterDescription("side", 7, in: 3...65, "side of a patch in pixels; even ones count as the next odd one"),
    ] + PatchParameters.descriptions(PatchRecipe()), aliases: ["cnn3d"])

  private let components: Int
  private let side: Int
  private let recipe: PatchRecipe

  public init(_ parameters: MethodParameters) throws {
    components = Int(parameters.value("components"))
    side = Int(parameters.value("side")) | 1
    var recipe = PatchRecipe()
    PatchParameters.apply(parameters, to: &recipe)
    self.recipe = recipe
  }

  public var patchRadius: Int { side / 2 }

  public func trainingBytes(_ shape: CubeShape, samples: Int, classes: Int) -> Int {
    4 * components * (shape.pixels + recipe.batch * side * side * 6 * 48)
  }

  public func train(_ task: ClassificationTask, _ context: RunContext) throws -> any TrainedClassifier {
    try task.check()
    let features = try task.features(.components(components, whitened: true))
    let shape = CNN3D.Configuration(components: features.dimension, side: side, classes: task.classes.count)
    return try NetworkModel<CNN3D>(id: Self.description.id, training: shape, on: task, features, recipe, context)
  }

  static let entry = Classifiers.Entry(PatchCNN.self) { try NetworkModel<CNN3D>($0, $1) }
}

/// The network of `PatchCNN`: `[B, K, S, S, 1]` to `[B, classes]`.
final class CNN3D: ConfiguredNetwork, @unchecked Sendable {
  struct Configuration: Codable, Equatable, Sendable {
    var components: Int
    var side: Int
    var classes: Int
    var widths = [16, 32]
    var hidden = 64
  }

  static func isSensible(_ c: Configuration) -> Bool {
    (1...512).contains(c.components) && (1...65).contains(c.side) && c.side % 2 == 1
      && (1...ClassTable.limit).contains(c.classes) && c.widths.count == 2
      && c.widths.allSatisfy { (1...1024).contains($0) } && (1...4096).contains(c.hidden)
  }
  static func leastValues(_ c: Configuration) -> Int { 2 * c.components * c.widths[1] * c.hidden + c.hidden * c.classes }
  static func facts(_ c: Configuration) -> (dimension: Int, side: Int, classes: Int, valuesPerPatch: Int) {
    (c.components, c.side, c.classes, 3 * c.components * c.side * c.side * c.widths[1])
  }

  let store: ParameterStore
  private let configuration: Configuration
  private let convolutions: [Convolution]
  private let norms: [BatchNorm]
  private let middle: RowMap
  private let hidden: Linear
  private let head: Linear

  init(_ configuration: Configuration, seed: UInt64) {
    self.configuration = configuration
    store = ParameterStore(seed: seed)
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

  func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
    let (batch, depth, width) = (x.shape[0], configuration.components, configuration.widths[1])
    var h = x
    for (convolution, norm) in zip(convolutions, norms) { h = convolution.normalised(h, norm, tape) }
    let all = mean(h, over: 2..<4, tape)
    let pixel = rearrange(h, middle, width: width, shape: [batch, depth, width], tape)
    let flat = reshape(concatenate([all, pixel], tape), [batch, 2 * depth * width], tape)
    let dropped = Dropout.values(flat, rate: 0.2, tape)
    return head(activation(.silu, hidden(dropped, tape), tape), tape)
  }
}
