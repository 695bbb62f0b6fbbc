import HSICore
import HSINetworks
import HSITransformer

/// The training of a denoiser; see `DenoisingSubject`.
public typealias DenoisingTraining = PatchTraining<DenoisingSubject>

/// HSDT learning to remove noise of all kinds from windows of bands: `hsi train denoise`.
public struct DenoisingSubject: PatchSubject {
  /// Which of the schedules.
  public enum Schedule: String, Sendable, CaseIterable {
    /// All noise at once, one cosine.
    case compact
    /// The three stages of HSDT, 110 epochs.
    case paper
  }

  /// Schedule.
  public var schedule = Schedule.compact
  /// What the compact schedule makes small.
  public var loss = DenoisingRecipe.Loss.squared
  /// Last share of the compact schedule in which batch statistics are frozen.
  public var frozenShare = 0.25

  public init() {}

  public static let defaultVariant = "hsdt-s"
  public static let variants = HSDTConfiguration.names.filter { $0 != "hsdt-pnp" }
  public static let conditions = "validation patches, noise of all kinds"

  public func network(_ configuration: HSDTConfiguration, seed: UInt64) -> HSDT {
    HSDT(configuration, seed: seed, initialisation: .xavierNormal)
  }

  public func check() throws {
    guard (0...1).contains(frozenShare) else {
      throw CoreError.invalidParameter(
        name: "\(option: "freeze norms")", value: "\(frozenShare)", requirement: "from 0 to 1")
    }
  }

  public static func geometry(_ configuration: HSDTConfiguration) -> (bands: Int, granularity: Int) {
    (configuration.bands, configuration.granularity)
  }

  public func adjust(_ recipe: inout TrainingPatches.Recipe) { recipe.variesLight = schedule == .compact }

  public var summary: (kind: String, details: [String]) {
    (
      "\(schedule.rawValue) recipe",
      schedule == .compact ? ["loss \(loss.rawValue)", "frozen \(frozenShare)"] : []
    )
  }

  public func task(
    _ network: HSDT, _ options: DenoisingTraining, patches: TrainingPatches, judges: TrainingPatches, settings: String,
    _ context: RunContext
  ) throws -> any TrainingTask {
    try DenoisingTask(
      network, patches: patches, validation: DenoisingValidation(judges, noise: .judging),
      recipe: recipe(options, seed: context.seed), settings: settings)
  }

  /// How it is trained.
  public func recipe(_ options: DenoisingTraining, seed: UInt64) -> DenoisingRecipe {
    var result: DenoisingRecipe
    switch schedule {
    case .compact:
      result = .compact(epochs: options.epochs, rate: options.rate)
      result.frozenShare = frozenShare
      result.loss = loss
    case .paper: result = .paper
    }
    result.batch = options.batch
    result.patchesPerEpoch = options.patchesPerEpoch
    result.evaluateEvery = options.evaluateEvery
    result.seed = seed
    return result
  }

  public static func workingBytes(_ network: HSDT, batch: Int, size: Int) -> Int {
    DenoisingTask.workingBytes(network, batch: batch, size: size)
  }
}
