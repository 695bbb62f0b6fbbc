import ArgumentParser
import HSIKit

/// What trainings on patches of clean scenes have in common.
struct PatchTrainingOptions: ParsableArguments {
  @Argument(help: "Clean scenes; bad bands are left out. - reads their names from standard input.")
  var scenes: [InputPath]

  @Flag(help: "Names on standard input are separated by NUL (also -0).")
  var null = false

  @Option(help: "Weights to write (.safetensors).")
  var out: OutputPath

  @Option(help: "Weights to start from.")
  var from: WeightsPath?

  @OptionGroup var adaptation: AdaptationOptions

  @Flag(help: "Continue the run whose state is beside OUT.")
  var resume = false

  @Option(help: "Epochs.")
  var epochs = 20

  @Option(help: "Patches per epoch (default: all).")
  var patchesPerEpoch: Int?

  @Option(help: "Edge of a patch in pixels.")
  var patch = 64

  @Option(help: "Distance between patches in pixels (default: the edge).")
  var stride: Int?

  @Option(help: "Reductions of the scenes at which patches are cut, e.g. 1,2,4.")
  var scales = "1,2"

  @Option(help: "Take every k-th band, for each k listed.")
  var bandSteps = "1,2,4"

  @Option(help: "Patches per step.")
  var batch = 16

  @Option(help: "Highest learning rate.")
  var rate = 2e-3

  @Option(
    help:
      "Scenes to judge by, comma-separated (default: the last one, kept out of the training when there are more)."
  )
  var validation: String?

  @Option(help: "Steps between evaluations.")
  var evaluateEvery = 200

  @Option(help: "Stop after so many minutes; --resume goes on.")
  var minutes: Double?

  @Flag(help: "Replace existing outputs.")
  var overwrite = false

  @OptionGroup(title: "Input") var input: InputOptions
  @OptionGroup(title: "Running") var options: SeededRunOptions

  /// The job, for a network.
  func job<Subject: PatchSubject>(_ subject: Subject, variant: String) throws -> PatchTrainingJob<Subject> {
    let names = try InputList.names(scenes.map(\.text), separatedByNUL: null).map(InputPath.init(argument:))
    var job = PatchTrainingJob<Subject>(scenes: try names.map { try input.request($0) }, output: out.text)
    var request = PatchTraining<Subject>()
    (request.subject, request.variant, request.adaptation) = (subject, variant, adaptation.adapter)
    (request.epochs, request.batch, request.rate) = (epochs, batch, rate)
    (request.patchesPerEpoch, request.patch, request.stride) = (patchesPerEpoch, patch, stride)
    (request.scales, request.bandSteps, request.evaluateEvery) = (scales, bandSteps, evaluateEvery)
    job.training = request
    job.weights = from?.text
    job.judges = try validation.map { list in
      try list.split(separator: ",").map { try input.request(InputPath(argument: String($0))) }
    }
    job.resumes = resume
    job.timeLimit = minutes.map { $0 * 60 }
    job.overwrites = overwrite
    return job
  }
}
