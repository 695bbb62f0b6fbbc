import Foundation
import HSIKit

/// A network in the table of restoration, from `NAME=FILE`.
struct LearnedRow {
  /// The name of the method in the register, and the row's.
  let name: String
  let weights: LearnedWeights

  init(parsing text: String) throws {
    let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
    guard parts.count == 2 else {
      throw CoreError.invalidParameter(name: "\(option: "weights")", value: text, requirement: "METHOD=FILE")
    }
    name = parts[0]
    weights = LearnedWeights(path: parts[1], model: parts[0])
  }

  /// The network for a case; nil where it has no such task. What it is told beside what classical methods are told stands here
  /// and nowhere else.
  func restorer(for item: RestoreCase) throws -> (any Restorer)? {
    let entry = try Restorers.all.entry(name)
    var values = item.values(for: entry.description)
    if entry.description.parameters.contains(where: { $0.name == "task" }) {
      guard let task = LearnedRow.tasks[item.prompt] else { return nil }
      values["task"] = task
    }
    return try entry.make(values, weights)
  }

  /// The numbers of the tasks of MP-HSIR (natural scenes) by what a degradation is called in trainings.
  private static let tasks: [String: Double] = [
    "gaussian-blur": 2, "motion-blur": 2, "super-resolution": 3, "inpainting": 4, "missing-bands": 5, "poisson": 0,
  ]
}
