import ArgumentParser
import HSIKit

/// `hsi embed`.
struct EmbedCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "embed",
    abstract: "Features of every pixel by a pre-trained network, as a raster.",
    discussion: """
      Writes what a network of hsi pretrain makes of the neighbourhood of every pixel: the principal components of its \
      features, strongest first, for classifiers, clustering and change detection in any other tool. The scene needs \
      wavelengths, but not the bands of the training. Georeference, time and no-data pixels are those of the scene.

      Examples:
        hsi embed scene.tif features.tif --model base.safetensors
        hsi embed scene.hdr features.dat --model base.safetensors --components 0
      """)

  @Argument(help: "The cube.")
  var scene: InputPath

  @Argument(help: "The features to write (float32).")
  var destination: OutputPath

  @Option(help: "Weights of hsi pretrain.")
  var model: WeightsPath

  @Option(help: "Principal components to write; 0 for the features themselves.")
  var components = 16

  @Option(help: "Most bands of a pass, evenly spread.")
  var mostBands = 48

  @OptionGroup(title: "Records") var records: RecordOptions

  @OptionGroup(title: "Map") var map: MapOptions
  @OptionGroup(title: "Input") var input: SceneOptions
  @OptionGroup(title: "Output") var output: WritingOptions
  @OptionGroup(title: "Running") var options: RunOptions

  func run() throws {
    let context = try options.makeContext()
    guard (0...4096).contains(components) else {
      throw CoreError.invalidParameter(name: "--components", value: "\(components)", requirement: "from 0 to 4096")
    }
    guard mostBands >= 1 else {
      throw CoreError.invalidParameter(name: "--most-bands", value: "\(mostBands)", requirement: "a number from 1")
    }
    var job = EmbedJob(scene: try input.request(scene), output: destination.text, model: model.text)
    (job.components, job.mostBands) = (components, mostBands)
    job.writing = try output.writing()
    job.records = map.records(records)
    try Terminal.show(job.run(context))
  }
}
