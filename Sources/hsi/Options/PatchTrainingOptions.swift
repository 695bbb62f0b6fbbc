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

  @OptionGroup var schedule: PatchScheduleOptions

  @Flag(help: "Replace existing outputs.")
  var overwrite = false

  @OptionGroup(title: "Input") var input: InputOptions
  @OptionGroup(title: "Running") var options: SeededRunOptions

  /// The job, for a network.
  func job<Subject: PatchSubject>(_ subject: Subject, variant: String) throws -> PatchTrainingJob<Subject> {
    let names = try InputList.names(scenes.map(\.text), separatedByNUL: null).map(InputPath.init(argument:))
    var job = PatchTrainingJob<Subject>(scenes: try names.map { try input.request($0) }, output: out.text)
    (job.training.subject, job.training.variant) = (subject, variant)
    job.training.adaptation = adaptation.adapter
    try schedule.apply(to: &job, input)
    job.weights = from?.text
    job.resumes = resume
    job.overwrites = overwrite
    return job
  }
}

/// How long and on what a network learns from patches.
struct PatchScheduleOptions: ParsableArguments {
  @Option(help: "Epochs (default: 20; 5 for hsi model prune).")
  var epochs: Int?

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

  @Option(help: "Highest learning rate (default: 0.002; 0.0002 for hsi model prune).")
  var rate: Double?

  @Option(
    help:
      "Scenes to judge by, comma-separated (default: the last one, kept out of the training when there are more)."
  )
  var validation: String?

  @Option(help: "Steps between evaluations.")
  var evaluateEvery = 200

  @Option(help: "Stop after so many minutes; --resume goes on.")
  var minutes: Double?

  /// Gives a job the schedule.
  func apply<Subject: PatchSubject>(to job: inout PatchTrainingJob<Subject>, _ input: InputOptions) throws {
    job.training.epochs = epochs ?? job.training.epochs
    job.training.rate = rate ?? job.training.rate
    (job.training.batch, job.training.evaluateEvery) = (batch, evaluateEvery)
    (job.training.patchesPerEpoch, job.training.patch, job.training.stride) = (patchesPerEpoch, patch, stride)
    (job.training.scales, job.training.bandSteps) = (scales, bandSteps)
    job.judges = try validation.map { list in
      try list.split(separator: ",").map { try input.request(InputPath(argument: String($0))) }
    }
    job.timeLimit = minutes.map { $0 * 60 }
  }
}
