import Foundation
import HSITransformer

extension WeightDifference {
  /// A table for people.
  ///
  /// - Parameters:
  ///   - first: what the first file is called.
  ///   - second: what the second one is called.
  public func text(_ first: String, _ second: String) -> String {
    guard !isEmpty else { return "no difference in \(equalCount) tensors\n" }
    var text = ""
    func list(_ title: String, _ names: [String]) {
      if !names.isEmpty { text += "\(title) (\(names.count)):\n" + names.map { "  \($0)\n" }.joined() }
    }
    list("only in \(first)", onlyInFirst.map(clean))
    list("only in \(second)", onlyInSecond.map(clean))
    list("of other extents", reshaped.map { "\(clean($0.name))  \(extents($0.first)) and \(extents($0.second))" })
    if !changed.isEmpty {
      let head = ["changed", "shape", "relative", "largest", "values", "rank"]
      let rows = changed.map { change in
        [
          clean(change.name), extents(change.shape),
          change.relative.isFinite ? String(format: "%.4g %%", 100 * change.relative) : "from zero",
          String(format: "%.3g", change.largest), "\(change.values)", change.rank.map { "\($0)" } ?? "",
        ]
      }
      text += TextTable.text([head] + rows, left: [0, 1])
    }
    return text + "\(changed.count) tensors changed, \(equalCount) equal\n"
  }

  private func extents(_ shape: [Int]) -> String {
    shape.isEmpty ? "scalar" : shape.map(String.init).joined(separator: " × ")
  }

  /// A name of a file on one line of a terminal.
  private func clean(_ name: String) -> String {
    String(name.unicodeScalars.filter { $0.properties.generalCategory != .control }.prefix(200).map(Character.init))
  }
}
