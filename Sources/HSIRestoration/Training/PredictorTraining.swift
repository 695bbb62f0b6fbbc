import HSICore
import HSINetworks
import HSITransformer

/// The training of a predictor of degradations; see `PredictorSubject`.
public typealias PredictorTraining = PatchTraining<PredictorSubject>

/// A network learning to tell which degradation a patch suffers from: `hsi train predictor`.
public struct PredictorSubject: PatchSubject {
  /// Tasks to tell apart, in the order of the outputs; nil for all of a new network, or those of the network that is trained on.
  public var tasks: [MPHSIRTask]?

  public init() {}

  public static let defaultVariant = "degradation-predictor"
  public static let variants = DegradationPredictorConfiguration.names
  public static let measure = TrainingMeasure(name: "balanced accuracy", digits: 4)
  public static let conditions = "validation patches, mean over classes of the share that is recognised"

  public func network(_ configuration: DegradationPredictorConfiguration, seed: UInt64) -> DegradationPredictor {
    var configuration = configuration
    if let tasks, !tasks.isEmpty { configuration.tasks = tasks }
    return DegradationPredictor(configuration, seed: seed)
  }

  public func check() throws {
    guard let tasks else { return }
    guard !tasks.isEmpty, Set(tasks).count == tasks.count else {
      throw CoreError.invalidParameter(
        name: "\(option: "tasks")", value: tasks.map(\.rawValue).joined(separator: ","),
        requirement: "different tasks, at least one")
    }
  }

  public static func geometry(_ configuration: DegradationPredictorConfiguration) -> (bands: Int, granularity: Int) {
    (configuration.bands, configuration.size)
  }

  public func adjust(_ recipe: inout TrainingPatches.Recipe) {
    recipe.variesLight = true
    recipe.keepsBandOrder = true
  }

  public var summary: (kind: String, details: [String]) {
    ("tasks \(tasks.map { $0.map(\.rawValue).joined(separator: "+") } ?? "all")", [])
  }

  public func task(
    _ network: DegradationPredictor, _ options: PredictorTraining, patches: TrainingPatches, judges: TrainingPatches,
    settings: String, _ context: RunContext
  ) throws -> any TrainingTask {
    let size = network.configuration.size
    guard patches.recipe.size == size else {
      throw CoreError.invalidParameter(
        name: "\(option: "patch")", value: "\(patches.recipe.size)", requirement: "\(size), which the network sees")
    }
    if let tasks, tasks != network.configuration.tasks {
      throw CoreError.invalidParameter(
        name: "\(option: "tasks")", value: tasks.map(\.rawValue).joined(separator: ","),
        requirement: "left out: the network has the outputs "
          + network.configuration.tasks.map(\.rawValue).joined(separator: ","))
    }
    return try PredictorLearning(
      network, options, patches: patches, judges: judges, settings: settings, context)
  }

  /// By the widths of the values that a training step keeps, and the pictures that it is judged by; held to the truth by a test.
  public static func workingBytes(_ network: DegradationPredictor, batch: Int, size: Int) -> Int {
    let configuration = network.configuration
    let parameters = network.store.parameters.reduce(0) { $0 + $1.value.count }
    let blocks = zip(configuration.blocks, [1.0, 0.5, 0.25, 0.125]).reduce(0) { $0 + Double($1.0) * $1.1 }
    let volumes = Int(clamping: (25 * blocks + 10) * Double(configuration.width)) + 4 * configuration.bands
    let judged = configuration.classes * PredictorLearning.judged * configuration.bands
    return .sum(.product(4, size, size, .sum(.product(batch, volumes), judged)), 6 * 4 * parameters)
  }
}
