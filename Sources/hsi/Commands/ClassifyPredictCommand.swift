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
      Works strip by strip within --memory.

      Examples:
        hsi classify predict scene.tif map.tif --model model.safetensors
        hsi classify predict scene.hdr map.dat --model m.safetensors --prob p.tif \
      --confidence c.tif
        hsi classify predict scene.tif map.tif --model m.safetensors \
      --quicklook map.png
      """)

  @Argument(help: "The cube.")
  var scene: String

  @Argument(help: "The map to write (GeoTIFF, or by extension or --of).")
  var destination: String

  @Option(help: "Model file of hsi classify train.")
  var model: String

  @Option(help: "Adapter of hsi classify finetune for this model.")
  var adapter: String?

  @OptionGroup(title: "Products") var products: PredictProductOptions
  @OptionGroup(title: "Input") var input: SceneOptions
  @OptionGroup(title: "Output") var output: WritingOptions
  @OptionGroup(title: "Running") var options: RunOptions

  func run() throws {
    let context = try options.makeContext()
    var trained = try ClassificationModel.read(model)
    if let adapter { trained = try trained.adapted(by: adapter, model: model) }
    try PredictJob(
      scenePath: scene, mapPath: destination, modelPath: model, adapterPath: adapter, model: trained, products: products,
      input: InputOptions(scene: input), output: output, modelFiles: [model] + (adapter.map { [$0] } ?? []), context: context
    ).run()
  }
}

/// What to write beside the map.
struct PredictProductOptions: ParsableArguments {
  @Option(help: "Probabilities of all classes, float32, one band each.")
  var prob: String?

  @Option(help: "Probability of the class in the map, float32.")
  var confidence: String?

  @Option(help: "Picture of the map (.png).")
  var quicklook: String?

  @Flag(help: "Do not write OUT.prov.json.")
  var noProv = false
}
