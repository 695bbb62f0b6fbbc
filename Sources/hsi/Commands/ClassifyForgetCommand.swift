import ArgumentParser
import HSIKit

/// `hsi classify forget`.
struct ClassifyForgetCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "forget",
    abstract: "Make a trained network forget classes.",
    discussion: """
      For a class that was mislabelled, is confidential, or no longer occurs: needs a few labelled pixels of it and of \
      the classes to keep, not what the model learned from. Low-rank pairs are trained until the network takes pixels \
      of the class for others and embeds them as such, folded into its weights, and the class is masked: no pixel of a \
      map is given it. What it did is measured on test pixels: how often the class is still told, what a linear probe \
      finds of it, and how right the other classes are. Networks of the family lola-specvit can forget; to forget with \
      other models, train them without the class.

      Examples:
        hsi classify forget scene.tif labels.tif --from m.safetensors --class asphalt --out n.safetensors
      """)

  @Argument(help: "The cube.")
  var scene: InputPath

  @Argument(help: "Raster of classes on the same pixels, 0 is no class; or polygons, with --attribute.")
  var labels: InputPath

  @Option(help: "Model to make forget, of hsi classify train.")
  var from: WeightsPath

  @Option(name: .customLong("class"), help: "Classes to forget by name or value, comma-separated.")
  var forgotten: String

  @Option(help: "Most pixels of every class that are learned from.")
  var samples = 64

  @Option(help: "Steps of the training.")
  var steps = 400

  @Option(help: "Highest learning rate (default: 0.002).")
  var rate: Double?

  @OptionGroup var output: TrainingOutputs
  @OptionGroup(title: "Division") var division: SplitOptions
  @OptionGroup(title: "Labels") var labelOptions: LabelOptions
  @OptionGroup(title: "Input") var input: SceneOptions
  @OptionGroup(title: "Running") var options: SeededRunOptions

  func run() throws {
    let context = try options.makeContext()
    for (name, value, range) in [("--samples", samples, 1...100_000), ("--steps", steps, 1...1_000_000)]
    where !range.contains(value) {
      throw CoreError.invalidParameter(
        name: name, value: "\(value)", requirement: "from \(range.lowerBound) to \(range.upperBound)")
    }
    guard rate.map({ $0 > 0 && $0 <= 1 }) ?? true else {
      throw CoreError.invalidParameter(
        name: "--rate", value: "\(rate ?? .nan)", requirement: "above 0 and at most 1")
    }
    var job = ForgetJob(
      scene: try input.request(scene), labels: try labelOptions.request(labels), model: from.text,
      classes: forgotten.split(separator: ",").map(String.init), output: try output.request())
    (job.recipe.samples, job.recipe.steps) = (samples, steps)
    job.recipe.rate = rate ?? job.recipe.rate
    job.division = try output.division(division)
    try Terminal.finish(job.run(context), context)
  }
}
