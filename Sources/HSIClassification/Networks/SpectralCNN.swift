import HSICore
import HSINetworks
import HSITransformer

/// A convolutional network on the spectrum of a pixel alone: two convolutions of 7 bands, each with batch normalisation,
/// swish and a mean over neighbouring bands, then two linear layers. In the manner of Hu et al. 2015, who used one
/// convolution and a maximum.
public struct SpectralCNN: SteppedClassifier {
  public static let description = MethodDescription(
    id: "cnn-1d", name: "Convolutional network on spectra",
    task: .classify,
    citation: CNN1D.citation,
    cost: "N F, F = 8 kFLOP per band; training 3 n F per epoch",
    advice:
      "Learns shapes of spectra; needs some hundred labels; blind to the neighbourhood, so no guard band is lost.",
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

  public func train(
    _ task: ClassificationTask, _ session: TrainingSession, _ context: RunContext
  ) throws -> any TrainedClassifier {
    let claim = context.claimThreads()
    defer { claim.release() }
    try task.check()
    let features = try task.features(.standardised)
    let shape = CNN1D.Configuration(bands: features.dimension, classes: task.classes.count)
    return try NetworkModel<CNN1D>(
      id: Self.description.id, training: shape, on: task, features, recipe, session, context)
  }

  static let entry = Classifiers.Entry(SpectralCNN.self) { try NetworkModel<CNN1D>($0, $1) }
}
