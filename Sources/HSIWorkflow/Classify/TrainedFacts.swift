import Foundation
import HSIClassification
import HSITransformer

/// Facts of training for people and model cards.
struct TrainedFacts {
  let task: ClassificationTask
  let split: SplitFacts
  let scene: String
  let labels: String
  let seconds: Double
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

  /// Says on a card what was learned from what. Seconds are left out where runs are to be compared byte by byte.
  func write(on card: inout ModelCard) {
    let isComparable = ProcessInfo.processInfo.environment["SOURCE_DATE_EPOCH"] != nil
    card.trainingData = [scene, labels].map { ($0 as NSString).lastPathComponent }.joined(separator: ", ")
    card.training = summary + (isComparable ? "" : String(format: ", %.1f s", seconds))
    card.seed = seed
    card.createdBy = Toolkit.name
  }
}
