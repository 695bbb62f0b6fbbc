import HSICore
import HSITransformer

/// A trained network that can be fitted to another scene, its own file untouched.
public protocol AdaptableClassifier: TrainedClassifier {
  /// Learns from a scene what turns the model into one of it: on the same bands, or any where the classifier takes any.
  ///
  /// - Parameters:
  ///   - adaptation: what of the network changes.
  ///   - keepsHead: true when the classes are those of the model; the last layer is else made anew.
  ///   - epochs: passes over the training pixels; nil for the usual number.
  ///   - session: where the state is kept, whether a run is resumed, time limit, patience.
  /// - Throws: as `SteppedClassifier.train`.
  func finetuned(
    _ task: ClassificationTask, by adaptation: Adaptation, keepsHead: Bool, epochs: Int?, rate: Double?,
    _ session: TrainingSession, _ context: RunContext
  ) throws -> TrainedAdapter

  /// The classifier with what `finetuned` learned, folded into its weights.
  ///
  /// - Throws: `TransformerError` when the file is no adapter, damaged, or of another network.
  func adapted(by file: WeightFile) throws -> any TrainedClassifier
}

extension AdaptableClassifier {
  /// The same in one go.
  public func finetuned(
    _ task: ClassificationTask, by adaptation: Adaptation, keepsHead: Bool, epochs: Int?, rate: Double?,
    _ context: RunContext
  ) throws -> TrainedAdapter {
    let claim = context.claimThreads()
    defer { claim.release() }
    return try finetuned(
      task, by: adaptation, keepsHead: keepsHead, epochs: epochs, rate: rate, TrainingSession(), context)
  }
}

/// What fine-tuning learned.
public struct TrainedAdapter: Sendable {
  /// What an adapter file holds: adapters, or weights that changed; the last layer; running statistics.
  public var contents: [(name: String, content: SafetensorsWriter.Content)]
  /// What its model card says under `configuration`: `adaptation`, `classes`.
  public var configuration: [String: String]
  /// The training curve.
  public var curve: [TrainingPoint]
  /// The bands of the scene that it was learned from, where the classifier takes any; nil for those of the model.
  public var axis: SpectralAxis?

  /// The architecture that model cards of adapters name, with the identifier of the classifier before it.
  public static let suffix = " adapter"
}

extension Adaptation {
  /// Refuses what would leave something beside the weights of a classifier, whose file is one of its base's shape.
  ///
  /// - Throws: `CoreError.invalidParameter`.
  func requireFoldable() throws {
    guard isFoldable else {
      throw CoreError.invalidParameter(
        name: "\(option: "adapter")", value: text, requirement: "of a kind that can be folded into the weights")
    }
  }

  /// What a card says: this, and what an adapter cannot be folded without (`hsi model merge`).
  var configuration: [String: String] {
    var settings = [Adaptation.key: text]
    if case .beside(let configuration) = self { settings.merge(configuration.metadata) { $1 } }
    settings[Pruning.key] = pattern?.text
    return settings
  }

  /// What the card of an adapter says.
  ///
  /// - Throws: `TransformerError.badHeader`.
  init(cardOf file: WeightFile) throws {
    let settings = try file.card()?.configuration ?? [:]
    if let text = settings[Adaptation.key] {
      guard let found = try? Adaptation(text, option: Adaptation.key) else {
        throw TransformerError.badHeader(path: file.path, detail: "`\(Adaptation.key)` of its card is not understood")
      }
      self = found
      return
    }
    // Files of version 0.1 hold low-rank pairs and say their rank.
    let alpha = (settings[AdapterMerge.alphaKey] ?? file.metadata[AdapterMerge.alphaKey]).flatMap(Double.init)
    guard let alpha, alpha.isFinite else {
      throw TransformerError.badHeader(path: file.path, detail: "it does not say what of the network it adapts")
    }
    let rank = settings["lora_rank"].flatMap(Int.init) ?? 8
    guard (1...4096).contains(rank) else {
      throw TransformerError.badHeader(path: file.path, detail: "`lora_rank` of its card is not from 1 to 4096")
    }
    self = .beside(LowRankAdapter.Configuration(rank: rank, alpha: alpha))
  }
}
