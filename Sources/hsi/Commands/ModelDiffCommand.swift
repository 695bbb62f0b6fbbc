import ArgumentParser
import Foundation
import HSIKit

/// `hsi model diff`.
struct ModelDiffCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diff", abstract: "Compare two weight files tensor by tensor.",
    discussion: """
      Lists the tensors that are in one file only or differ, and how far they lie apart: relative change, largest \
      change, how many values changed, and the rank of the change, by which an adapter that was folded in is known. The \
      exit code is 0 whether or not they differ.

      Examples:
        hsi model diff base.safetensors merged.safetensors
        hsi model diff a.safetensors b.safetensors --json
      """)

  @Argument(help: "The weights.")
  var file: String

  @Argument(help: "The weights to compare with.")
  var other: String

  @Flag(help: "JSON on standard output.")
  var json = false

  func run() throws {
    let (first, second) = (try ModelCommand.open(file), try ModelCommand.open(other))
    let difference = try WeightDifference(first, second)
    try Terminal.output(json ? object(difference) + "\n" : difference.text(file, other))
  }

  private func object(_ difference: WeightDifference) throws -> String {
    /// JSON has no infinity.
    func number(_ value: Double) -> Any { value.isFinite ? value : "\(value)" }
    let object: [String: Any] = [
      "only_in_first": difference.onlyInFirst, "only_in_second": difference.onlyInSecond,
      "reshaped": difference.reshaped.map {
        ["name": $0.name, "first": $0.first, "second": $0.second] as [String: Any]
      },
      "changed": difference.changed.map { change in
        var entry: [String: Any] = [
          "name": change.name, "shape": change.shape, "relative": number(change.relative),
          "largest": number(change.largest), "values": change.values,
        ]
        if let rank = change.rank { entry["rank"] = rank }
        return entry
      },
      "equal": difference.equalCount,
    ]
    let data = try JSONSerialization.data(
      withJSONObject: object, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
    return String(decoding: data, as: UTF8.self)
  }
}
