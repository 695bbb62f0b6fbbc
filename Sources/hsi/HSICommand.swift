import ArgumentParser
import Foundation
import HSIKit

/// The command `hsi`: parse, call the library, print.
@main
struct HSICommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "hsi",
    abstract: "Unmix, denoise and classify hyperspectral scenes: any cube that GDAL can open, metadata intact.",
    discussion: """
      Examples:
        hsi info scene.hdr
        hsi unmix scene.hdr abundances.tif --count auto --html report.html
        hsi unmix scene.tif abundances.tif --endmembers spectra.sli
        hsi denoise scene.tif clean.tif --html report.html
        hsi classify train scene.tif labels.tif --model svm --out model.safetensors
        hsi convert cube.mat cube.tif

      Data goes to standard output, everything else to standard error. Exit codes: 0 success, 1 processing failed, \
      2 usage, 3 input, 4 output, 5 some items of a batch failed, 6 resources, 7 model, 129 hung up, 130 interrupted, 143 terminated. \
      More: hsi help arguments, configuration, exit-codes, names, wavelengths.
      """,
    version: Version.text,
    subcommands: [
      InfoCommand.self, QuicklookCommand.self, EndmembersCommand.self, UnmixCommand.self, DenoiseCommand.self,
      RestoreCommand.self, ResampleCommand.self, TransformCommand.self, IndexCommand.self,
      ClassifyCommand.self, DetectCommand.self, MatchCommand.self,
      ClusterCommand.self,
      SpectraCommand.self, SimulateCommand.self, EvaluateCommand.self, ConvertCommand.self,
      MosaicCommand.self, StatisticsCommand.self, BatchCommand.self,
      ModelCommand.self,
      MethodsCommand.self,
      FormatsCommand.self, ConfigCommand.self,
      SchemaCommand.self, CompletionCommand.self, TrainCommand.self, PretrainCommand.self, EmbedCommand.self,
    ])

  /// When the command began.
  static let started = ContinuousClock.now

  /// Runs a command line and exits with the documented code.
  static func main() {
    _ = started
    let arguments = Array(CommandLine.arguments.dropFirst())
    if (2...3).contains(arguments.count), arguments[0] == probeWord {
      let array = arguments.count == 3 ? arguments[2] : nil
      Foundation.exit(
        HDF5Probe.examine(arguments[1], array: array) ? 0 : ExitCodes.code(for: RasterError.notFound(path: "")))
    }
    ProcessMemory.returnLargeBlocks()
    Interruption.install()
    ParentGuard.install()
    if let executable = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") {
      HDF5Probe.install([executable, probeWord])
    }
    do {
      if let text = try helpTopic(arguments) {
        try Terminal.output(text)
        return
      }
      let expanded = try ResponseFile.expand(arguments)
      invocation = Invocation(
        arguments: [CommandLine.arguments.first ?? "hsi"] + expanded.arguments, files: expanded.files)
      var command = try parseAsRoot(ArgumentSpelling.tolerated(expanded.arguments))
      try OptionRanges.check(command)
      try command.run()
      TerminalProgress.stop()
      Interruption.clearLine()
    } catch {
      TerminalProgress.stop()
      exit(with: error)
    }
  }

  /// The command line of this run, files of arguments expanded; set once, before anything runs.
  nonisolated(unsafe) private(set) static var invocation = Invocation(arguments: [])

  /// What `hsi help TOPIC` prints; nil where the parser's own help is meant.
  ///
  /// - Throws: `CoreError.invalidParameter` for a word that is neither topic nor command.
  private static func helpTopic(_ arguments: [String]) throws -> String? {
    guard arguments.count == 2, arguments[0] == "help", !arguments[1].hasPrefix("-") else { return nil }
    if let text = HelpTopics.text(arguments[1]) { return text }
    let commands = configuration.subcommands.compactMap { $0.configuration.commandName }
    guard !(commands + ["help"]).contains(arguments[1]) else { return nil }
    let topics = HelpTopics.all.map(\.name)
    throw CoreError.invalidParameter(
      name: "the topic", value: arguments[1] + Suggestion.text(for: arguments[1], in: commands + topics),
      requirement: "a command, or one of " + topics.joined(separator: ", "))
  }

  /// Identifier of what the parser of command lines refuses.
  private static let usageIdentifier = "E-USAGE"

  /// The first argument of a child that examines an HDF5 file for its parent.
  private static let probeWord = "_examine-hdf5"

  /// Prints an error in one line and exits; help and version go to standard output with code 0. Nothing of the failed
  /// work stays.
  private static func exit(with error: any Error) -> Never {
    if exitCode(for: error) == .success {
      let isWritten = (try? Terminal.output(HelpText.ordered(fullMessage(for: error)) + "\n")) != nil
      Foundation.exit(isWritten ? 0 : ExitCodes.output)
    }
    OutputFile.discardAll(finishedToo: true)
    if let error = error as? any HSIError {
      if error.category == .interrupted { Interruption.exitNow() }
      Terminal.error(error.message(spelling: OptionSpelling.spell))
      Foundation.exit(ExitCodes.code(for: error))
    }
    if exitCode(for: error) == .validationFailure {
      Terminal.error(unknownCommand(Array(invocation.arguments.dropFirst())) ?? usage(fullMessage(for: error)))
      Foundation.exit(ExitCodes.usage)
    }
    Terminal.error("\(error)")
    Foundation.exit(ExitCodes.processing)
  }

  /// `there is no command unmx (did you mean unmix?); see hsi --help [E-USAGE]`, where a word stands in the place of a
  /// subcommand and is none; nil where another thing is wrong.
  private static func unknownCommand(_ arguments: [String]) -> String? {
    var (command, words): (any ParsableCommand.Type, [String]) = (HSICommand.self, ["hsi"])
    for word in arguments {
      let known = command.configuration.subcommands
      guard !known.isEmpty, !word.hasPrefix("-") else { return nil }
      guard let next = known.first(where: { $0._commandName == word }) else {
        guard word != "help" else { return nil }
        return "there is no command \(word)\(Suggestion.text(for: word, in: known.map { $0._commandName })); see "
          + words.joined(separator: " ") + " --help [\(usageIdentifier)]"
      }
      (command, words) = (next, words + [word])
    }
    return nil
  }

  /// `Unknown option '--x'; see hsi unmix --help [E-USAGE]` from the message of the parser.
  private static func usage(_ message: String) -> String {
    let lines = message.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
    var text = lines.prefix { !$0.hasPrefix("Usage:") && !$0.hasPrefix("Help:") }.joined(separator: " ")
    if text.hasPrefix("Error: ") { text.removeFirst("Error: ".count) }
    let hint =
      lines.last.flatMap { $0.firstMatch(of: /See '(hsi[^']*)'/) }.map { "see \($0.1)" } ?? "see hsi --help"
    return text + (text.hasSuffix("?") ? " " : "; ") + hint + " [\(usageIdentifier)]"
  }
}

/// The name and version that `--version` prints and reports carry.
enum Version {
  static let number = ToolkitVersion.number
  static let text = "hsi \(number)"
}
