import ArgumentParser
import HSIKit

/// `hsi evaluate`: results against references.
struct EvaluateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate", abstract: "Compare a result with a reference.",
    subcommands: [EvaluateUnmixingCommand.self, EvaluateRestorationCommand.self, EvaluateTransferCommand.self])
}

/// `hsi evaluate unmixing`: abundances (and endmembers) against ground truth.
struct EvaluateUnmixingCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "unmixing",
    abstract: "Compare abundances and endmembers with a reference, after optimal matching.",
    discussion: """
      Endmembers are matched by spectral angle when both spectra are given, else by abundance maps (Hungarian method). \
      RMSE, SRE and AAD are over the pixels that are valid in both.

      Examples:
        hsi evaluate unmixing abundances.tif --reference truth.tif
        hsi evaluate unmixing abundances.tif --reference truth.tif --endmembers found.sli \
      --reference-endmembers true.sli --json
        hsi evaluate unmixing abundances.tif --reference end3.mat --reference-var A
      """)

  @Argument(help: "Abundance maps to judge.")
  var result: InputPath

  @Option(help: "Reference abundance maps on the same grid.")
  var reference: InputPath

  @Option(help: "Endmembers of the result.")
  var endmembers: InputPath?

  @Option(help: "Endmembers of the reference.")
  var referenceEndmembers: InputPath?

  @Option(name: .customLong("reference-var"), help: "Array inside the reference file (MATLAB, HDF5).")
  var referenceVariable: String?

  @Option(
    help: "Match by sad or abundance (default: sad when both spectra are given).",
    completion: .list(["sad", "abundance"]))
  var match: String?

  @Flag(help: "Angles in degrees.")
  var degrees = false

  @Flag(help: "JSON on standard output.")
  var json = false

  @OptionGroup(title: "Running") var options: RunOptions

  func run() throws {
    let context = try options.makeContext()
    var evaluation = UnmixingEvaluation(result: result.text, reference: reference.text)
    evaluation.referenceVariable = referenceVariable
    guard (endmembers == nil) == (referenceEndmembers == nil) else {
      throw CoreError.invalidParameter(
        name: "spectra", value: "given for one side", requirement: "given for both or for neither")
    }
    if let endmembers, let referenceEndmembers { evaluation.endmembers = (endmembers.text, referenceEndmembers.text) }
    evaluation.match = try match.map { try choice("--match", $0, "sad or abundance") }
    evaluation.usesDegrees = degrees
    let figures = try evaluation.run(context)
    try Terminal.output(json ? figures.json() + "\n" : figures.text())
  }
}
