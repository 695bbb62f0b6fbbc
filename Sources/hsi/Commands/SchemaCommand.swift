import ArgumentParser
import HSIKit

/// `hsi schema`: the JSON Schema of what the commands write.
struct SchemaCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schema", abstract: "Print the JSON Schema of the report.",
    discussion: """
      Example:
        hsi schema report > report.schema.json
      """)

  @Argument(help: "What to describe: report.")
  var subject = "report"

  func run() throws {
    guard subject == "report" else {
      throw CoreError.invalidParameter(name: "the subject", value: subject, requirement: "report")
    }
    try Terminal.output(ReportSchema.unmixing + "\n")
  }
}
