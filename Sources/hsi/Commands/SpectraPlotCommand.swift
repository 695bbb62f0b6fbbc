import ArgumentParser
import HSIKit

/// `hsi spectra plot`.
struct SpectraPlotCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plot",
    abstract: "Draw the spectra of a library: an SVG, a PNG, or a page with a table of values.",
    discussion: """
      Bad bands are shaded and left out of the curves; detectors whose ranges overlap are drawn apart. Of more than 24 \
      spectra no names are drawn; the page lists them.

      Examples:
        hsi spectra plot library.sli library.svg
        hsi spectra plot library.csv library.html
        hsi spectra plot splib07/ few.png --select kaolinite,alunite
      """)

  @Argument(help: "A library, a spectrum, or a folder of spectra.")
  var library: InputPath

  @Argument(help: "The picture (.svg or .png) or page (.html).")
  var picture: OutputPath

  @Option(help: "Draw the spectra with these names (comma-separated; a part of a name is enough).")
  var select: String?

  @Flag(help: "Replace an existing picture.")
  var overwrite = false

  @OptionGroup(title: "Running") var options: RunOptions

  func run() throws {
    let context = try options.makeContext()
    var job = PlotSpectraJob(library: library.text, output: picture.text)
    job.selected = select?.split(separator: ",").map(String.init) ?? []
    job.overwrites = overwrite
    try Terminal.show(job.run(context))
  }
}
