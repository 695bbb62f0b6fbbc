import Foundation
import HSICore
import HSINetworks
import HSINumerics
import HSITransformer

/// Trains a LESS ViT that maps whole windows: from scratch, or from an encoder that `hsi pretrain` made.
public struct SegmenterClassifier: SteppedClassifier, PretrainedClassifier {
  public static var description: MethodDescription { description(of: LESSConfiguration.names[0]) }

  /// What users are told about a preset.
  static func description(of preset: String) -> MethodDescription {
    let recipe = SegmenterRecipe()
    return MethodDescription(
      id: preset, name: "LESS ViT, low-rank spatial-spectral transformer on windows of any bands", task: .classify,
      citation: LESSSegmenter.citation,
      cost: "4 N L' w² d per pass, w the width, d the depth, L' the bands of a pass over p² pixels (docs/less.md)",
      advice: preset == "less-tiny"
        ? "Starts from pre-trained weights; maps scenes of other instruments without retraining."
        : "The same, larger; for many cores.",
      parameters: [
        ParameterDescription("epochs", Double(recipe.epochs), in: 1...100_000, "epochs"),
        ParameterDescription(
          "windows", Double(recipe.windows), in: 1...1_000_000,
          "windows of an epoch, one around every training pixel at most"),
        ParameterDescription("rate", recipe.rate, in: 1e-8...1, "learning rate"),
        ParameterDescription("batch", Double(recipe.batch), in: 1...1024, "windows per batch"),
        ParameterDescription(
          "side", Double(side(of: preset)), in: 2...1024, "side of a window in pixels, made a multiple of two patches"),
        ParameterDescription("bands", Double(recipe.mostBands), in: 1...10_000, "most bands of a pass, evenly spread"),
        ParameterDescription(
          "drop", recipe.dropped[1], in: 0...0.95, "largest share of the bands that a training step is not shown"),
        ParameterDescription("smoothing", recipe.labelSmoothing, in: 0...0.9, "label smoothing"),
        ParameterDescription("gain", recipe.gain, in: 0...0.9, "spread of a random factor on the values of a window"),
        ParameterDescription(
          "offset", recipe.offset, in: 0...0.9,
          "spread of a random offset of the values of a window, which lie from 0 to 1"),
      ])
  }

  private static func side(of preset: String) -> Int {
    let patch = LESSConfiguration(named: preset)?.patch ?? 2
    return max(8 * patch, 16)
  }

  private let preset: String
  private var recipe: SegmenterRecipe
  private var base: WeightFile?

  public init(_ parameters: MethodParameters) throws { try self.init(LESSConfiguration.names[0], parameters) }

  init(_ preset: String, _ parameters: MethodParameters) throws {
    self.preset = preset
    var recipe = SegmenterRecipe()
    recipe.epochs = Int(parameters.value("epochs"))
    recipe.windows = Int(parameters.value("windows"))
    recipe.rate = parameters.value("rate")
    recipe.batch = Int(parameters.value("batch"))
    recipe.mostBands = Int(parameters.value("bands"))
    recipe.labelSmoothing = parameters.value("smoothing")
    (recipe.gain, recipe.offset) = (parameters.value("gain"), parameters.value("offset"))
    let most = parameters.value("drop")
    recipe.dropped = [min(recipe.dropped[0], most), most]
    let multiple = 2 * (LESSConfiguration(named: preset)?.patch ?? 2)
    recipe.side = max(Int(parameters.value("side")) / multiple, 1) * multiple
    self.recipe = recipe
  }

  public func starting(from file: WeightFile, _ scope: SegmenterRecipe.Scope) throws -> Self {
    var result = self
    result.base = file
    result.recipe.scope = scope
    return result
  }

  public var patchRadius: Int { recipe.side }

  public func trainingBytes(_ shape: CubeShape, samples: Int, classes: Int) -> Int {
    let encoder = LESSConfiguration(named: preset) ?? LESSConfiguration()
    let tokens = (recipe.mostBands + 1) * (recipe.side * recipe.side / (encoder.patch * encoder.patch) + 1)
    return 4 * 24 * recipe.batch * tokens * encoder.width * encoder.depth + 16 * encoder.parameterCount
      + NormalisedScene.bytes(shape)
  }

  public func train(
    _ task: ClassificationTask, _ session: TrainingSession, _ context: RunContext
  ) throws -> any TrainedClassifier {
    let claim = context.claimThreads()
    defer { claim.release() }
    try task.check()
    try task.checkWavelengths(for: preset)
    let needed = trainingBytes(task.scene.shape, samples: task.training.count, classes: task.classes.count)
    guard needed <= context.memory.bytes else {
      throw CoreError.memory(purpose: "training \(preset)", needed: needed, budget: context.memory.bytes)
    }
    let (network, rule) = try start(classes: task.classes.count, seed: context.seed)
    var recipe = recipe
    let multiple = 2 * network.configuration.network.encoder.patch
    recipe.side = max(recipe.side / multiple, 1) * multiple
    let learned = try SegmenterTraining.run(
      network, recipe, task, name: preset, rule: rule, session, context
    ) { network.linears.foldAdapters() }
    return TrainedSegmenter(
      id: preset, network: network, normalisation: learned.normalisation, axis: task.scene.metadata.axis,
      side: recipe.side, mostBands: recipe.mostBands, temperature: learned.temperature, curve: learned.curve)
  }

  /// The network in the state in which training starts, and the rule that it must be trained by, if there is one.
  private func start(classes: Int, seed: UInt64) throws -> (LESSSegmenter, (any UpdateRule)?) {
    var encoder = LESSConfiguration(named: preset) ?? LESSConfiguration()
    if let base { encoder = try ModelFile<LESSAutoencoder>(base).configuration.encoder }
    let configuration = LESSSegmenter.Configuration(LESSTaskConfiguration(encoder, classes: classes))
    let network = LESSSegmenter(configuration, seed: seed)
    if let base { try network.loadEncoder(from: base) }
    switch recipe.scope {
    case .all: return (network, nil)
    case .head:
      network.store.train { $0.name.hasPrefix("decoder.") }
      return (network, nil)
    case .adapted(let text):
      let adaptation = try Adaptation(text, option: "\(option: "adapter")")
      try adaptation.requireFoldable()
      return (
        network, adaptation.begin(network.linears, network.store) { $0.name.hasPrefix("decoder.") }.rule
      )
    }
  }

  /// The presets in the register.
  static var entries: [Classifiers.Entry] {
    ["less-tiny", "less-small-4"].map { preset in
      Classifiers.Entry(
        description: description(of: preset), make: { try SegmenterClassifier(preset, $0) },
        restore: { try TrainedSegmenter($0, $1) })
    }
  }
}

/// A classifier that can start from weights that were pre-trained without labels.
public protocol PretrainedClassifier: Classifier {
  /// The same, starting from the encoder of a file.
  ///
  /// - Throws: `TransformerError` for a file of something else.
  func starting(from file: WeightFile, _ scope: SegmenterRecipe.Scope) throws -> Self
}

/// Calibration of probabilities by one number (C. Guo et al., On calibration of modern neural networks, ICML 2017).
enum Temperature {
  /// What logits are divided by so that validation pixels are most likely; 1 where there are fewer than ten.
  static func chosen(
    _ network: LESSSegmenter, _ scene: NormalisedScene, _ validation: LabelledPixels, _ recipe: SegmenterRecipe,
    _ context: RunContext
  ) throws -> Float {
    guard validation.count >= 10 else { return 1 }
    let bands = scene.evenBands(recipe.mostBands)
    let (side, middle) = (recipe.side, recipe.side / 2)
    var logits: [[Double]] = []
    for start in stride(from: 0, to: validation.count, by: recipe.batch) {
      try context.checkCancellation()
      let pixels = start..<min(start + recipe.batch, validation.count)
      let cuts = pixels.map { WindowCut(around: Int(validation.positions[$0]), side: side, scene.shape) }
      let values = network(scene.input(cuts, side: side, bands: bands), Tape(.inference)).value
      let classes = values.shape[3]
      for n in cuts.indices {
        let row = values.pointer + ((n * side + middle) * side + middle) * classes
        logits.append((0..<classes).map { Double(row[$0]) })
      }
    }
    func loss(_ temperature: Double) -> Double {
      zip(logits, validation.labels).reduce(0) { sum, sample in
        let scaled = sample.0.map { $0 / temperature }
        let largest = scaled.max() ?? 0
        return sum + largest + log(scaled.reduce(0) { $0 + exp($1 - largest) }) - scaled[sample.1]
      }
    }
    // The loss has one minimum in the logarithm of the temperature.
    let ratio = (5.0.squareRoot() - 1) / 2
    var (low, high) = (log(0.1), log(10.0))
    while high - low > 1e-3 {
      let (a, b) = (high - ratio * (high - low), low + ratio * (high - low))
      if loss(exp(a)) < loss(exp(b)) { high = b } else { low = a }
    }
    return Float(exp((low + high) / 2))
  }
}
