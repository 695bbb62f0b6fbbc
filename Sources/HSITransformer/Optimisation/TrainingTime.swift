/// A moment of a training run: an epoch and a part of it. Kept apart, so that what is measured from the start of a later epoch
/// is exact.
public struct TrainingTime: Sendable, Equatable {
  /// Whole epochs, from 0.
  public var epoch: Int
  /// Part of the epoch, 0 to 1.
  public var fraction: Double

  /// A moment.
  public init(epoch: Int, fraction: Double = 0) {
    self.epoch = epoch
    self.fraction = fraction
  }

  /// Both in one number.
  public var epochs: Double { Double(epoch) + fraction }
}

/// At which moment the learning rate of a batch is read from its schedule.
public enum TrainingClock: Sendable, Equatable {
  /// At its start.
  case start
  /// In its middle.
  case middle
  /// At the start of its epoch.
  case epoch
  /// As a script that sets the rate after every batch: at the start of the batch before it. During the first epochs, in which
  /// such a script warms up, at the start of the epoch.
  case previous(warmUp: Int)

  /// The moment of a batch of an epoch, both counted from 0.
  public func time(epoch: Int, batch: Int, batches: Int) -> TrainingTime {
    func part(_ batch: Double) -> Double { batch / Double(batches) }
    switch self {
    case .start: return TrainingTime(epoch: epoch, fraction: part(Double(batch)))
    case .middle: return TrainingTime(epoch: epoch, fraction: part(Double(batch) + 0.5))
    case .epoch: return TrainingTime(epoch: epoch)
    case .previous(let warmUp):
      if epoch < warmUp { return TrainingTime(epoch: epoch) }
      if batch > 0 { return TrainingTime(epoch: epoch, fraction: part(Double(batch - 1))) }
      if epoch == 0 { return TrainingTime(epoch: 0) }
      return epoch == warmUp
        ? TrainingTime(epoch: epoch - 1) : TrainingTime(epoch: epoch - 1, fraction: part(Double(batches - 1)))
    }
  }
}
