import Foundation

/// A learning rate as a function of time, measured in epochs (epoch 3, batch 5 of 10: 3.5). At which moment a batch reads it is
/// told by a `TrainingClock`.
public enum LearningRateSchedule: Sendable, Equatable {
  /// Always the same.
  case constant(Double)
  /// `(from epoch, rate)` in ascending order, each holding until the next; `warmUp` epochs rise linearly from 0 at the start of
  /// every step that has them.
  case steps([Step])
  /// Linear from 0 to `rate` over `warmUp` epochs, then a half cosine to `floor` at epoch `end`.
  case cosine(rate: Double, floor: Double, warmUp: Double, end: Double)
  /// Cosine with restarts (Loshchilov, Hutter 2017): periods `period`, `period · multiplier`, … from rate to floor; before it
  /// `warmUp` epochs of `warmUpRate · (epoch + 1) / warmUp` (`rate` where nil), during which the cosine's clock runs on.
  case cosineRestarts(
    rate: Double, floor: Double, period: Double, multiplier: Double, warmUp: Int, warmUpRate: Double? = nil)
  /// One schedule after another, each with a time of its own; the last one goes on.
  indirect case sequence([Part])

  /// One step of a stepwise schedule.
  public struct Step: Sendable, Equatable {
    /// First epoch.
    public var epoch: Double
    /// Rate from there on.
    public var rate: Double
    /// Epochs of linear rise from 0.
    public var warmUp: Double

    /// A step without warm-up by default.
    public init(epoch: Double, rate: Double, warmUp: Double = 0) {
      self.epoch = epoch
      self.rate = rate
      self.warmUp = warmUp
    }
  }

  /// One part of a sequence.
  public struct Part: Sendable, Equatable {
    /// How long it is followed.
    public var epochs: Int
    /// The rate, by the time from the start of the part.
    public var schedule: LearningRateSchedule

    /// A part.
    public init(epochs: Int, _ schedule: LearningRateSchedule) {
      self.epochs = epochs
      self.schedule = schedule
    }
  }

  /// The schedule that the LoLA-SpecViT paper describes: restarts at 0, T, 3T, 7T …, value `floor + (base − floor) · boost · c`,
  /// c the half cosine; one value per epoch (`TrainingClock.epoch`). Adapters have a boost of 2.
  public static func cyclic(base: Double, floor: Double, period: Double, boost: Double) -> LearningRateSchedule {
    .cosineRestarts(
      rate: floor + boost * (base - floor), floor: floor, period: period, multiplier: 2, warmUp: 0)
  }

  /// The rate at a moment.
  public func rate(at time: TrainingTime) -> Double {
    guard case .sequence(let parts) = self else { return rate(at: time.epochs) }
    var start = 0
    for (index, part) in parts.enumerated() {
      if index == parts.count - 1 || time.epoch < start + part.epochs {
        return part.schedule.rate(at: TrainingTime(epoch: time.epoch - start, fraction: time.fraction))
      }
      start += part.epochs
    }
    return 0
  }

  /// The rate at a time in epochs.
  public func rate(at epoch: Double) -> Double {
    switch self {
    case .constant(let rate): return rate
    case .steps(let steps):
      guard let step = steps.last(where: { $0.epoch <= epoch }) ?? steps.first else { return 0 }
      let passed = epoch - step.epoch
      return passed < step.warmUp ? step.rate * max(passed, 0) / step.warmUp : step.rate
    case .cosine(let rate, let floor, let warmUp, let end):
      if epoch < warmUp { return rate * epoch / warmUp }
      let fraction = min(max((epoch - warmUp) / max(end - warmUp, 1e-12), 0), 1)
      return floor + (rate - floor) * (1 + cos(.pi * fraction)) / 2
    case .cosineRestarts(let rate, let floor, let period, let multiplier, let warmUp, let warmUpRate):
      if Int(clamping: epoch) < warmUp { return (warmUpRate ?? rate) * (epoch.rounded(.down) + 1) / Double(warmUp) }
      var (start, length) = (0.0, period)
      while epoch - start >= length {
        start += length
        length *= multiplier
      }
      return floor + (rate - floor) * (1 + cos(.pi * (epoch - start) / length)) / 2
    case .sequence:
      let whole = epoch.rounded(.down)
      return rate(at: TrainingTime(epoch: Int(clamping: whole), fraction: epoch - whole))
    }
  }
}
