import ArgumentParser
import HSIKit

/// `hsi simulate labels`.
struct SimulateLabelsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "labels",
    abstract: "Make a raster of classes from abundances: the largest one where it is large enough.",
    discussion: """
      A pixel has the class of its largest abundance where that reaches --purity, and no class elsewhere. Classes are \
      numbered from 1 in the order of the abundance bands and named after them.

      Examples:
        hsi simulate labels scene_abundances.dat labels.dat --purity 0.7
      """)

  @Argument(help: "Abundances, one band each.")
  var abundances: InputPath

  @Argument(help: "The raster of classes to write (GeoTIFF, or by extension or --of).")
  var destination: OutputPath

  @Option(help: "Least abundance of a pixel that has a class, above 0.")
  var purity = 0.7

  @OptionGroup(title: "Output") var output: WritingOptions
  @OptionGroup(title: "Running") var options: RunOptions

  func run() throws {
    let context = try options.makeContext()
    guard purity > 0, purity <= 1 else {
      throw CoreError.invalidParameter(name: "--purity", value: "\(purity)", requirement: "above 0 and at most 1")
    }
    var job = SimulateLabelsJob(abundances: abundances.text, output: destination.text)
    job.purity = purity
    job.writing = try output.writing()
    _ = try job.run(context)
  }
}
