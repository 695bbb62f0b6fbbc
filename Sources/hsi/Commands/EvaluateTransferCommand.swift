import ArgumentParser
import HSIKit

/// `hsi evaluate transfer`: classifiers on bands that they did not learn from.
struct EvaluateTransferCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "transfer",
    abstract: "Measure how accurate classifiers stay with other bands than those they learned from.",
    discussion: """
      The first --trained-share of the good bands, by wavelength, is learned from; test pixels are mapped with these bands, \
      with as many of the last ones (shifted), with those that were not learned from (disjoint), and with all. With \
      --instruments a second model learns from all bands and maps the scene as these instruments would show it. \
      Classifiers of fixed bands get the bands of their model by resampling, from the nearest where none is near.

      Examples:
        hsi evaluate transfer scene.tif labels.tif --model less-tiny,svm,gml
        hsi evaluate transfer s.tif l.tif --model less-tiny,svm --from base.safetensors \
      --instruments prisma,aviris --runs 5
        hsi evaluate transfer s.tif l.tif --model svm --scheme fixed --train 10 --json
      """)

  @Argument(help: "The cube; its bands have wavelengths.")
  var scene: InputPath

  @Argument(help: "Raster of classes on the same pixels, 0 is no class; or polygons, with --attribute.")
  var labels: InputPath

  @Option(help: "Classifiers, separated by commas; see hsi methods.", completion: NameCompletion.methods(.classify))
  var model = "less-tiny,svm,gml"

  @Option(
    help: ArgumentHelp(
      "Parameter of all classifiers that have it, repeatable; see hsi methods NAME.", valueName: "name=value"))
  var set: [String] = []

  @Option(help: ArgumentHelp("Share of the bands to learn from.", valueName: "share"))
  var trainedShare = 0.6

  @Option(
    help: ArgumentHelp(
      "Instruments to show the scene as: aviris, enmap, casi, hyperion, prisma, emit, desis.", valueName: "names"))
  var instruments: String?

  @Option(help: "Runs with seeds of their own.")
  var runs = 1

  @Flag(help: "JSON on standard output.")
  var json = false

  @Option(help: "Split to follow, a raster of hsi classify split.")
  var split: InputPath?

  @OptionGroup(title: "Start of classifiers that can be pre-trained") var start: StartOptions
  @OptionGroup(title: "Division") var division: SplitOptions
  @OptionGroup(title: "Labels") var labelOptions: LabelOptions
  @OptionGroup(title: "Input") var input: InputOptions
  @OptionGroup(title: "Running") var options: SeededRunOptions

  func run() throws {
    let context = try options.makeContext()
    guard (1...1000).contains(runs) else {
      throw CoreError.invalidParameter(name: "--runs", value: "\(runs)", requirement: "from 1 to 1000")
    }
    guard trainedShare > 0, trainedShare < 1 else {
      throw CoreError.invalidParameter(
        name: "--trained-share", value: "\(trainedShare)", requirement: "between 0 and 1")
    }
    let (values, start) = (try MethodOptions.values(set), try start.request)
    var evaluation = TransferEvaluation(
      try input.request(scene), try labelOptions.request(labels),
      try TransferEvaluation.Entrant.list(model, values: values, start: start))
    let made = try division.division()
    evaluation.division = split.map { .file($0.text) } ?? made
    evaluation.share = trainedShare
    evaluation.instruments = instruments?.split(separator: ",").map(String.init) ?? []
    evaluation.runs = runs
    let table = try evaluation.run(context)
    try Terminal.output(json ? table.json() + "\n" : table.text)
  }
}
