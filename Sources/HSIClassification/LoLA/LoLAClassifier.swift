import HSICore
import HSINetworks
import HSITransformer

/// Trains LoLA-SpecViT: a preset of its shape with a preset of its training.
public struct LoLAClassifier: SteppedClassifier {
  /// What is offered: a network and how it is trained.
  public struct Preset: Sendable {
    /// Name on the command line.
    public let id: String
    /// Shape, by name.
    let network: String
    /// Training, by name.
    let recipe: String
    /// Highest learning rate where it is not that of the recipe.
    var rate: Double?
    let advice: String
    let aliases: [String]

    /// How it is trained.
    var training: PatchRecipe {
      var training = PatchRecipe(named: recipe) ?? PatchRecipe()
      if let rate { training.rate = rate }
      return training
    }
  }

  /// The offers, the smallest first.
  public static let presets = [
    Preset(
      id: "lola-specvit-tiny", network: "lola-specvit-tiny", recipe: "default",
      advice: "Learns a scene of a few thousand labels on two cores in minutes.",
      aliases: ["lola-tiny", "lola"]),
    Preset(
      id: "lola-specvit-small", network: "lola-specvit-small", recipe: "default", rate: 1e-3,
      advice: "More labels, more time, larger neighbourhoods.", aliases: ["lola-small"]),
    Preset(
      id: "lola-specvit", network: "lola-specvit", recipe: "script",
      advice: "The released network with the settings of its training script; slow without many cores.", aliases: []),
    Preset(
      id: "lola-specvit-paper", network: "lola-specvit", recipe: "paper",
      advice: "The released network with the settings that its read-me file gives for the published figures.",
      aliases: []),
  ]

  public static var description: MethodDescription { description(of: presets[0]) }

  /// What users are told about a preset.
  public static func description(of preset: Preset) -> MethodDescription {
    let shape = LoLAConfiguration(named: preset.network) ?? LoLAConfiguration()
    let recipe = preset.training
    return MethodDescription(
      id: preset.id, name: "LoLA-SpecViT, spectral vision transformer with low-rank adapters",
      task: .classify,
      citation: LoLASpecViT.citation,
      cost: "N F, training 3 n F per epoch, F = work of a patch (docs/lola-specvit.md)", advice: preset.advice,
      parameters: [
        ParameterDescription("components", Double(shape.components), in: 1...512, "principal components K"),
        ParameterDescription(
          "side", Double(shape.side), in: 3...65, "side of a patch in pixels; even ones count as the next odd one"),
        ParameterDescription(
          "standardise", shape.standardisation == .patch ? 1 : 0, in: 0...1,
          "1 scales every component of every patch to mean 0 and deviation 1, as the released code does"),
        ParameterDescription(
          "padding", shape.padding == .attended ? 1 : 0, in: 0...1,
          "1 lets padded positions of windows take part in attention, as the released code does"),
        ParameterDescription("smoothing", recipe.labelSmoothing, in: 0...0.9, "label smoothing"),
      ] + PatchParameters.descriptions(recipe), aliases: preset.aliases)
  }

  private let preset: Preset
  private let shape: LoLAConfiguration
  private let recipe: PatchRecipe

  public init(_ parameters: MethodParameters) throws { try self.init(LoLAClassifier.presets[0], parameters) }

  /// A preset with checked parameters.
  public init(_ preset: Preset, _ parameters: MethodParameters) throws {
    self.preset = preset
    var shape = LoLAConfiguration(named: preset.network) ?? LoLAConfiguration()
    shape.components = Int(parameters.value("components"))
    let side = Int(parameters.value("side")) | 1
    if side != shape.side {
      shape.side = side
      // Windows of the small presets cover their images.
      if preset.recipe == "default" { shape.windows = shape.tokenSides }
    }
    shape.standardisation = parameters.value("standardise") >= 0.5 ? .patch : .none
    shape.padding = parameters.value("padding") >= 0.5 ? .attended : .masked
    self.shape = shape
    var recipe = preset.training
    PatchParameters.apply(parameters, to: &recipe)
    recipe.labelSmoothing = parameters.value("smoothing")
    self.recipe = recipe
  }

  public var patchRadius: Int { shape.side / 2 }

  public func trainingBytes(_ image: CubeShape, samples: Int, classes: Int) -> Int {
    var shape = shape
    shape.classes = max(classes, 1)
    let trained = recipe.scope == .adapters ? shape.adapterParameterCount : shape.parameterCount
    // Weights, gradients and two moments of those trained; every convolution keeps its input and its output.
    let activations = (recipe.scope == .adapters ? 2 : 6) * shape.activationCount
    return 4
      * (shape.parameterCount + 3 * trained + recipe.batch * activations + image.pixels * shape.components)
  }

  public func train(
    _ task: ClassificationTask, _ session: TrainingSession, _ context: RunContext
  ) throws -> any TrainedClassifier {
    let claim = context.claimThreads()
    defer { claim.release() }
    try task.check()
    let features = try task.features(.components(shape.components, whitened: true))
    var shape = shape
    shape.components = features.dimension
    shape.classes = task.classes.count
    let needed = trainingBytes(task.scene.shape, samples: task.training.count, classes: shape.classes)
    guard needed <= context.memory.bytes else {
      throw CoreError.memory(purpose: "training \(preset.id)", needed: needed, budget: context.memory.bytes)
    }
    let network = LoLASpecViT(shape, seed: context.seed)
    let cutter = PatchCutter(side: shape.side, standardisation: shape.standardisation)
    let curve = try PatchTask.train(network, cutter, recipe, on: task, features, name: preset.id, session, context)
    return try TrainedLoLA(
      id: preset.id, shape: shape, features: features, weights: NamedWeights(network.store.contents()),
      curve: curve)
  }
}

extension LoLAClassifier {
  /// The presets in the register.
  static var entries: [Classifiers.Entry] {
    presets.map { preset in
      Classifiers.Entry(
        description: description(of: preset), make: { try LoLAClassifier(preset, $0) },
        restore: { try TrainedLoLA($0, $1) })
    }
  }
}
