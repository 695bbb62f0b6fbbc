import ArgumentParser
import Foundation
import HSIKit

/// `hsi classify train`.
struct ClassifyTrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Learn classes from labelled pixels of a scene.",
    discussion: """
      Learns from the training pixels of --split, or of a split made here (disjoint blocks by default; --split-out \
      keeps it). Scaling and components are fitted on training pixels only unless --transductive. The model file \
      holds everything: classes with values, names and colours, wavelengths, features, how pixels were divided. \
      Models and their parameters: hsi methods.

      Examples:
        hsi classify train scene.tif labels.tif --model svm --out model.safetensors
        hsi classify train s.tif l.tif --model random-forest --split split.tif \
      --out rf.safetensors
        hsi classify train s.tif l.tif --model svm --set C=100 --set gamma=1 \
      --out m.safetensors
      """)

  @Argument(help: "The cube.")
  var scene: String

  @Argument(help: "Raster of classes on the same pixels: 0 is no class.")
  var labels: String

  @Option(help: "Classifier; see hsi methods.")
  var model = "lola-specvit-tiny"

  @Option(
    help: ArgumentHelp("Parameter of the classifier, repeatable; see hsi methods NAME.", valueName: "name=value"))
  var set: [String] = []

  @Flag(help: "Fit scaling and components on all pixels of the scene, not only on training pixels.")
  var transductive = false

  @OptionGroup var output: TrainingOutputs
  @OptionGroup(title: "Division") var division: SplitOptions
  @OptionGroup(title: "Labels") var labelOptions: LabelOptions
  @OptionGroup(title: "Input") var input: InputOptions
  @OptionGroup(title: "Running") var options: RunOptions

  func run() throws {
    let context = try options.makeContext()
    let values = try MethodOptions.values(set)
    let classifier = try Classifiers.named(model, values)
    let description = try Classifiers.entry(model).description
    var provenance = Provenance(
      options: values.mapValues { "\($0)" }.merging(
        ["scene": scene, "labels": labels, "model": description.id, "transductive": "\(transductive)"]) { $1 },
      version: Version.number, libraries: Libraries.ofClassification, context: context)
    try output.check(inputs: [scene, labels])
    let request = try division.request(defaultGuard: max(1, classifier.patchRadius))
    let training = try TrainingScene.load(
      scene: scene, labels: labels, division: output.division(request), loadsAll: transductive, input: input,
      labelOptions: labelOptions, patchRadius: classifier.patchRadius, context: context
    ) { classifier.trainingBytes($0, samples: $1, classes: $2) }
    let task = training.task(isTransductive: transductive)
    try task.check()
    var clock = Stopwatch()
    let trained = try classifier.train(task, context)
    let seconds = clock.lap()
    var result = ClassificationModel(
      trained, classes: training.labels.classes, axis: training.scene.metadata.axis,
      trainingCounts: task.trainingCounts, split: training.split.facts)
    let facts = TrainedFacts(
      task: task, split: training.split.facts, scene: scene, labels: labels, seconds: seconds, seed: context.seed)
    facts.write(on: &result.card)
    result.card.normalisation = transductive ? "fitted on all pixels of the scene" : "fitted on training pixels"
    try output.writeSplit(of: training, inputs: training.files, context)
    try result.write(to: output.out, overwrite: output.overwrite, inputs: training.files)
    provenance.addInputs(training.files)
    try output.write(&provenance, context)
    context.logger.notice("\(description.id) learned from \(facts.summary), in \(String(format: "%.1f", seconds)) s")
  }
}
