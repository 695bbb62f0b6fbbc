import ArgumentParser
import HSIKit

/// `hsi spectra optimise`.
struct SpectraOptimiseCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "optimise",
    abstract: "Choose the spectra of a library that stand best for their classes.",
    discussion: """
      ear: least RMSE when modelling the others of the class; masa: least angle to them; cob: models most of them, and \
      fewest of other classes; ies: the set that classifies the library best. A spectrum models another by itself and shade. \
      amuses: those that a scene calls for (their distance from its eigenvectors) and that differ; classes do not matter.

      Examples:
        hsi spectra optimise library.sli few.sli --by ear --classes level_2
        hsi spectra optimise lib.sli few.sli --by ies --classes c.csv --table t.csv
        hsi spectra optimise lib.sli few.sli --by amuses --scene scene.hdr
      """)

  @Argument(help: "A library, or a folder of spectra.")
  var library: InputPath

  @Argument(help: "Spectra to write: .sli (with .hdr) or .csv.")
  var destination: OutputPath

  @Option(
    help: ArgumentHelp("ear, masa, cob, ies or amuses.", valueName: "criterion"),
    completion: NameCompletion.cases(of: OptimiseSpectraJob.Criterion.self))
  var by = OptimiseSpectraJob.Criterion.ear.rawValue

  @Option(
    help: ArgumentHelp(
      """
      Classes of the spectra: a column of the table beside the library (LIB.csv of LIB.sli), a table of names and classes, or name \\
      (the letters that the names begin with).
      """,
      valueName: "column|file[:column]|name"))
  var classes: WordOrFilePath?

  @Option(help: ArgumentHelp("The scene that amuses chooses for, on its good bands.", valueName: "scene"))
  var scene: InputPath?

  @Option(help: "Spectra of every class (not ies, amuses).")
  var perClass = 3

  @Option(help: "RMSE up to which a spectrum counts as modelled, in reflectance (cob, ies).")
  var maxRmse = 0.025

  @Option(help: "Table of the measures of all spectra (.csv).")
  var table: OutputPath?

  @Flag(help: "Replace existing outputs.")
  var overwrite = false

  @OptionGroup(title: "Running") var options: RunOptions

  func run() throws {
    let context = try options.makeContext()
    var job = OptimiseSpectraJob(library: library.text, output: destination.text, classes: classes?.text)
    job.criterion = try choice("--by", by)
    job.scene = scene.map { SceneRequest($0.text) }
    job.perClass = perClass
    job.maxRMSE = maxRmse
    job.table = table?.text
    job.overwrites = overwrite
    try Terminal.finish(job.run(context), context)
  }
}
