/// One point of a training curve.
public struct TrainingPoint: Codable, Sendable, Equatable {
  /// Batches done.
  public var step: Int
  /// Epoch, counted from 1.
  public var epoch: Int
  /// Mean loss since the last point.
  public var loss: Double
  /// The score, where it was measured.
  public var score: Double?
  /// Learning rate of the last batch.
  public var rate: Double

  /// A point.
  public init(step: Int, epoch: Int, loss: Double, score: Double? = nil, rate: Double) {
    self.step = step
    self.epoch = epoch
    self.loss = loss
    self.score = score
    self.rate = rate
  }

  private enum Key: String, CodingKey { case step, epoch, loss, score, rate, psnr }

  /// States of versions before 0.2 knew no epoch and called the score `psnr`.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: Key.self)
    step = try values.decode(Int.self, forKey: .step)
    epoch = try values.decodeIfPresent(Int.self, forKey: .epoch) ?? 0
    loss = try values.decode(Double.self, forKey: .loss)
    score =
      try values.decodeIfPresent(Double.self, forKey: .score) ?? values.decodeIfPresent(Double.self, forKey: .psnr)
    rate = try values.decode(Double.self, forKey: .rate)
  }

  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: Key.self)
    try values.encode(step, forKey: .step)
    try values.encode(epoch, forKey: .epoch)
    try values.encode(loss, forKey: .loss)
    try values.encodeIfPresent(score, forKey: .score)
    try values.encode(rate, forKey: .rate)
  }
}

/// What a training run has been through; stored with its state.
public struct TrainingRecord: Codable, Sendable, Equatable {
  /// Batches done.
  public var step = 0
  /// The curve.
  public var curve: [TrainingPoint] = []
  /// Best score so far.
  public var best: Double?
  /// What decided between equal scores.
  public var bestSecond: Double?
  /// Batches that were done when it was reached.
  public var bestStep = 0
  /// Evaluations since then.
  public var stale = 0
  /// Sum of losses, times their weights, since the last point of the curve.
  public var lossSum = 0.0
  /// Sum of their weights.
  public var lossWeight = 0.0
  /// True when patience ended the run.
  public var hasEnded = false
  /// What the run was started with; a run is continued only with the same.
  public var settings: String

  /// A run that has not begun.
  public init(settings: String) { self.settings = settings }

  private enum Key: String, CodingKey {
    case step, curve, best, bestSecond, bestStep, stale, lossSum, lossWeight, hasEnded, settings
  }

  /// States of versions before 0.2 lack what was not known then.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: Key.self)
    step = try values.decode(Int.self, forKey: .step)
    curve = try values.decode([TrainingPoint].self, forKey: .curve)
    best = try values.decodeIfPresent(Double.self, forKey: .best)
    bestSecond = try values.decodeIfPresent(Double.self, forKey: .bestSecond)
    bestStep = try values.decode(Int.self, forKey: .bestStep)
    stale = try values.decodeIfPresent(Int.self, forKey: .stale) ?? 0
    lossSum = try values.decodeIfPresent(Double.self, forKey: .lossSum) ?? 0
    lossWeight = try values.decodeIfPresent(Double.self, forKey: .lossWeight) ?? 0
    hasEnded = try values.decodeIfPresent(Bool.self, forKey: .hasEnded) ?? false
    settings = try values.decode(String.self, forKey: .settings)
  }

  /// Mean loss since the last point of the curve.
  var meanLoss: Double { lossSum / max(lossWeight, 1) }
}
