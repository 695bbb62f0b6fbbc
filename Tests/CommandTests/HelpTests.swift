import Foundation
import Testing

/// The help of every command is what it was: a change is seen and meant. `HSI_REWRITE_SNAPSHOTS=1` rewrites it.
@Suite struct HelpTests {
  static let commands = [
    "", "info", "quicklook", "endmembers", "unmix", "denoise", "restore", "resample", "transform", "index", "spectra",
    "spectra info", "spectra convert",
    "spectra extract",
    "spectra plot", "spectra optimise", "spectra resample", "spectra stats",
    "simulate",
    "simulate scene", "simulate noise", "simulate degrade", "simulate labels", "classify", "classify split",
    "classify train",
    "classify finetune", "classify predict", "classify evaluate", "classify import", "evaluate", "evaluate unmixing",
    "evaluate restoration", "convert", "mosaic", "statistics", "statistics scene", "statistics merge",
    "model", "model info", "model convert", "model merge", "train", "train denoise", "train restore",
    "train predictor", "detect", "match", "cluster", "methods", "formats", "schema",
    "config", "config show",
    "completion", "batch", "batch plan", "batch run", "batch status", "batch report", "batch retry", "batch submit",
  ]

  @Test(arguments: commands) func matchesSnapshot(command: String) throws {
    let words = command.split(separator: " ").map(String.init)
    let result = try Tool.run(words + ["--help"], environment: ["COLUMNS": "80"])
    #expect(result.status == 0)
    #expect(result.errors.isEmpty)
    let name = (["hsi"] + words).joined(separator: "-") + ".txt"
    let file = Tool.package.appendingPathComponent("Tests/CommandTests/Fixtures/help/" + name)
    if ProcessInfo.processInfo.environment["HSI_REWRITE_SNAPSHOTS"] != nil {
      try FileManager.default.createDirectory(
        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(result.output.utf8).write(to: file)
    }
    #expect(try String(contentsOf: file, encoding: .utf8) == result.output, "see \(name)")
  }

  /// Commands that do something show how, in lines that a terminal does not break.
  @Test(arguments: commands.filter { !["spectra", "simulate", "evaluate", "model", "train", "config"].contains($0) })
  func hasExamples(command: String) throws {
    let result = try Tool.run(command.split(separator: " ").map(String.init) + ["--help"])
    let example = "  hsi " + command
    #expect(result.output.contains("\n" + example))
    #expect(
      result.output.split(separator: "\n")
        .allSatisfy { $0.count <= 80 || $0.hasPrefix("USAGE:") })
  }

  /// A command's own options stand above those that it shares with others, and options that mean nothing to it are not there.
  @Test func ownOptionsComeFirst() throws {
    let help = try Tool.run(["unmix", "--help"]).output
    let titles = help.matches(of: /(?m)^([A-Z]+):$/).map { String($0.output.1) }
    #expect(titles == ["ARGUMENTS", "OPTIONS", "PRODUCTS", "MAP", "INPUT", "OUTPUT", "RUNNING"])
    #expect(try Tool.run(["help", "unmix"]).output == help)
    #expect(help.contains("--seed") && help.contains("--keep-bad-channels"))
    let info = try Tool.run(["info", "--help"]).output
    #expect(!info.contains("--seed") && !info.contains("--keep-bad-channels"))
  }

  @Test func version() throws {
    let result = try Tool.run(["--version"])
    #expect(result.status == 0)
    #expect(result.output.wholeMatch(of: /hsi \d+\.\d+\.\d+\n/) != nil)
  }

  /// `docs/methods.md` holds the table that the command prints.
  @Test func methodsPageIsCurrent() throws {
    let page = try String(contentsOf: Tool.package.appendingPathComponent("docs/methods.md"), encoding: .utf8)
    let table = try Tool.run(["methods", "--markdown"]).output
    for line in table.split(separator: "\n") { #expect(page.contains(line), "docs/methods.md lacks \(line)") }
  }
}
