import Foundation
import HSIKit

/// What the commands of `hsi` take, for jobs: read from the parser's own description, so that it cannot differ.
enum HelpCatalogue {
  /// Commands that are no steps.
  private static let excluded: Set<String> = [
    "batch", "help", "completion", "methods", "formats", "schema", "config", "mosaic",
  ]

  /// Options that name files to write.
  private static let outputs: Set<String> = [
    "out", "residual", "quicklook", "composite", "guidance", "channel-quality", "report", "html",
    "endmembers-out",
    "prob", "confidence", "stac", "split-out", "train-map", "test-map",
  ]
  /// Options that name files to read; a number or a word without dot and slash names something else.
  private static let inputs: Set<String> = [
    "endmembers", "library", "reference", "reference-endmembers", "noisy", "noise", "like", "split", "labels",
    "scene", "names",
  ]
  /// Options that name weights.
  private static let models: Set<String> = ["weights", "model", "adapter", "from"]

  private struct Dump: Decodable { var command: Command }

  private struct Command: Decodable {
    var commandName: String
    var subcommands: [Command]?
    var arguments: [Argument]?
  }

  private struct Argument: Decodable {
    struct Name: Decodable {
      var kind: String
      var name: String
    }

    var kind: String
    var isOptional: Bool
    var isRepeating: Bool
    var names: [Name]?
    var valueName: String?
  }

  /// All commands that can be steps.
  ///
  /// - Throws: `DecodingError` if the parser described itself in another form than this version knows.
  static func make() throws -> CommandCatalogue {
    let dump = try JSONDecoder().decode(Dump.self, from: Data(HSICommand._dumpHelp().utf8))
    var result: [CommandCatalogue.Command] = []
    for command in dump.command.subcommands ?? [] where !excluded.contains(command.commandName) {
      collect(command, [], &result)
    }
    return CommandCatalogue(result)
  }

  private static func collect(
    _ command: Command, _ above: [String], _ result: inout [CommandCatalogue.Command]
  ) {
    let words = above + [command.commandName]
    if let subcommands = command.subcommands?.filter({ $0.commandName != "help" }), !subcommands.isEmpty {
      for subcommand in subcommands { collect(subcommand, words, &result) }
      return
    }
    let arguments = command.arguments ?? []
    let positional = arguments.filter { $0.kind == "positional" }
    let options = arguments.filter { $0.kind != "positional" }.flatMap { argument in
      (argument.names ?? []).filter { $0.kind == "long" }.map { name in
        CommandCatalogue.Option(
          name: name.name, isFlag: argument.kind == "flag", isRepeating: argument.isRepeating,
          role: role(name.name, isFlag: argument.kind == "flag"))
      }
    }
    result.append(
      CommandCatalogue.Command(
        words: words, arguments: positional.filter { !$0.isOptional }.map { $0.valueName ?? "file" },
        takesMore: positional.contains { $0.isRepeating || $0.isOptional }, options: options))
  }

  private static func role(_ name: String, isFlag: Bool) -> CommandCatalogue.Role {
    if isFlag { return .plain }
    if outputs.contains(name) { return .output }
    if inputs.contains(name) { return .input }
    return models.contains(name) ? .model : .plain
  }
}
