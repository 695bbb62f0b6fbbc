import Foundation

/// A learning rate as a function of time, measured in epochs (epoch 3, batch 5 of 10: 3.5).
public enum LearningRateSchedule: Sendable, Equatable {
  /// Always the same.
  case constant(Double)
  /// `(from epoch, rate)` in ascending order, each holding until the next; `warmUp` epochs rise linearly from 0 at the start of
  /// every step whose start epoch is listed in `warmUps`.
  case steps([Step])
  /// Linear from 0 to `rate` over `warmUp` epochs, then a half cosine to `floor` at epoch `end`.
  case cosine(rate: Double, floor: Double, warmUp: Double, end: Double)
  /// Cosine with restarts (Loshchilov, Hutter 2017): periods `period`, `period · multiplier`, … from rate to floor; before it
  /// `warmUp` epochs of `rate · (epoch + 1) / warmUp`, during which the cosine's clock runs on.
  case cosineRestarts(rate: Double, floor: Double, period: Double, multiplier: Double, warmUp: Int)

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

  /// The rate at a time.
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
    case .cosineRestarts(let rate, let floor, let period, let multiplier, let warmUp):
      if Int(epoch) < warmUp { return rate * (epoch.rounded(.down) + 1) / Double(warmUp) }
      var (start, length) = (0.0, period)
      while epoch - start >= length {
        start += length
        length *= multiplier
      }
      return floor + (rate - floor) * (1 + cos(.pi * (epoch - start) / length)) / 2
    }
  }
}

/// The cyclic schedule that the LoLA-SpecViT paper describes: a cosine with restarts at times T₀, 3T₀, 7T₀ … whose value is
/// doubled for adapter weights. Each call of `next` is one unit of time.
public struct CyclicAdapterSchedule: Sendable {
  /// Smallest rate.
  public var floor: Double
  private var period: Double
  private var position = 0.0

  /// A schedule whose first period is `period` calls long.
  public init(period: Double, floor: Double) {
    self.period = period
    self.floor = floor
  }

  /// The rates of the next unit of time for a base rate: `floor + (base − floor) · c · 2` for adapters, without the 2 for others,
  /// c = (1 + cos(π t/T)) / 2.
  public mutating func next(base: Double) -> (adapter: Double, other: Double) {
    if position >= period {
      position = 0
      period *= 2
    }
    let factor = (1 + cos(.pi * position / period)) / 2
    position += 1
    return (floor + (base - floor) * factor * 2, floor + (base - floor) * factor)
  }
}
