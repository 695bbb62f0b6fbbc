import HSICore
import HSINetworks
import HSITransformer

/// The training of one network for many degradations; see `RestorationSubject`.
public typealias RestorationTraining = PatchTraining<RestorationSubject>

/// MP-HSIR learning to undo any of several degradations of windows of bands: `hsi train restore`.
public struct RestorationSubject: PatchSubject {
  /// What is made small.
  public enum Loss: String, Sendable, Codable, CaseIterable {
    /// Mean absolute error: the published loss. Its gradient does not depend on how large an error is, so all tasks are heard.
    case absolute
    /// The logarithm of the squared error of every sample, in effect its PSNR (`planeDecibelLoss`). Samples that are nearly right
    /// have the largest gradients.
    case decibel
  }

  /// Tasks to learn; nil for all that the network knows.
  public var tasks: [MPHSIRTask]?
  /// The loss.
  public var loss = Loss.absolute

  public init() {}

  public static let defaultVariant = "mp-hsir-24"
  public static let variants = MPHSIRConfiguration.names
  public static let conditions = "validation patches, mean over all tasks"

  /// A network that gives back what it gets: its last convolution is zero, the rest is drawn as in the reference.
  public func network(_ configuration: MPHSIRConfiguration, seed: UInt64) -> MPHSIR {
    let network = MPHSIR(configuration, seed: seed)
    for parameter in network.store.parameters where parameter.name == "output.weight" {
      parameter.set(Tensor.zeros(parameter.shape))
    }
    return network
  }

  public func check() throws {
    guard tasks?.isEmpty != true else {
      throw CoreError.invalidParameter(name: "\(option: "tasks")", value: "", requirement: "at least one task")
    }
  }

  public static func geometry(_ configuration: MPHSIRConfiguration) -> (bands: Int, granularity: Int) {
    (configuration.bands, configuration.granularity)
  }

  public func adjust(_ recipe: inout TrainingPatches.Recipe) {
    recipe.variesLight = true
    recipe.keepsBandOrder = true
  }

  public var summary: (kind: String, details: [String]) {
    ("tasks \(tasks.map { $0.map(\.rawValue).joined(separator: "+") } ?? "all")", ["loss \(loss.rawValue)"])
  }

  public func task(
    _ network: MPHSIR, _ options: RestorationTraining, patches: TrainingPatches, judges: TrainingPatches,
    settings: String, _ context: RunContext
  ) throws -> any TrainingTask {
    let known = network.configuration.knownTasks
    let tasks = tasks ?? known
    for task in tasks where network.configuration.id(of: task) == nil {
      throw CoreError.invalidParameter(
        name: "\(option: "tasks")", value: task.rawValue,
        requirement: "known to the network (\(known.map(\.rawValue).joined(separator: ", ")))")
    }
    return try RestorationLearning(
      network, tasks: tasks, loss: loss, options, patches: patches, judges: judges, settings: settings, context)
  }

  /// By the widths of the values that a training step keeps, at full resolution; held to the truth by a test.
  public static func workingBytes(_ network: MPHSIR, batch: Int, size: Int) -> Int {
    let configuration = network.configuration
    let parameters = network.store.parameters.reduce(0) { $0 + $1.value.count }
    let volumes = 210 * configuration.channels + 10 * configuration.bands
    return .sum(.product(4, batch, size, size, volumes), 6 * 4 * parameters)
  }
}
