import HSICore

/// What a network learns: a source of batches with their loss, a score, and a plan. One file with one type; the `Trainer` does
/// the rest.
///
/// Contract of every task: `loss` and `score` are functions of the weights, the place and the seed alone, whatever was computed
/// before and on however many threads, so that a run that was stopped and resumed ends with the same bytes.
public protocol TrainingTask: AnyObject {
  /// What is shown while it runs, such as `training`.
  var name: String { get }
  /// Weights and running statistics of the network.
  var store: ParameterStore { get }
  /// Sizes, schedules and ends.
  var plan: TrainingPlan { get }
  /// Everything that the result depends on, in words and digests: a saved state of another text is refused.
  var settings: String { get }

  /// The rule and the groups of weights, the first one of which gives the rate of the curve. Called once.
  func makeOptimiser() -> Optimiser

  /// The loss of a batch on a tape of its own.
  func loss(of batch: TrainingBatch, _ context: RunContext) throws -> TrainingLoss

  /// How good the network is as it stands; nil where there is nothing to judge it by.
  ///
  /// - Throws: `CoreError.cancelled`.
  func score(_ context: RunContext) throws -> TrainingScore?

  /// A score for people, such as `PSNR 31.20 dB`.
  func text(_ score: Double) -> String

  /// The score of a network that gives back what it is given: a complete run that stays below it is warned about. Nil, the default,
  /// where there is no such thing.
  var scoreOfInput: Double? { get }

  /// The score that a network must exceed to be kept at all: below it nothing was learned, the run diverged. −∞ by default.
  var leastScore: Double { get }
}

extension TrainingTask {
  public var scoreOfInput: Double? { nil }
  public var leastScore: Double { -.infinity }
}

/// Place of a batch in a run; all numbers from 0.
public struct TrainingBatch: Sendable, Equatable {
  /// Number of the batch in the whole run.
  public var step: Int
  /// Batches of the whole run.
  public var steps: Int
  /// Epoch.
  public var epoch: Int
  /// Number in the epoch.
  public var index: Int
}

/// A loss before the way back.
public struct TrainingLoss {
  /// A scalar.
  public var value: Variable
  /// The tape that it lies on.
  public var tape: Tape
  /// What it weighs in the curve, such as the number of samples.
  public var weight: Double

  /// Weight 1 by default.
  public init(_ value: Variable, on tape: Tape, weight: Double = 1) {
    self.value = value
    self.tape = tape
    self.weight = weight
  }
}

/// A score: greater is better, the second number decides between equals.
public struct TrainingScore: Sendable, Equatable, Comparable {
  /// Such as a PSNR or an accuracy.
  public var value: Double
  /// Such as minus a loss.
  public var second: Double

  /// A score.
  public init(_ value: Double, second: Double = 0) {
    self.value = value
    self.second = second
  }

  public static func < (a: Self, b: Self) -> Bool { (a.value, a.second) < (b.value, b.second) }
}

/// Sizes, averaging and ends of a training run.
public struct TrainingPlan: Sendable, Equatable {
  /// When the score is asked for, besides at the end.
  public enum Evaluation: Sendable, Equatable {
    /// After every so many batches.
    case batches(Int)
    /// After every so many epochs.
    case epochs(Int)
  }

  /// Epochs.
  public var epochs: Int
  /// Batches of an epoch.
  public var batches: Int
  /// Batches per update; the mean of their gradients counts. What is left over at the end of an epoch is discarded.
  public var accumulation = 1
  /// Largest norm of the gradient; nil for no limit.
  public var clipNorm: Double?
  /// Decay of the moving average of the weights that is judged and kept; nil for none.
  public var averageDecay: Double?
  /// When a batch reads its learning rate.
  public var clock = TrainingClock.start
  /// When the score is asked for.
  public var evaluation: Evaluation
  /// Evaluations without a better score after which training ends; nil for never.
  public var patience: Int?
  /// Whether the network ends with the weights of the best score; else with the last ones, and the best go to `onBest` only.
  public var keepsBest = false

  /// A plan; nothing is averaged, clipped or ended early.
  public init(epochs: Int, batches: Int, evaluation: Evaluation) {
    self.epochs = epochs
    self.batches = batches
    self.evaluation = evaluation
  }

  /// Batches of the whole run.
  public var steps: Int { epochs * batches }

  /// The place of a batch of the run.
  func batch(_ step: Int) -> TrainingBatch {
    TrainingBatch(step: step, steps: steps, epoch: step / batches, index: step % batches)
  }
}

/// How a run is carried out: nothing that its result depends on.
public struct TrainingSession: Sendable {
  /// Where the state is kept: written at every evaluation, at the end, when the run stops early, and every `saveEvery` seconds;
  /// nil for nowhere.
  public var statePath: String?
  /// Whether the run goes on from the file at `statePath`.
  public var resumes: Bool
  /// Seconds after which the run stops, to be resumed; nil for none.
  public var timeLimit: Double?
  /// Replaces the plan's patience, where it is given.
  public var patience: Int?
  /// Seconds between states that are kept beside those of evaluations.
  public var saveEvery: Double
  /// Whether files that are there before the run writes its own may be replaced; those of the run that is resumed are.
  public var replaces: Bool
  /// Told where the run ended.
  public var onEnd: (@Sendable (TrainingOutcome) -> Void)?

  /// By default nothing is saved and nothing stops the run.
  public init(
    statePath: String? = nil, resumes: Bool = false, timeLimit: Double? = nil, patience: Int? = nil,
    saveEvery: Double = 300, replaces: Bool = true, onEnd: (@Sendable (TrainingOutcome) -> Void)? = nil
  ) {
    self.statePath = statePath
    self.resumes = resumes
    self.timeLimit = timeLimit
    self.patience = patience
    self.saveEvery = saveEvery
    self.replaces = replaces || resumes
    self.onEnd = onEnd
  }
}

/// Where a run ended.
public struct TrainingOutcome: Sendable {
  /// True when nothing is left to do; false when it stopped at its time limit.
  public var isComplete: Bool
  /// Batches of the whole run.
  public var steps: Int
  /// What happened.
  public var record: TrainingRecord
}
