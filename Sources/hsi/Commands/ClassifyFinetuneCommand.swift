import ArgumentParser
import HSIKit

/// `hsi classify finetune`.
struct ClassifyFinetuneCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "finetune",
    abstract: "Adapt a trained network to another scene with low-rank adapters.",
    discussion: """
      Examples:
        hsi classify finetune scene.tif labels.tif --from model.safetensors \
      --lora r=8 --out adapter.safetensors
      """)

  @Argument(help: "The cube.")
  var scene: String

  @Argument(help: "Raster of classes on the same pixels.")
  var labels: String

  @Option(help: "Model to adapt, of hsi classify train.")
  var from: String

  @Option(help: ArgumentHelp("Size of the adapters.", valueName: "r=8[,alpha=16]"))
  var lora = "r=8"

  @Option(help: "Adapter file to write (.safetensors).")
  var out: String

  @OptionGroup(title: "Running") var options: RunOptions

  func run() throws {
    let model = try ClassificationModel.read(from)
    let entry = try Classifiers.entry(model.classifier.id)
    throw ClassificationError.notAdaptable(model: from, kind: entry.description.name)
  }
}
