import ArgumentParser
import HSIKit

/// `hsi train`: networks from a user's own scenes.
struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train", abstract: "Train a network on scenes.",
    discussion: """
      Examples:
        hsi train denoise clean1.hdr clean2.hdr --model hsdt-s --out denoiser.safetensors --epochs 20
      """, subcommands: [TrainDenoiseCommand.self])
}

/// `hsi train denoise`.
struct TrainDenoiseCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "denoise",
    abstract: "Train a denoiser on clean scenes with simulated noise, or adapt one with LoRA.",
    discussion: """
      Scenes are cut into patches of 31 bands, brought to [0, 1] and given noise. The best weights by validation PSNR \
      are written to OUT; beside it STEM_training.safetensors, from which --resume goes on exactly where a run stopped, \
      and STEM_curve.svg, the training curve.

      Examples:
        hsi train denoise clean1.hdr clean2.hdr --model hsdt-s --out denoiser.safetensors --epochs 20
        hsi train denoise clean1.hdr clean2.hdr --model hsdt-s --out denoiser.safetensors --epochs 20 --resume
        hsi train denoise mine.hdr --from denoiser.safetensors --lora r=8 --out mine.safetensors --epochs 5
      """)

  @Argument(help: "Clean scenes; bad bands are left out. - reads their names from standard input.")
  var scenes: [InputPath]

  @Flag(help: "Names on standard input are separated by NUL (also -0).")
  var null = false

  @Option(help: "Network: hsdt-tiny, hsdt-s, hsdt-m or hsdt-l.")
  var model = "hsdt-s"

  @Option(help: "Weights to write (.safetensors).")
  var out: OutputPath

  @Option(help: "Weights to start from.")
  var from: WeightsPath?

  @Option(
    help: ArgumentHelp(
      "Train low-rank adapters beside the weights of --from only.", valueName: "r=8[,alpha=16]"))
  var lora: String?

  @Flag(help: "Continue the run whose state is beside OUT.")
  var resume = false

  @Option(
    help: "Schedule: compact (all noise at once, one cosine) or paper (three stages of HSDT, 110 epochs).")
  var recipe = "compact"

  @Option(help: "Epochs of the compact schedule.")
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

  @Option(help: "Highest learning rate of the compact schedule.")
  var rate = 2e-3

  @Option(
    help:
      "What the compact schedule makes small: squared (error) or decibel (its logarithm per sample and band)."
  )
  var loss = DenoisingRecipe.Loss.squared

  @Option(help: "Last share of the compact schedule in which batch statistics are frozen, 0 to 1.")
  var freezeNorms = 0.25

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
  @OptionGroup(title: "Running") var options: RunOptions

  mutating func run() throws {
    let context = try options.makeContext()
    scenes = try InputList.names(scenes.map(\.text), separatedByNUL: null).map(InputPath.init(argument:))
    var job = TrainDenoiseJob(scenes: try scenes.map { try input.request($0) }, output: out.text)
    job.training = try training()
    job.weights = from?.text
    job.judges = try validation.map { list in
      try list.split(separator: ",").map { try input.request(InputPath(argument: String($0))) }
    }
    job.resumes = resume
    job.timeLimit = minutes.map { $0 * 60 }
    job.overwrites = overwrite
    _ = try job.run(context)
  }

  /// What was asked for, in the words of the library.
  private func training() throws -> DenoisingTraining {
    var request = DenoisingTraining()
    request.variant = model
    request.schedule = try choice("--recipe", recipe, "compact or paper")
    (request.adapters, request.epochs, request.batch) = (lora, epochs, batch)
    (request.patchesPerEpoch, request.patch, request.stride) = (patchesPerEpoch, patch, stride)
    (request.scales, request.bandSteps, request.evaluateEvery) = (scales, bandSteps, evaluateEvery)
    (request.rate, request.loss, request.frozenShare) = (rate, loss, freezeNorms)
    return request
  }
}

extension DenoisingRecipe.Loss: ExpressibleByArgument {}
