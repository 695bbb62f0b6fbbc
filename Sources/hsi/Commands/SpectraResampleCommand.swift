import ArgumentParser
import HSIKit

/// `hsi spectra resample`.
struct SpectraResampleCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resample",
    abstract: "Bring a library to the bands of an instrument.",
    discussion: """
      Instruments and tables are those of hsi resample; hsi spectra convert --like SCENE takes the bands of a scene. \
      Bands that the library does not cover or resolve are left out, and one line says which.

      Examples:
        hsi spectra resample usgs.sli usgs_enmap.sli --to enmap
        hsi spectra resample lib.csv camera.csv --to bands.csv --interpolate
      """)

  @Argument(help: "A library, or a folder of spectra.")
  var library: InputPath

  @Argument(help: "Spectra to write: .sli (with .hdr) or .csv.")
  var destination: OutputPath

  @Option(help: ArgumentHelp("An instrument, or a table of bands or responses.", valueName: "instrument|file"))
  var to: InputPath

  @Flag(help: "Interpolate bands that are narrower than those of the library, rather than leave them out.")
  var interpolate = false

  @Flag(help: "Replace existing outputs.")
  var overwrite = false

  @OptionGroup(title: "Running") var options: RunOptions

  func run() throws {
    let context = try options.makeContext()
    var job = ResampleSpectraJob(library: library.text, output: destination.text, target: to.text)
    (job.interpolates, job.overwrites) = (interpolate, overwrite)
    try Terminal.finish(job.run(context), context)
  }
}

/// `hsi spectra stats`.
struct SpectraStatsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stats",
    abstract: "Numbers about a library, class by class: means, deviations, angles.",
    discussion: """
      Prints for every class its spectra, their mean value, and the mean and largest angle between them and their mean.

      Examples:
        hsi spectra stats library.sli
        hsi spectra stats lib.sli --classes level_2 --means means.sli
      """)

  @Argument(help: "A library, or a folder of spectra.")
  var library: InputPath

  @Option(
    help: ArgumentHelp(
      "Classes of the spectra: a column of the table beside the library, a table, or name (default: one class).",
      valueName: "column|file[:column]|name"))
  var classes: WordOrFilePath?

  @Option(help: "Write the mean spectra of the classes (.sli or .csv).")
  var means: OutputPath?

  @Option(help: "Write the standard deviations of the classes (.sli or .csv).")
  var deviation: OutputPath?

  @Flag(help: "Replace existing outputs.")
  var overwrite = false

  @OptionGroup(title: "Running") var options: RunOptions

  func run() throws {
    let context = try options.makeContext()
    var job = SpectraStatisticsJob(library: library.text)
    (job.classes, job.means, job.deviations) = (classes?.text, means?.text, deviation?.text)
    job.overwrites = overwrite
    try Terminal.finish(job.run(context), context)
  }
}
