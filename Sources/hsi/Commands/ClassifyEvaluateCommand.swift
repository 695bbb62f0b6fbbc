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
  var map: InputPath

  @Argument(help: "Raster of classes on the same pixels, or polygons, with --attribute.")
  var labels: InputPath

  @Option(help: "Split whose test pixels are judged.")
  var split: InputPath?

  @Option(
    name: .customLong("run"),
    help: ArgumentHelp("Another map, with its split; repeatable.", valueName: "map[:split]"))
  var others: [JudgedMapPath] = []

  @Option(help: "The scene that was mapped (default: as MAP.prov.json says).")
  var scene: InputPath?

  @Option(help: "The model that mapped it (default: as MAP.prov.json says).")
  var model: WeightsPath?

  @Option(help: "Probability of the class in the map (default: the one beside it), for the reliability of the report.")
  var confidence: InputPath?

  @Option(help: "JSON report; - for standard output.")
  var report: OutputPath?

  @Option(help: "Self-contained HTML report.")
  var html: OutputPath?

  @Flag(help: "Replace existing outputs.")
  var overwrite = false

  @OptionGroup(title: "Labels") var labelOptions: LabelOptions
  @OptionGroup(title: "Running") var options: RunOptions

  func run() throws {
    let context = try options.makeContext()
    var job = ClassificationEvaluationJob(
      map: .init(map.text, split: split?.text), labels: try labelOptions.request(labels))
    job.maps += others.map(\.map)
    job.scene = scene?.text
    job.model = model?.text
    job.confidence = confidence?.text
    job.reports = ReportPlaces(json: report?.text, html: html?.text)
    job.overwrites = overwrite
    try Terminal.show(job.run(context))
  }
}
