import ArgumentParser
import Foundation
import HSIKit

/// `hsi classify finetune`.
struct ClassifyFinetuneCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "finetune",
    abstract: "Adapt a trained network to another scene with low-rank adapters.",
    discussion: """
      Learns a small file beside the model: low-rank pairs at its linear maps and its last layer; the model itself and its \
      features stay as they are. The labels may have other classes. Use both files with hsi classify predict --model \
      M --adapter A. Networks of the family lola-specvit can be adapted; other models cannot (exit code 7).

      Examples:
        hsi classify finetune scene.tif labels.tif --from model.safetensors \
      --lora r=8 --out adapter.safetensors
      """)

  @Argument(help: "The cube.")
  var scene: String

  @Argument(help: "Raster of classes on the same pixels: 0 is no class.")
  var labels: String

  @Option(help: "Model to adapt, of hsi classify train.")
  var from: String

  @Option(help: ArgumentHelp("Size of the adapters.", valueName: "r=8[,alpha=16]"))
  var lora = "r=8"

  @Option(help: "Passes over the training pixels (default: 30).")
  var epochs: Int?

  @Option(help: "Highest learning rate (default: that of the networks).")
  var rate: Double?

  @OptionGroup var output: TrainingOutputs
  @OptionGroup(title: "Division") var division: SplitOptions
  @OptionGroup(title: "Labels") var labelOptions: LabelOptions
  @OptionGroup(title: "Input") var input: SceneOptions
  @OptionGroup(title: "Running") var options: RunOptions

  func run() throws {
    let context = try options.makeContext()
    let size = try LoRAOption.parse(lora)
    guard (1...100_000).contains(epochs ?? 1), rate.map({ $0 > 0 && $0 <= 1 }) ?? true else {
      throw CoreError.invalidParameter(
        name: "--epochs or --rate", value: "\(epochs.map { "\($0)" } ?? "-"), \(rate.map { "\($0)" } ?? "-")",
        requirement: "epochs from 1, a rate above 0 and at most 1")
    }
    let model = try ClassificationModel.read(from)
    guard let base = model.classifier as? any AdaptableClassifier else {
      throw ClassificationError.notAdaptable(
        model: from, kind: try Classifiers.entry(model.classifier.id).description.name)
    }
    var provenance = Provenance(
      options: ["scene": scene, "labels": labels, "from": from, "lora": lora], version: Version.number,
      libraries: Libraries.ofClassification, context: context)
    try output.check(inputs: [scene, labels, from])
    let radius = model.classifier.patchRadius
    let request = try division.request(defaultGuard: max(1, radius))
    let training = try TrainingScene.load(
      scene: scene, labels: labels, division: output.division(request), matching: model.axis,
      model: from, input: InputOptions(scene: input), labelOptions: labelOptions, patchRadius: radius, context: context
    ) { shape, _, _ in model.classifier.predictionBytes(samples: shape.samples).fixed }
    let task = training.task(isTransductive: false)
    try task.check()
    let classes = training.labels.classes
    var clock = Stopwatch()
    let adapter = try base.finetuned(
      task, lora: size, keepsHead: classes.values == model.classes.values, epochs: epochs, rate: rate, context)
    let facts = TrainedFacts(
      task: task, split: training.split.facts, scene: scene, labels: labels, seconds: clock.lap(), seed: context.seed)
    var card = ModelCard(architecture: model.classifier.id)
    facts.write(on: &card)
    card.source = (from as NSString).lastPathComponent
    let files = training.files + [from]
    try output.writeSplit(of: training, inputs: files, context)
    try model.write(
      adapter, card: card, classes: classes, trainingCounts: task.trainingCounts, split: training.split.facts,
      to: output.out, overwrite: output.overwrite, inputs: files)
    provenance.addInputs(training.files)
    provenance.addInputs([from], hashData: true)
    try output.write(&provenance, context)
    context.logger.notice(
      "adapter of rank \(size.rank) learned from \(facts.summary), in \(String(format: "%.1f", facts.seconds)) s")
  }
}
