import ArgumentParser
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
      Without --model it compares committees of classifiers, their features and smoothing on folds of the training \
      pixels that lie apart, and says what it takes. Models and their parameters: hsi methods.

      Examples:
        hsi classify train scene.tif labels.tif --out model.safetensors
        hsi classify train scene.tif labels.tif --model svm --out model.safetensors
        hsi classify train scene.tif plots.geojson --attribute crop --model svm \
      --out model.safetensors
        hsi classify train s.tif l.tif --model random-forest --split split.tif \
      --out rf.safetensors
        hsi classify train s.tif l.tif --model less-tiny --from base.safetensors \
      --adapter lora:r=8 --out less.safetensors
        hsi classify train s.tif l.tif --model svm --set C=100 --set gamma=1 \
      --out m.safetensors
      """)

  @Argument(help: "The cube.")
  var scene: InputPath

  @Argument(help: "Raster of classes on the same pixels, 0 is no class; or polygons, with --attribute.")
  var labels: InputPath

  @Option(help: "Classifier; see hsi methods.", completion: NameCompletion.methods(.classify))
  var model = "auto"

  @Option(
    help: ArgumentHelp("Parameter of the classifier, repeatable; see hsi methods NAME.", valueName: "name=value"))
  var set: [String] = []

  @Option(
    help: ArgumentHelp(
      "Smooth the map along edges: none, epf, or auto, where that helps.",
      discussion: "Decided on spatial folds of the training pixels; auto for the model auto, none for others."))
  var refine: Refinement?

  @Flag(help: "Fit scaling and components on all pixels of the scene, not only on training pixels.")
  var transductive = false

  @OptionGroup(title: "Start") var start: StartOptions
  @OptionGroup var output: TrainingOutputs
  @OptionGroup(title: "Division") var division: SplitOptions
  @OptionGroup(title: "Labels") var labelOptions: LabelOptions
  @OptionGroup(title: "Input") var input: InputOptions
  @OptionGroup(title: "Running") var options: SeededRunOptions

  func run() throws {
    let context = try options.makeContext()
    var job = TrainJob(
      scene: try input.request(scene), labels: try labelOptions.request(labels), model: model,
      output: try output.request())
    job.values = try MethodOptions.values(set)
    job.division = try output.division(division)
    job.isTransductive = transductive
    job.start = try start.request
    job.refinement = refine
    try Terminal.finish(job.run(context), context)
  }
}

extension Refinement: ExpressibleByArgument {}
