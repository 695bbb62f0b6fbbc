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
    weights = LearnedWeights(path: parts[1])
  }

  /// The network for a case; nil where it has no such task. What it is told beside what classical methods are told stands here
  /// and nowhere else.
  func restorer(for item: RestoreCase) throws -> (any Restorer)? {
    let entry = try Restorers.all.entry(name)
    var values = item.values(for: entry.description)
    if entry.description.parameters.contains(where: { $0.name == "task" }) {
      guard let prompt = LearnedRow.prompts[item.prompt], let number = MPHSIRTask.allCases.firstIndex(of: prompt) else {
        return nil
      }
      values["task"] = Double(number)
    }
    do {
      return try entry.make(values, weights)
    } catch RestorationError.untrainedTask {
      return nil
    }
  }

  /// What a network is asked for, by what a degradation is called in trainings.
  private static let prompts: [String: MPHSIRTask] = [
    "gaussian-blur": .blur, "motion-blur": .motion, "super-resolution": .superres, "inpainting": .inpaint,
    "missing-bands": .bands, "haze": .haze, "poisson": .poisson,
  ]
}
