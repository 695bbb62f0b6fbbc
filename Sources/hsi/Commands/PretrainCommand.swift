import ArgumentParser
import HSIKit

/// `hsi pretrain`.
struct PretrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pretrain",
    abstract: "Pre-train a network on scenes without labels.",
    discussion: """
      The network is shown some bands and some patches of windows of the scenes and has to find the others. Wavelengths tell \
      it which bands it sees, so scenes of different instruments can be mixed; half of the batches are shown with the bands of \
      another instrument that those of the scene make up. Classifiers start from what it has learned (hsi classify train \
      --from). The best weights by validation windows are written to OUT; beside it STEM_training.safetensors, from which \
      --resume goes on exactly where a run stopped, STEM_curve.svg, the training curve, and STEM_examples.png, what the \
      network makes of hidden patches.

      Examples:
        hsi pretrain scene1.tif scene2.hdr --out base.safetensors --epochs 100
        hsi pretrain archive/*.tif --model less-small-4 --out base.safetensors --minutes 480
        hsi pretrain archive/*.tif --model spectralgpt-tiny --out gpt.safetensors
        hsi pretrain archive/*.tif --model less-small-4 --out base.safetensors --minutes 480 --resume
      """)

  @Argument(help: "Scenes with wavelengths; bad bands are left out. - reads their names from standard input.")
  var scenes: [InputPath]

  @Flag(help: "Names on standard input are separated by NUL (also -0).")
  var null = false

  @Option(help: "Weights to write (.safetensors).")
  var out: OutputPath

  @Option(
    help: "Network: \(PretrainCommand.models.joined(separator: ", ")).", completion: .list(PretrainCommand.models))
  var model = PretrainCommand.models[0]

  @Option(help: "Weights to go on from.")
  var from: WeightsPath?

  @Flag(help: "Continue the run whose state is beside OUT.")
  var resume = false

  @Option(help: "Epochs.")
  var epochs = 50

  @Option(help: "Windows per epoch (default: as many as the scenes have, at half their side).")
  var windowsPerEpoch: Int?

  @Option(
    help: "Side of a window in pixels (default: 8 patches, at least 16 pixels; that of the network for spectralgpt).")
  var side: Int?

  @Option(help: "Windows per step.")
  var batch = 16

  @Option(help: "Highest learning rate.")
  var rate = 1e-3

  @Option(
    help: ArgumentHelp(
      "Rule of the updates: adamw, dct-adamw (moments of few cosines, which need less memory) or trion.",
      valueName: "name[:r=rank]"))
  var optimizer = "adamw"

  @Option(help: "Share of the bands that a batch is not shown, or the least and the greatest.")
  var drop = "0.5,0.8"

  @Option(help: "Most bands of a batch.")
  var mostBands = 48

  @Flag(help: "Show scenes with their own bands only.")
  var ownBands = false

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

  /// Networks that can be pre-trained, the default first.
  static let models = LESSAutoencoderConfiguration.names + SpectralGPTConfiguration.names

  func run() throws {
    if SpectralGPTConfiguration.names.contains(model) {
      try run(SpectralGPT.self)
    } else if LESSAutoencoderConfiguration.names.contains(model) {
      try run(LESSAutoencoder.self)
    } else {
      throw TransformerError.unknownModel(name: model, known: PretrainCommand.models)
    }
  }

  private func run<N: PretrainableNetwork>(_: N.Type) throws {
    let context = try options.makeContext()
    let names = try InputList.names(scenes.map(\.text), separatedByNUL: null).map(InputPath.init(argument:))
    var training = Pretraining<N>(model)
    (training.epochs, training.batch, training.rate) = (epochs, batch, rate)
    (training.windowsPerEpoch, training.side, training.evaluateEvery) = (windowsPerEpoch, side, evaluateEvery)
    (training.dropped, training.mostBands, training.optimiser) = (try shares(), mostBands, optimizer)
    training.bandSets = ownBands ? [] : BandSet.instruments
    var job = PretrainJob(training, scenes: try names.map { try input.request($0) }, output: out.text)
    job.weights = from?.text
    job.judges = try validation.map { list in
      try list.split(separator: ",").map { try input.request(InputPath(argument: String($0))) }
    }
    job.resumes = resume
    job.timeLimit = minutes.map { $0 * 60 }
    job.overwrites = overwrite
    _ = try job.run(context)
  }

  /// The numbers of --drop.
  private func shares() throws -> [Double] {
    let parts = drop.split(separator: ",", omittingEmptySubsequences: false)
    let numbers = parts.compactMap { Double($0) }
    guard numbers.count == parts.count else {
      throw CoreError.invalidParameter(name: "--drop", value: drop, requirement: "one or two numbers, comma-separated")
    }
    return numbers
  }
}
