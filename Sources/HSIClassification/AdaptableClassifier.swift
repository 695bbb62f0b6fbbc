import HSICore
import HSITransformer

/// A trained network that low-rank adapters can fit to another scene, its own weights untouched.
public protocol AdaptableClassifier: TrainedClassifier {
  /// Learns an adapter from a scene, beside linear maps: on the same bands, or any where the classifier takes any.
  ///
  /// - Parameters:
  ///   - lora: rank, α and dropout of the adapter.
  ///   - keepsHead: true when the classes are those of the model; the last layer is else made anew.
  ///   - epochs: passes over the training pixels; nil for the usual number.
  ///   - session: where the state is kept, whether a run is resumed, time limit, patience.
  /// - Throws: as `SteppedClassifier.train`.
  func finetuned(
    _ task: ClassificationTask, lora: LowRankAdapter.Configuration, keepsHead: Bool, epochs: Int?, rate: Double?,
    _ session: TrainingSession, _ context: RunContext
  ) throws -> TrainedAdapter

  /// The classifier with an adapter that `finetuned` made, folded into its weights.
  ///
  /// - Throws: `TransformerError` when the file is no adapter, damaged, or of another network.
  func adapted(by file: WeightFile) throws -> any TrainedClassifier
}

extension AdaptableClassifier {
  /// The same in one go.
  public func finetuned(
    _ task: ClassificationTask, lora: LowRankAdapter.Configuration, keepsHead: Bool, epochs: Int?, rate: Double?,
    _ context: RunContext
  ) throws -> TrainedAdapter {
    let claim = context.claimThreads()
    defer { claim.release() }
    return try finetuned(
      task, lora: lora, keepsHead: keepsHead, epochs: epochs, rate: rate, TrainingSession(), context)
  }
}

/// What fine-tuning learned.
public struct TrainedAdapter: Sendable {
  /// What an adapter file holds: low-rank pairs, the last layer, running statistics.
  public var contents: [(name: String, content: SafetensorsWriter.Content)]
  /// What its model card says under `configuration`: `lora_rank`, `lora_alpha`, `classes`.
  public var configuration: [String: String]
  /// The training curve.
  public var curve: [TrainingPoint]
  /// The bands of the scene that it was learned from, where the classifier takes any; nil for those of the model.
  public var axis: SpectralAxis?

  /// The architecture that model cards of adapters name, with the identifier of the classifier before it.
  public static let suffix = " adapter"
}
