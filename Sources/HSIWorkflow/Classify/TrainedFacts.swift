import Foundation
import HSIClassification
import HSITransformer

/// Facts of training for people and model cards.
struct TrainedFacts {
  let task: ClassificationTask
  let split: SplitFacts
  let scene: String
  let labels: String
  let seed: UInt64

  /// `535 pixels of 6 classes (disjoint, training 10%, guard 7, seed 0)`.
  var summary: String {
    let pixels = task.trainingCounts.reduce(0, +)
    let band = split.guardRadius > 0 ? ", guard \(split.guardRadius)" : ""
    let scope = task.isTransductive ? ", transductive" : ""
    return
      "\(pixels) pixels of \(task.classes.count) classes (\(split.scheme), training \(split.training)\(band), seed "
      + "\(split.seed)\(scope))"
  }

  /// Says on a card what was learned from what; not how long it took, so that equal runs write equal bytes.
  func write(on card: inout ModelCard) {
    card.trainingData = [scene, labels].map { ($0 as NSString).lastPathComponent }.joined(separator: ", ")
    card.training = summary
    card.seed = seed
    card.createdBy = Toolkit.name
  }
}
