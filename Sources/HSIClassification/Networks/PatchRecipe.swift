import Foundation
import HSITransformer

/// How a patch network is trained. Loss: cross entropy with label smoothing; optimiser: AdamW (0.9, 0.999, 10⁻⁸).
public struct PatchRecipe: Sendable, Codable, Equatable {
  /// How the learning rate runs.
  public enum Schedule: String, Sendable, Codable, CaseIterable {
    /// Linear from 0 over `warmUp` epochs, then a half cosine to `floor` at the end.
    case cosine
    /// That of the released script: `warmUp` epochs of `rate · (e + 1) / warmUp` for all weights, then a cosine with restarts
    /// after 10, 30, 70 … epochs down to `floor`, each batch using the value that was set after the batch before it.
    case restarts
    /// The cyclic adapter schedule that the paper describes: restarts likewise, one value per epoch, doubled for adapters.
    case cyclic
  }

  /// Which weights are trained.
  public enum Scope: String, Sendable, Codable, CaseIterable {
    /// All.
    case all
    /// Those of adapters only; the rest stays as it was drawn or loaded.
    case adapters
  }

  /// Passes over the training pixels.
  public var epochs = 30
  /// Patches per batch.
  public var batch = 32
  /// Batches per step; their mean gradient counts. What is left over at the end of an epoch is discarded.
  public var accumulation = 1
  /// Learning rate.
  public var rate = 2e-3
  /// Factor on the rate of weights that are not adapters.
  public var otherRateFactor = 1.0
  /// Lowest rate.
  public var floor = 1e-6
  /// Epochs of warm-up.
  public var warmUp = 3
  /// How the rate runs.
  public var schedule = Schedule.cosine
  /// Which weights are trained.
  public var scope = Scope.all
  /// Weight decay.
  public var weightDecay = 0.01
  /// Label smoothing.
  public var labelSmoothing = 0.1
  /// Largest norm of the gradient; nil for no limit.
  public var clipNorm: Double? = 1
  /// Epochs between evaluations on the validation pixels.
  public var evaluateEvery = 5
  /// Evaluations without a better one after which training stops; nil for never.
  public var patience: Int?
  /// Random changes of patches.
  public var augmentation = PatchAugmentation()

  /// For networks that are trained anew.
  public init() {}

  /// A recipe of a name, nil for others: `default`; `script`, the settings in the released training script; `paper`, those in
  /// its read-me file, with which the published figures were made.
  public init?(named name: String) {
    switch name {
    case "default": return
    case "script", "paper":
      (epochs, batch, floor) = (100, 32, 1e-6)
      (schedule, scope, otherRateFactor) = (.restarts, .adapters, 0.1)
      (patience, augmentation) = (15, .none)
      (rate, warmUp, clipNorm, accumulation) = name == "script" ? (2e-5, 5, 0.5, 2) : (1e-4, 10, 1, 1)
    default: return nil
    }
  }

  /// The names that `init(named:)` knows.
  public static let names = ["default", "script", "paper"]

  /// The learning rate of adapters, or of the other weights before `otherRateFactor` where the schedule is a cosine.
  func schedule(ofAdapters isAdapter: Bool) -> LearningRateSchedule {
    let base = isAdapter || schedule == .cosine ? rate : rate * otherRateFactor
    switch schedule {
    case .cosine:
      return .cosine(
        rate: rate, floor: min(floor, rate), warmUp: Double(min(warmUp, epochs / 2)), end: Double(epochs))
    case .restarts:
      // Warm-up sets one rate on all weights.
      return .cosineRestarts(
        rate: base, floor: min(floor, base), period: 10, multiplier: 2, warmUp: warmUp, warmUpRate: rate)
    case .cyclic: return .cyclic(base: base, floor: floor, period: 10, boost: isAdapter ? 2 : 1)
    }
  }

  /// When a batch reads its rate.
  var clock: TrainingClock {
    switch schedule {
    case .cosine: .middle
    // The rate is set after a batch; the first batch of an epoch uses what the last one of the epoch before it left.
    case .restarts: .previous(warmUp: warmUp)
    case .cyclic: .epoch
    }
  }
}
