import ArgumentParser
import HSIKit

/// `hsi classify predict`.
struct ClassifyPredictCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "predict",
    abstract: "Map the classes of a scene with a trained model.",
    discussion: """
      The map has the values, names and colours of the classes the model was trained on; 0 is no data. A scene with \
      other wavelengths is resampled where its range allows, which is said, and refused where not (exit code 7). \
      Works strip by strip within --memory. --all writes every product beside MAP under its name: probabilities, \
      confidence, picture, JSON and HTML reports.

      Examples:
        hsi classify predict scene.tif map.tif --model model.safetensors
        hsi classify predict scene.hdr map.dat --model m.safetensors --prob p.tif \
      --confidence c.tif
        hsi classify predict scene.tif map.tif --model m.safetensors \
      --quicklook map.png
        hsi classify predict scene.tif map.tif --model svm.safetensors \
      --with rf.safetensors --with less.safetensors --entropy doubt.tif
      """)

  @Argument(help: "The cube.")
  var scene: InputPath

  @Argument(help: "The map to write (GeoTIFF, or by extension or --of).")
  var destination: OutputPath

  @Option(help: "Model file of hsi classify train.")
  var model: WeightsPath

  @Option(help: "Adapter of hsi classify finetune for this model.")
  var adapter: WeightsPath?

  @Option(
    name: .customLong("with"),
    help: ArgumentHelp(
      "Average probabilities with those of this model of the same classes (an ensemble); repeatable.",
      valueName: "model"))
  var companions: [WeightsPath] = []

  @OptionGroup(title: "Products") var products: PredictProductOptions
  @OptionGroup(title: "Map") var map: MapOptions
  @OptionGroup(title: "Input") var input: SceneOptions
  @OptionGroup(title: "Output") var output: WritingOptions
  @OptionGroup(title: "Running") var options: RunOptions

  func run() throws {
    let context = try options.makeContext()
    var job = PredictJob(scene: try input.request(scene), output: destination.text, model: model.text)
    job.adapter = adapter?.text
    job.companions = companions.map(\.text)
    job.products = products.request()
    job.writing = try output.writing()
    job.records = map.records(products.reports.records)
    try Terminal.finish(job.run(context), context)
  }
}

/// What to write beside the map.
struct PredictProductOptions: ParsableArguments {
  @Flag(name: .customLong("all"), help: "Write every product beside the map, named after it.")
  var everything = false

  @Option(help: "Probabilities of all classes, float32, one band each.")
  var prob: OutputPath?

  @Option(help: "Probability of the class in the map, float32.")
  var confidence: OutputPath?

  @Option(help: "Entropy of the probabilities, 0 certain to 1 all alike, float32.")
  var entropy: OutputPath?

  @Option(help: "How far the class in the map is ahead of the next one, float32.")
  var margin: OutputPath?

  @Option(help: "Picture of the map (.png).")
  var quicklook: OutputPath?

  @OptionGroup var reports: ReportOptions

  /// The same for the job.
  func request() -> PredictProductRequest {
    var request = PredictProductRequest()
    request.everything = everything
    request.probabilities = prob?.text
    request.confidence = confidence?.text
    (request.entropy, request.margin) = (entropy?.text, margin?.text)
    request.quicklook = quicklook?.text
    request.reports = reports.places
    return request
  }
}
