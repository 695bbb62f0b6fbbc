import ArgumentParser
import HSIKit

/// `hsi schema`: the JSON Schema of what the commands write.
struct SchemaCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schema", abstract: "Print the JSON Schema of a report.",
    discussion: """
      Examples:
        hsi schema report > report.schema.json
        hsi schema denoise > denoise.schema.json
        hsi schema classify > classify.schema.json
        hsi schema predict > predict.schema.json
      """)

  @Argument(
    help: "What to describe: report (of hsi unmix), denoise, restore, classify or predict.",
    completion: .list(Reports.names))
  var subject = "report"

  func run() throws {
    guard let schema = Reports.schema(subject) else {
      let names = Reports.names
      throw CoreError.invalidParameter(
        name: "the subject", value: subject,
        requirement: names.dropLast().joined(separator: ", ") + " or " + names[names.count - 1])
    }
    try Terminal.output(schema + "\n")
  }
}
