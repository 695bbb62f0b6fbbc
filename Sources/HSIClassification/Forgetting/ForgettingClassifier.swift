import HSICore
import HSITransformer

/// A trained network that can be made to forget classes, without the scenes that it learned from.
public protocol ForgettingClassifier: TrainedClassifier {
  /// The network without what it knew of some classes; their logits are masked too, so that no pixel is given them.
  ///
  /// - Parameters:
  ///   - forgotten: classes to forget; at least two stay.
  ///   - task: a scene with pixels of the classes to forget and of those to keep, a few of each being enough.
  ///   - test: pixels that the effect is measured on, none of which was learned from.
  /// - Throws: `ClassificationError`, `CoreError.invalidParameter`, `TransformerError`.
  func forgetting(
    _ forgotten: Set<Int>, _ task: ClassificationTask, test: LabelledPixels, _ recipe: ForgettingRecipe,
    _ session: TrainingSession, _ context: RunContext
  ) throws -> Forgetting
}

/// How a network is made to forget.
public struct ForgettingRecipe: Sendable, Codable, Equatable {
  /// Most pixels of every class that are learned from.
  public var samples = 64
  /// Steps.
  public var steps = 400
  /// Pixels of a step, one half to forget and one half to keep.
  public var batch = 32
  /// Highest learning rate.
  public var rate = 2e-3
  /// Rank of the pairs that are trained beside the maps of every block, and folded in the end.
  public var rank = 8
  /// β: weight of the wrongness of forgotten pixels, up to three times that of guessing.
  public var push = 0.3
  /// Weight of the distance of forgotten embeddings to the mean of the nearest class that stays.
  public var disguise = 5.0
  /// Weight of the distance of embeddings that stay to what they were.
  public var memory = 1.0
  /// α: weight of the norm of every block's pairs, which keeps blocks as they are that need not change.
  public var sparsity = 1e-4

  /// The defaults.
  public init() {}
}

/// A network that forgot, and what that did, on pixels that were not learned from.
public struct Forgetting: Sendable {
  /// Before or after.
  public struct Effect: Sendable, Codable, Equatable {
    /// Share of the pixels of forgotten classes that are given their class, before masking; NaN where there are none.
    public var forgotten: Double
    /// Share of the pixels of the other classes that are given theirs; NaN where there are none.
    public var remaining: Double
    /// Balanced accuracy of a linear probe that tells forgotten pixels by their embeddings from the class that they are most like;
    /// 0.5 is guessing, NaN where there is nothing to test on.
    public var probe: Double
  }

  /// The network, its forgotten logits masked.
  public var classifier: any TrainedClassifier
  /// Effects.
  public var before, after: Effect
  /// Blocks whose pairs are not negligible (a thousandth of the largest norm), and all.
  public var changedBlocks, blocks: Int
  /// The training curve.
  public var curve: [TrainingPoint]

  /// `2 A (F₀ − F) / (A + F₀ − F)`, A what stays right, F₀ and F what is right of forgotten classes before and after (H-mean).
  public var score: Double {
    Forgetting.score(before: before.forgotten, after: after.forgotten, remaining: after.remaining)
  }

  static func score(before: Double, after: Double, remaining: Double) -> Double {
    let drop = max(0, before - after)
    return drop + remaining > 0 ? 2 * remaining * drop / (remaining + drop) : 0
  }
}
