import ArgumentParser
import HSIKit

/// `hsi classify evaluate`.
struct ClassifyEvaluateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate",
    abstract: "Judge a map by labels: OA, AA, kappa, precision, recall, F1, confusion.",
    discussion: """
      Judges the test pixels of --split; without one all labelled pixels, which is said, for those the model learned \
      from are among them. Scene and model of the map are found in MAP.prov.json, or given; the report shows spectra \
      and the training curve then. Maps of other seeds are added with --run: the report gives mean and deviation.

      Examples:
        hsi classify evaluate map.tif labels.tif --split split.tif
        hsi classify evaluate map.tif labels.tif --split split.tif \
      --report r.json --html r.html
        hsi classify evaluate m0.tif labels.tif --split s0.tif --run m1.tif:s1.tif \
      --run m2.tif:s2.tif
      """)

  @Argument(help: "The map.")
  var map: String

  @Argument(help: "Raster of classes on the same pixels.")
  var labels: String

  @Option(help: "Split whose test pixels are judged.")
  var split: String?

  @Option(
    name: .customLong("run"),
    help: ArgumentHelp("Another map, with its split; repeatable.", valueName: "map[:split]"))
  var others: [String] = []

  @Option(help: "The scene that was mapped (default: as MAP.prov.json says).")
  var scene: String?

  @Option(help: "The model that mapped it (default: as MAP.prov.json says).")
  var model: String?

  @Option(help: "JSON report; - for standard output.")
  var report: String?

  @Option(help: "Self-contained HTML report.")
  var html: String?

  @Flag(help: "Replace existing outputs.")
  var overwrite = false

  @OptionGroup(title: "Labels") var labelOptions: LabelOptions
  @OptionGroup(title: "Running") var options: RunOptions

  func run() throws {
    let context = try options.makeContext()
    try EvaluateJob(
      mapPath: map, labelsPath: labels, splitPath: split, others: others, scenePath: scene, modelPath: model,
      reportPath: report, htmlPath: html, overwrite: overwrite, labelOptions: labelOptions, context: context
    ).run()
  }
}
