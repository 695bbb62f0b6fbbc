import Foundation
import HSIKit

/// What the commands of `hsi` take, for jobs: read from the parser's own description, so that it cannot differ.
enum HelpCatalogue {
  /// Commands that are no steps.
  private static let excluded: Set<String> = [
    "batch", "help", "completion", "methods", "formats", "schema", "config",
  ]

  private struct Dump: Decodable { var command: Command }

  private struct Command: Decodable {
    var commandName: String
    var subcommands: [Command]?
    var defaultSubcommand: String?
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
    var completionKind: Completion?
  }

  /// How shells complete a value: for files, the extensions, by which the role is told.
  private struct Completion: Decodable {
    struct Files: Decodable { var extensions: [String] }
    var file: Files?
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
    return CommandCatalogue(result) { path in
      let reader = try RasterFormats.open(path, context: RunContext(threads: 1))
      return (reader.shape.lines, reader.shape.samples)
    }
  }

  private static func collect(_ command: Command, _ above: [String], _ result: inout [CommandCatalogue.Command]) {
    let words = above + [command.commandName]
    if let subcommands = command.subcommands?.filter({ $0.commandName != "help" }), !subcommands.isEmpty {
      for subcommand in subcommands { collect(subcommand, words, &result) }
      // The one that is meant where none is named goes by the name of the command, too.
      let usual = subcommands.first { $0.commandName == command.defaultSubcommand }
      if let usual, var shortened = result.first(where: { $0.words == words + [usual.commandName] }) {
        shortened.words = words
        result.append(shortened)
      }
      return
    }
    let arguments = command.arguments ?? []
    let positional = arguments.filter { $0.kind == "positional" }
    let options = arguments.filter { $0.kind != "positional" }.flatMap { argument in
      (argument.names ?? []).filter { $0.kind == "long" }.map { name -> CommandCatalogue.Option in
        let role = PathRole.allCases.first { $0.extensions == argument.completionKind?.file?.extensions }
        return CommandCatalogue.Option(
          name: name.name, isFlag: argument.kind == "flag", isRepeating: argument.isRepeating,
          role: role?.batchRole ?? .plain, paths: { role?.paths(in: $0) ?? [$0] })
      }
    }
    result.append(
      CommandCatalogue.Command(
        words: words, arguments: positional.filter { !$0.isOptional }.map { $0.valueName ?? "file" },
        takesMore: positional.contains { $0.isRepeating || $0.isOptional },
        writesFirst: positional.count > 1
          && positional[0].completionKind?.file?.extensions == PathRole.output.extensions, options: options))
  }
}

extension PathRole {
  /// What a value is to a job.
  fileprivate var batchRole: CommandCatalogue.Role {
    switch self {
    case .input, .mask, .missing, .kernel, .wordOrFile, .judgedMap, .places: .input
    case .weights: .model
    case .output: .output
    }
  }
}
