import ArgumentParser
import HSIKit

/// `hsi model prune`.
struct ModelPruneCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "prune", abstract: "Make a network sparse and its file smaller.",
    discussion: """
      Of the weights of matrices and kernels those of largest magnitude stay: two of every four neighbouring inputs \
      (2:4), or a share of all. With --train what stays is trained (SR-STE): clean scenes for a network that denoises \
      or restores, one scene with --labels for a classifier. Zeros are left out of the file; every command reads it, \
      and hsi model convert writes them out for other programs. It computes as fast as before.

      Examples:
        hsi model prune denoiser.safetensors half.safetensors --pattern 2:4 --train clean1.hdr clean2.hdr
        hsi model prune model.safetensors half.safetensors --pattern 2:4 --train scene.tif --labels labels.tif
        hsi model prune net.safetensors thin.safetensors --pattern density=0.3
      """)

  @Argument(help: "The weights.")
  var weights: WeightsPath

  @Argument(help: "The safetensors file to write.")
  var destination: OutputPath

  @Option(
    help: ArgumentHelp(
      "What stays: KEPT of every GROUP inputs, such as 2:4, or density=SHARE of all weights.", valueName: "pattern"))
  var pattern: String

  @Option(parsing: .upToNextOption, help: "Scenes to train on: clean ones, or one with --labels.")
  var train: [InputPath] = []

  @Option(help: "Raster of the classes of the scene, where the network is a classifier.")
  var labels: InputPath?

  @Option(help: "Split of the labels to follow, a raster of hsi classify split (default: a usual one).")
  var split: InputPath?

  @Flag(help: "Continue the run whose state is beside the output.")
  var resume = false

  @OptionGroup var schedule: PatchScheduleOptions

  @Flag(help: "Replace existing outputs.")
  var overwrite = false

  @OptionGroup(title: "Labels") var labelOptions: LabelOptions
  @OptionGroup(title: "Input") var input: InputOptions
  @OptionGroup(title: "Running") var options: SeededRunOptions

  func run() throws {
    let context = try options.makeContext()
    var job = PruneJob(weights.text, to: destination.text, try PruningPattern(pattern, option: "--pattern"))
    job.overwrites = overwrite
    let scenes = try train.map { try input.request($0) }
    if scenes.isEmpty {
      for (name, path) in [("--labels", labels), ("--split", split)] {
        if let path { throw CoreError.invalidParameter(name: name, value: path.text, requirement: "used with --train") }
      }
      for (name, isGiven) in [
        ("--resume", resume), ("--epochs", schedule.epochs != nil), ("--rate", schedule.rate != nil),
        ("--minutes", schedule.minutes != nil), ("--validation", schedule.validation != nil),
      ] where isGiven {
        throw CoreError.invalidParameter(name: name, value: "given", requirement: "used with --train")
      }
      try Terminal.finish(job.run(context), context)
      return
    }
    let training = try PruneJob.training(of: weights.text)
    if training != .classifier, let labels {
      throw CoreError.invalidParameter(
        name: "--labels", value: labels.text, requirement: "used with a classifier (\(weights.text) is none)")
    }
    let result =
      switch training {
      case .denoising: try patches(job, DenoisingSubject(), scenes, context)
      case .restoration: try patches(job, RestorationSubject(), scenes, context)
      case .predictor: try patches(job, PredictorSubject(), scenes, context)
      case .classifier: try classes(job, scenes, context)
      case nil:
        throw CoreError.invalidParameter(
          name: "--train", value: train[0].text,
          requirement: "left out: there is no training of the network of \(weights.text) that keeps zeros")
      }
    try Terminal.finish(result, context)
  }

  private func patches<Subject: PatchSubject>(
    _ job: PruneJob, _ subject: Subject, _ scenes: [SceneRequest], _ context: RunContext
  ) throws -> JobResult {
    var training = PatchTrainingJob<Subject>(scenes: scenes, output: destination.text)
    training.training.subject = subject
    // A tenth of the rate and a short schedule: the network is trained already.
    (training.training.epochs, training.training.rate) = (5, 2e-4)
    try schedule.apply(to: &training, input)
    training.resumes = resume
    return try job.run(training, context)
  }

  private func classes(_ job: PruneJob, _ scenes: [SceneRequest], _ context: RunContext) throws -> JobResult {
    guard scenes.count == 1, let labels else {
      throw CoreError.invalidParameter(
        name: "--train", value: train.map(\.text).joined(separator: " "),
        requirement: "one scene with --labels: \(weights.text) is a classifier")
    }
    var output = TrainingOutputRequest(destination.text)
    (output.overwrites, output.resumes, output.timeLimit) = (overwrite, resume, schedule.minutes.map { $0 * 60 })
    var training = FinetuneJob(
      scene: scenes[0], labels: try labelOptions.request(labels), model: weights.text, output: output)
    (training.epochs, training.rate) = (schedule.epochs, schedule.rate)
    if let split { training.division = .file(split.text) }
    return try job.run(training, context)
  }
}
