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
    let trained = try trainedModel()
    try checkNumbers(granularity: trained.network.configuration.granularity)
    let (training, judging) = try patches(trained.network, context)
    let recipe = try trainingRecipe(context)
    let summary = try description(training.count)
    let settings =
      summary
      + String(
        format: ", stride %d, scales %@, band steps %@, scenes %016llx, validation %016llx", stride ?? patch,
        scales, bandSteps,
        training.fingerprint, judging.fingerprint)
    let trainer = try DenoisingTrainer(
      trained.network, patches: training, validation: DenoisingValidation(judging, noise: .judging),
      recipe: recipe, settings: settings)
    if resume { try trainer.resume(from: statePath) }
    var model = trained
    model.card.trainingData = scenes.map { ($0 as NSString).lastPathComponent }.joined(separator: ", ")
    model.card.seed = context.seed
    model.card.parameters = trained.network.store.parameterCount
    model.card.createdBy = Version.text
    model.card.source = from.map { ($0 as NSString).lastPathComponent }
    let isComplete = try trainer.run(
      statePath: statePath, evaluateEvery: evaluateEvery, stopAfter: minutes.map { $0 * 60 } ?? .infinity,
      context
    ) { trainer in
      let record = trainer.record
      model.card.training =
        "\(summary); best at step \(record.bestStep) of \(trainer.steps), "
        + String(format: "%.0f s of training", record.seconds)
      model.card.metrics = [
        .init(
          name: "MPSNR", value: record.best ?? .nan, unit: "dB",
          conditions: "validation patches, noise of all kinds")
      ]
      try model.write(to: out, overwrite: true)
      OutputFile.keepFinished()
    }
    try OutputFile.write(TrainingCurve.svg(trainer.record), to: curvePath, overwrite: true)
    if let best = trainer.record.best {
      context.logger.notice(
        "\(isComplete ? "trained" : "stopped after") \(trainer.record.step) of \(trainer.steps) steps, best validation MPSNR \(String(format: "%.2f", best)) dB at step \(trainer.record.bestStep)"
      )
    }
  }

  private func checkNumbers(granularity: Int) throws {
    func check(_ name: String, _ value: Int?, _ isGood: Bool, _ requirement: String) throws {
      guard let value, !isGood else { return }
      throw CoreError.invalidParameter(name: name, value: "\(value)", requirement: requirement)
    }
    try check(
      "--patch", patch, patch >= granularity && patch % granularity == 0 && patch <= 4096,
      "a multiple of \(granularity) up to 4096")
    try check("--stride", stride, (1...4096).contains(stride ?? 1), "from 1 to 4096")
    try check("--evaluate-every", evaluateEvery, evaluateEvery >= 1, "a number from 1")
    try check(
      "--patches-per-epoch", patchesPerEpoch, (patchesPerEpoch ?? batch) >= batch,
      "at least --batch (\(batch))")
  }

  private func trainedModel() throws -> HSDTModel {
    let adapter = try loraConfiguration()
    if let from {
      let base = try HSDTModel.read(WeightSearch.locate(from))
      if let adapter {
        guard !base.network.linears.hasAdapters else {
          throw CoreError.invalidParameter(
            name: "--from", value: from,
            requirement: "without adapters when --lora is given (fold them: hsi model merge)")
        }
        base.network.linears.attach(adapter)
        base.network.store.train([.adapter])
      }
      return base
    }
    guard adapter == nil else {
      throw CoreError.invalidParameter(name: "--lora", value: lora ?? "", requirement: "used with --from")
    }
    guard let configuration = HSDTConfiguration(named: model), configuration.inputChannels == 1 else {
      throw TransformerError.unknownModel(
        name: model, known: HSDTConfiguration.names.filter { $0 != "hsdt-pnp" })
    }
    let seed = try options.makeContext().seed
    return HSDTModel(
      HSDT(configuration, seed: seed, initialisation: .xavierNormal),
      card: HSDTModel.card(model, configuration))
  }

  private func loraConfiguration() throws -> (any AdapterConfiguration)? {
    try lora.map { try Adapters.parse($0, option: "--lora") }
  }

  private func trainingRecipe(_ context: RunContext) throws -> DenoisingRecipe {
    guard (1...1_000_000).contains(epochs), (1...4096).contains(batch), rate > 0, rate <= 1 else {
      throw CoreError.invalidParameter(
        name: "--epochs, --batch or --rate", value: "\(epochs), \(batch), \(rate)", requirement: "positive")
    }
    var result: DenoisingRecipe
    switch recipe {
    case "compact":
      guard (0...1).contains(freezeNorms) else {
        throw CoreError.invalidParameter(
          name: "--freeze-norms", value: "\(freezeNorms)", requirement: "from 0 to 1")
      }
      result = .compact(epochs: epochs, rate: rate)
      result.frozenShare = freezeNorms
      result.loss = loss
    case "paper": result = .paper
    default:
      throw CoreError.invalidParameter(name: "--recipe", value: recipe, requirement: "compact or paper")
    }
    result.batch = batch
    result.patchesPerEpoch = patchesPerEpoch
    result.seed = context.seed
    return result
  }

  private func numbers(_ text: String, _ name: String) throws -> [Int] {
    let values = text.split(separator: ",").compactMap { Int($0) }
    guard !values.isEmpty, values.allSatisfy({ (1...64).contains($0) }) else {
      throw CoreError.invalidParameter(
        name: name, value: text, requirement: "numbers from 1 to 64, comma-separated")
    }
    return values
  }

  private func patches(
    _ network: HSDT, _ context: RunContext
  ) throws -> (training: TrainingPatches, judging: TrainingPatches) {
    var recipe = TrainingPatches.Recipe()
    recipe.bands = network.configuration.bands
    recipe.size = patch
    recipe.scales = try numbers(scales, "--scales").map { .init(factor: $0, stride: stride ?? patch) }
    recipe.bandSteps = try numbers(bandSteps, "--band-steps")
    recipe.variesLight = self.recipe == "compact"
    let names = validation?.split(separator: ",").map(String.init)
    var training = scenes
    var judges = names ?? []
    if names == nil, let last = scenes.last {
      judges = [last]
      if scenes.count > 1 { training.removeLast() }
    }
    var judgingRecipe = recipe
    judgingRecipe.bandSteps = [1]
    try requireMemory(training, judges, recipe, judgingRecipe, network, context)
    return (
      try TrainingPatches(count: training.count, recipe: recipe, seed: context.seed) {
        try load(training[$0], context)
      },
      try TrainingPatches(count: judges.count, recipe: judgingRecipe, seed: context.seed) {
        try load(judges[$0], context)
      }
    )
  }

  /// Refuses what does not fit the budget before anything is read: patches of all scenes, the largest scene while it is
  /// cut, and a step of the network.
  private func requireMemory(
    _ training: [String], _ judges: [String], _ recipe: TrainingPatches.Recipe,
    _ judging: TrainingPatches.Recipe,
    _ network: HSDT, _ context: RunContext
  ) throws {
    var (kept, largest) = (0, 0)
    for (paths, recipe) in [(training, recipe), (judges, judging)] {
      for path in paths {
        let shape = try input.source(try input.open(path, context), bands: .good, context).shape
        kept += TrainingPatches.workingBytes(shape, recipe: recipe)
        largest = max(largest, shape.pixels * (4 * shape.bands + 4))
      }
    }
    let step = DenoisingTrainer.workingBytes(network, batch: batch, size: patch)
    let needed = kept + max(largest, step)
    guard needed <= context.memory.bytes else {
      throw CoreError.memory(
        purpose:
          "training on patches of \(scenes.count) scenes (\(MemoryBudget.text(kept))) in steps of \(batch) patches "
          + "(\(MemoryBudget.text(step)); a smaller --batch or --patch needs less)", needed: needed,
        budget: context.memory.bytes)
    }
  }

  private func load(_ path: String, _ context: RunContext) throws -> Cube {
    let reader = try input.open(path, context)
    return try input.source(reader, bands: .good, context).load(context)
  }

  private func description(_ patches: Int) throws -> String {
    "\(from.map { ($0 as NSString).lastPathComponent } ?? model)\(lora.map { " lora \($0)" } ?? ""), \(recipe) recipe, epochs \(epochs), batch \(batch), patch \(patch), "
      + "patches \(patches), per epoch \(patchesPerEpoch ?? patches), rate \(rate), \(recipe == "compact" ? "loss \(loss.rawValue), frozen \(freezeNorms), " : "")seed \(try options.makeContext().seed)"
  }
}

/// The picture of a training run.
enum TrainingCurve {
  static func svg(_ record: DenoisingRecord) -> Data {
    let points = record.curve.filter { $0.psnr != nil }
    let chart = LineChart(
      title: "Validation MPSNR", summary: "MPSNR in dB of the validation patches by training step.",
      xLabel: "step",
      yLabel: "MPSNR (dB)",
      series: [
        LineChart.Series(
          name: "MPSNR", colour: CategoricalPalette.colour(0), x: points.map { Double($0.step) },
          y: points.map { $0.psnr ?? .nan })
      ])
    return Data(chart.svg(identifier: "psnr").utf8)
  }
}

extension DenoisingRecipe.Loss: ExpressibleByArgument {}
