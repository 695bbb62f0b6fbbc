import ArgumentParser
import Foundation
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
  var scenes: [String]

  @Flag(help: "Names on standard input are separated by NUL (also -0).")
  var null = false

  @Option(help: "Network: hsdt-tiny, hsdt-s, hsdt-m or hsdt-l.")
  var model = "hsdt-s"

  @Option(help: "Weights to write (.safetensors).")
  var out: String

  @Option(help: "Weights to start from.")
  var from: String?

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
    scenes = try InputList.names(scenes, separatedByNUL: null)
    let stem = (out as NSString).deletingPathExtension
    let statePath = stem + "_training.safetensors"
    let curvePath = stem + "_curve.svg"
    if !resume {
      for path in [out, statePath, curvePath] { try OutputFile(path, overwrite: overwrite).discard() }
    }
    let scenes = scenes
    let outcome = try named { () throws -> TrainingOutcome in
      let request = try request()
      let (training, judging) = request.divide(scenes, judges: validation?.split(separator: ",").map(String.init))
      return try request.run(
        request.startingModel(seed: context.seed), training: cubes(training, context), judging: cubes(judging, context),
        to: out, TrainingSession(statePath: statePath, resumes: resume, timeLimit: minutes.map { $0 * 60 }), context
      ) {
        $0.trainingData = scenes.map { ($0 as NSString).lastPathComponent }.joined(separator: ", ")
        $0.createdBy = Version.text
      }
    }
    let record = outcome.record
    try OutputFile.write(TrainingCurve.svg(record), to: curvePath, overwrite: true)
    if let best = record.best {
      context.logger.notice(
        "\(outcome.isComplete ? "trained" : "stopped after") \(record.step) of \(outcome.steps) steps, best validation MPSNR \(String(format: "%.2f", best)) dB at step \(record.bestStep)"
      )
    }
  }

  /// What was asked for, in the words of the library.
  private func request() throws -> DenoisingTraining {
    var request = DenoisingTraining()
    request.variant = model
    if let from {
      let base = try HSDTModel.read(WeightSearch.locate(from))
      request.base = ((from as NSString).lastPathComponent, base)
    }
    guard let schedule = DenoisingTraining.Schedule(rawValue: recipe) else {
      throw CoreError.invalidParameter(name: "recipe", value: recipe, requirement: "compact or paper")
    }
    (request.adapters, request.schedule, request.epochs, request.batch) = (lora, schedule, epochs, batch)
    (request.patchesPerEpoch, request.patch, request.stride) = (patchesPerEpoch, patch, stride)
    (request.scales, request.bandSteps, request.evaluateEvery) = (scales, bandSteps, evaluateEvery)
    (request.rate, request.loss, request.frozenShare) = (rate, loss, freezeNorms)
    return request
  }

  private func cubes(_ paths: [String], _ context: RunContext) -> DenoisingTraining.Scenes {
    let input = input
    func source(_ index: Int) throws -> FileSource {
      try input.source(try input.open(paths[index], context), bands: .good, context)
    }
    return .init(paths, shape: { try source($0).shape }, load: { try source($0).load(context) })
  }

  /// Parameters of the library are options here.
  private func named<Result>(_ body: () throws -> Result) throws -> Result {
    do { return try body() } catch CoreError.invalidParameter(let name, let value, let requirement) {
      throw CoreError.invalidParameter(
        name: name.hasPrefix("-") ? name : "--" + name, value: value, requirement: requirement)
    }
  }
}

/// The picture of a training run.
enum TrainingCurve {
  static func svg(_ record: TrainingRecord) -> Data {
    let points = record.curve.filter { $0.score != nil }
    let chart = LineChart(
      title: "Validation MPSNR", summary: "MPSNR in dB of the validation patches by training step.",
      xLabel: "step",
      yLabel: "MPSNR (dB)",
      series: [
        LineChart.Series(
          name: "MPSNR", colour: CategoricalPalette.colour(0), x: points.map { Double($0.step) },
          y: points.map { $0.score ?? .nan })
      ])
    return Data(chart.svg(identifier: "psnr").utf8)
  }
}

extension DenoisingRecipe.Loss: ExpressibleByArgument {}
