import HSICore
import HSINetworks
import HSITransformer

/// A small convolutional network on patches of principal components: two convolutions of 3 × 3 × 3 with batch normalisation
/// and swish, the middle pixel and the mean of the patch, and two linear layers. In the manner of Ben Hamida et al. 2018.
public struct PatchCNN: SteppedClassifier {
  public static let description = MethodDescription(
    id: "cnn-3d", name: "Three-dimensional convolutional network on patches",
    task: .classify,
    citation: CNN3D.citation,
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

  public func train(
    _ task: ClassificationTask, _ session: TrainingSession, _ context: RunContext
  ) throws -> any TrainedClassifier {
    let claim = context.claimThreads()
    defer { claim.release() }
    try task.check()
    let features = try task.features(.components(components, whitened: true))
    let shape = CNN3D.Configuration(components: features.dimension, side: side, classes: task.classes.count)
    return try NetworkModel<CNN3D>(
      id: Self.description.id, training: shape, on: task, features, recipe, session, context)
  }

  static let entry = Classifiers.Entry(PatchCNN.self) { try NetworkModel<CNN3D>($0, $1) }
}
