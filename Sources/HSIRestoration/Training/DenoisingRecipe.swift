import HSITransformer

/// How a denoiser is trained: stages of noise and learning rates, batch size, averaging.
public struct DenoisingRecipe: Sendable, Equatable {
  /// A part of the training with one kind of noise.
  public struct Stage: Sendable, Equatable {
    /// Epochs.
    public var epochs: Int
    /// Noise of the samples, in turn.
    public var noise: NoiseCycle
    /// Learning rate; time counts epochs from the start of the stage.
    public var rate: LearningRateSchedule

    /// A stage.
    public init(epochs: Int, noise: NoiseCycle, rate: LearningRateSchedule) {
      self.epochs = epochs
      self.noise = noise
      self.rate = rate
    }
  }

  /// What is made small.
  public enum Loss: String, Sendable, Codable, CaseIterable {
    /// Mean squared error over all values: the published loss; strong noise dominates it.
    case squared
    /// Mean over samples and bands of the logarithm of their squared error, in effect the MPSNR (`planeDecibelLoss`).
    case decibel
  }

  /// The stages, in order.
  public var stages: [Stage]
  /// Patches per step.
  public var batch = 16
  /// Patches per epoch; nil for all there are.
  public var patchesPerEpoch: Int?
  /// Gradients are scaled down to this norm; nil for none.
  public var clipNorm: Double?
  /// Decay of the moving average of the weights that is evaluated and kept; nil for none.
  public var averageDecay: Double?
  /// Steps between evaluations.
  public var evaluateEvery = 200
  /// The loss.
  public var loss = Loss.squared
  /// Last part of all steps in which batch normalisation keeps its running statistics, as it does in use. Batches differ in
  /// brightness and noise, and what a network learns to do with the statistics of a batch fails with others.
  public var frozenShare = 0.0
  /// Seed of order, augmentation, noise and branch draws.
  public var seed: UInt64 = 0

  /// A recipe of given stages.
  public init(stages: [Stage]) { self.stages = stages }

  /// Epochs of all stages.
  public var epochs: Int { stages.reduce(0) { $0 + $1.epochs } }

  /// The learning rate of all stages, one after another.
  public var schedule: LearningRateSchedule { .sequence(stages.map { .init(epochs: $0.epochs, $0.rate) }) }

  /// The published recipe: 30 epochs of σ 50, 50 of blind Gaussian noise, 30 of complex noise; Adam, batch 16.
  /// Source: Lai, Yan, Fu, ICCV 2023.
  public static let paper: DenoisingRecipe = {
    func steps(_ steps: [(Double, Double)], warmUp: Double = 0) -> LearningRateSchedule {
      .steps(
        steps.enumerated().map {
          .init(epoch: $1.0, rate: $1.1, warmUp: $0 == 0 ? warmUp : 0)
        })
    }
    return DenoisingRecipe(stages: [
      Stage(epochs: 30, noise: NoiseCycle(.gaussian(50)), rate: steps([(0, 1e-3), (20, 1e-4)])),
      Stage(
        epochs: 50, noise: .blind,
        rate: steps([(0, 1e-3), (15, 1e-4), (25, 5e-5), (30, 1e-5), (35, 5e-6), (45, 1e-6)], warmUp: 1)),
      Stage(
        epochs: 30, noise: .complex,
        rate: steps([(0, 1e-3), (10, 5e-4), (15, 1e-4), (20, 5e-5), (25, 1e-5)], warmUp: 1)),
    ])
  }()

  /// One stage for a small budget: noise of all kinds and strengths from the start, one half cosine of the
  /// learning rate after a short warm-up, averaged weights, frozen batch statistics in the last quarter.
  public static func compact(epochs: Int, rate: Double = 2e-3) -> DenoisingRecipe {
    var recipe = DenoisingRecipe(stages: [
      Stage(
        epochs: epochs, noise: .general,
        rate: .cosine(rate: rate, floor: rate / 100, warmUp: min(1, Double(epochs) / 20), end: Double(epochs))
      )
    ])
    recipe.averageDecay = 0.998
    recipe.clipNorm = 1
    recipe.frozenShare = 0.25
    return recipe
  }

  /// The stage of an epoch.
  func stage(at epoch: Int) -> Stage {
    var start = 0
    for stage in stages {
      if epoch < start + stage.epochs { return stage }
      start += stage.epochs
    }
    return stages[stages.count - 1]
  }
}
