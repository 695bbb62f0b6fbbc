import ArgumentParser
import HSIKit

/// `hsi classify finetune`.
struct ClassifyFinetuneCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "finetune",
    abstract: "Adapt a trained network to another scene.",
    discussion: """
      Learns a small file beside the model: adapters at its linear maps (by default low-rank pairs of rank 8), or \
      changes of a part of its weights, and its last layer; the model itself and its features stay as they are. The \
      labels may have other classes. Use both files with hsi classify predict --model M --adapter A. Networks of the \
      families lola-specvit and less can be adapted; other models cannot (exit code 7).

      Examples:
        hsi classify finetune scene.tif labels.tif --from m.safetensors --out a.safetensors
        hsi classify finetune s.tif l.tif --from m.safetensors --adapter s2ft --out a.safetensors
      """)

  @Argument(help: "The cube.")
  var scene: InputPath

  @Argument(help: "Raster of classes on the same pixels, 0 is no class; or polygons, with --attribute.")
  var labels: InputPath

  @Option(help: "Model to adapt, of hsi classify train.")
  var from: WeightsPath

  @OptionGroup var adaptation: AdaptationOptions

  @Option(help: "Passes over the training pixels (default: 30).")
  var epochs: Int?

  @Option(help: "Highest learning rate (default: that of the networks).")
  var rate: Double?

  @OptionGroup var output: TrainingOutputs
  @OptionGroup(title: "Division") var division: SplitOptions
  @OptionGroup(title: "Labels") var labelOptions: LabelOptions
  @OptionGroup(title: "Input") var input: SceneOptions
  @OptionGroup(title: "Running") var options: SeededRunOptions

  func run() throws {
    let context = try options.makeContext()
    guard (1...100_000).contains(epochs ?? 1), rate.map({ $0 > 0 && $0 <= 1 }) ?? true else {
      throw CoreError.invalidParameter(
        name: "--epochs or --rate", value: "\(epochs.map { "\($0)" } ?? "-"), \(rate.map { "\($0)" } ?? "-")",
        requirement: "epochs from 1, a rate above 0 and at most 1")
    }
    var job = FinetuneJob(
      scene: try input.request(scene), labels: try labelOptions.request(labels), model: from.text,
      output: try output.request())
    job.adaptation = adaptation.adapter ?? job.adaptation
    job.epochs = epochs
    job.rate = rate
    job.division = try output.division(division)
    try Terminal.finish(job.run(context), context)
  }
}
