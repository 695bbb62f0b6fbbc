import Foundation
import HSICore
import HSINetworks
import HSITransformer

/// The training of a denoiser from a request in plain values to a file of weights: what `hsi train denoise` does.
///
///     var request = DenoisingTraining()
///     request.epochs = 5
///     let model = try request.startingModel(seed: context.seed)
///     let (training, judging) = request.divide(["a.hdr", "b.hdr"])
///     let outcome = try request.run(
///       model, training: .init(training, shape: …, load: …), judging: .init(judging, shape: …, load: …),
///       to: "denoiser.safetensors", TrainingSession(statePath: "state.safetensors"), context)
public struct DenoisingTraining: Sendable {
  /// Which of the schedules.
  public enum Schedule: String, Sendable, CaseIterable {
    /// All noise at once, one cosine.
    case compact
    /// The three stages of HSDT, 110 epochs.
    case paper
  }

  /// Scenes by name, of which one at a time is in memory.
  public struct Scenes {
    /// What users call them.
    public var names: [String]
    /// Size of a scene, by its number.
    public var shape: (Int) throws -> CubeShape
    /// The scene on the bands that are used.
    public var load: (Int) throws -> Cube

    /// Scenes.
    public init(_ names: [String], shape: @escaping (Int) throws -> CubeShape, load: @escaping (Int) throws -> Cube) {
      self.names = names
      self.shape = shape
      self.load = load
    }
  }

  /// Network that is trained anew, where there is no base.
  public var variant = "hsdt-s"
  /// Name and weights to start from.
  public var base: (name: String, model: HSDTModel)?
  /// Adapters to train beside the weights of the base, as the user wrote them (`r=8`).
  public var adapters: String?
  /// Schedule.
  public var schedule = Schedule.compact
  /// Epochs of the compact schedule.
  public var epochs = 20
  /// Patches per epoch; nil for all.
  public var patchesPerEpoch: Int?
  /// Edge of a patch in pixels.
  public var patch = 64
  /// Distance between patches in pixels; nil for the edge.
  public var stride: Int?
  /// Reductions of the scenes at which patches are cut, comma-separated.
  public var scales = "1,2"
  /// Take every k-th band, for each k listed, comma-separated.
  public var bandSteps = "1,2,4"
  /// Patches per step.
  public var batch = 16
  /// Highest learning rate of the compact schedule.
  public var rate = 2e-3
  /// What the compact schedule makes small.
  public var loss = DenoisingRecipe.Loss.squared
  /// Last share of the compact schedule in which batch statistics are frozen.
  public var frozenShare = 0.25
  /// Steps between evaluations.
  public var evaluateEvery = 200

  /// The defaults.
  public init() {}

  // MARK: - From the request to its parts

  /// The scenes to learn from and those to judge by: the last one unless they are named, kept out of the training when there
  /// are more.
  public func divide(_ scenes: [String], judges: [String]? = nil) -> (training: [String], judging: [String]) {
    if let judges { return (scenes, judges) }
    guard let last = scenes.last else { return ([], []) }
    return (scenes.count > 1 ? Array(scenes.dropLast()) : scenes, [last])
  }

  /// The network in the state in which training starts: with the base's weights and fresh adapters beside them, or new.
  ///
  /// - Throws: `CoreError.invalidParameter`, `TransformerError.unknownModel`.
  public func startingModel(seed: UInt64) throws -> HSDTModel {
    let adapter = try adapters.map { try Adapters.parse($0, option: "\(option: "lora")") }
    if let base {
      guard let adapter else { return base.model }
      let network = base.model.network
      guard !network.linears.hasAdapters else {
        throw CoreError.invalidParameter(
          name: "\(option: "from")", value: base.name,
          requirement: "without adapters when others are trained beside it (fold them: hsi model merge)")
      }
      network.linears.attach(adapter)
      network.store.train([.adapter])
      return base.model
    }
    guard adapter == nil else {
      throw CoreError.invalidParameter(
        name: "\(option: "lora")", value: adapters ?? "", requirement: "used with \(option: "from")")
    }
    guard let configuration = HSDTConfiguration(named: variant), configuration.inputChannels == 1 else {
      throw TransformerError.unknownModel(
        name: variant, known: HSDTConfiguration.names.filter { $0 != "hsdt-pnp" })
    }
    return HSDTModel(
      HSDT(configuration, seed: seed, initialisation: .xavierNormal),
      card: HSDTModel.card(variant, configuration))
  }

  /// Refuses numbers that cannot be used with a network.
  ///
  /// - Throws: `CoreError.invalidParameter`.
  public func check(_ network: HSDT) throws {
    func check(_ name: String, _ value: Any, _ isGood: Bool, _ requirement: String) throws {
      if !isGood { throw CoreError.invalidParameter(name: name, value: "\(value)", requirement: requirement) }
    }
    let granularity = network.configuration.granularity
    try check(
      "\(option: "patch")", patch, patch >= granularity && patch % granularity == 0 && patch <= 4096,
      "a multiple of \(granularity) up to 4096")
    try check("\(option: "stride")", stride ?? 1, (1...4096).contains(stride ?? 1), "from 1 to 4096")
    try check("\(option: "evaluate every")", evaluateEvery, evaluateEvery >= 1, "a number from 1")
    try check(
      "\(option: "patches per epoch")", patchesPerEpoch ?? batch, (patchesPerEpoch ?? batch) >= batch,
      "at least \(option: "batch") (\(batch))")
    try check("\(option: "epochs")", epochs, (1...1_000_000).contains(epochs), "from 1 to 1000000")
    try check("\(option: "batch")", batch, (1...4096).contains(batch), "from 1 to 4096")
    try check("\(option: "rate")", rate, rate > 0 && rate <= 1, "above 0 and at most 1")
    try check("\(option: "freeze norms")", frozenShare, (0...1).contains(frozenShare), "from 0 to 1")
    _ = try numbers(scales, "\(option: "scales")")
    _ = try numbers(bandSteps, "\(option: "band steps")")
  }

  /// How it is trained.
  public func recipe(seed: UInt64) -> DenoisingRecipe {
    var result: DenoisingRecipe
    switch schedule {
    case .compact:
      result = .compact(epochs: epochs, rate: rate)
      result.frozenShare = frozenShare
      result.loss = loss
    case .paper: result = .paper
    }
    result.batch = batch
    result.patchesPerEpoch = patchesPerEpoch
    result.evaluateEvery = evaluateEvery
    result.seed = seed
    return result
  }

  /// How patches are cut for training and for judging.
  func patchRecipes(_ network: HSDT) throws -> (training: TrainingPatches.Recipe, judging: TrainingPatches.Recipe) {
    var training = TrainingPatches.Recipe()
    training.bands = network.configuration.bands
    training.size = patch
    training.scales = try numbers(scales, "\(option: "scales")").map { .init(factor: $0, stride: stride ?? patch) }
    training.bandSteps = try numbers(bandSteps, "\(option: "band steps")")
    training.variesLight = schedule == .compact
    var judging = training
    judging.bandSteps = [1]
    return (training, judging)
  }

  private func numbers(_ text: String, _ name: String) throws -> [Int] {
    let values = text.split(separator: ",").compactMap { Int($0) }
    guard !values.isEmpty, values.allSatisfy({ (1...64).contains($0) }) else {
      throw CoreError.invalidParameter(
        name: name, value: text, requirement: "numbers from 1 to 64, comma-separated")
    }
    return values
  }

  /// What was asked for, in a line.
  public func summary(patches: Int, seed: UInt64) -> String {
    "\(base?.name ?? variant)\(adapters.map { " lora \($0)" } ?? ""), \(schedule.rawValue) recipe, epochs \(epochs), batch \(batch), patch \(patch), "
      + "patches \(patches), per epoch \(patchesPerEpoch ?? patches), rate \(rate), \(schedule == .compact ? "loss \(loss.rawValue), frozen \(frozenShare), " : "")seed \(seed)"
  }

  // MARK: - Running

  /// Trains: checks memory before anything is read, cuts the scenes, and writes the best weights to `out` whenever there are
  /// better ones.
  ///
  /// - Parameters:
  ///   - model: what `startingModel` gave; its network is trained.
  ///   - card: what the model's card says about its origin besides what is known here.
  /// - Returns: where the run ended.
  /// - Throws: `CoreError.memory`, `.invalidParameter`, `.cancelled`; `RestorationError`, `TransformerError.otherTraining`.
  @discardableResult
  public func run(
    _ model: HSDTModel, training: Scenes, judging: Scenes, to out: String, _ session: TrainingSession,
    _ context: RunContext, card: (inout ModelCard) -> Void = { _ in }
  ) throws -> TrainingOutcome {
    let claim = context.claimThreads()
    defer { claim.release() }
    let network = model.network
    try check(network)
    let recipes = try patchRecipes(network)
    try requireMemory([(training, recipes.training), (judging, recipes.judging)], network, context)
    let patches = try TrainingPatches(
      count: training.names.count, recipe: recipes.training, seed: context.seed, scene: training.load)
    let judges = try TrainingPatches(
      count: judging.names.count, recipe: recipes.judging, seed: context.seed, scene: judging.load)
    let summary = summary(patches: patches.count, seed: context.seed)
    let settings =
      summary
      + ", stride \(stride ?? patch), scales \(scales), band steps \(bandSteps), "
      + "scenes \(Fingerprint.text(patches.fingerprint)), validation \(Fingerprint.text(judges.fingerprint))"
    let trainer = Trainer(
      try DenoisingTask(
        network, patches: patches, validation: DenoisingValidation(judges, noise: .judging),
        recipe: recipe(seed: context.seed), settings: settings))
    var model = model
    model.card.seed = context.seed
    model.card.parameters = network.store.parameterCount
    model.card.source = base?.name
    card(&model.card)
    return try trainer.run(session, context) { trainer in
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
  }

  /// Refuses what does not fit the budget before anything is read: patches of all scenes, the largest scene while it is
  /// cut, and a step of the network.
  private func requireMemory(
    _ lists: [(scenes: Scenes, recipe: TrainingPatches.Recipe)], _ network: HSDT, _ context: RunContext
  ) throws {
    var (kept, largest) = (0, 0)
    for (scenes, recipe) in lists {
      for index in scenes.names.indices {
        let shape = try scenes.shape(index)
        kept += TrainingPatches.workingBytes(shape, recipe: recipe)
        largest = max(largest, shape.pixels * (4 * shape.bands + 4))
      }
    }
    let step = DenoisingTask.workingBytes(network, batch: batch, size: patch)
    let needed = kept + max(largest, step)
    guard needed <= context.memory.bytes else {
      let count = Set(lists.flatMap(\.scenes.names)).count
      throw CoreError.memory(
        purpose:
          "training on patches of \(count) scenes (\(MemoryBudget.text(kept))) in steps of \(batch) patches "
          + "(\(MemoryBudget.text(step)); a smaller batch or patch needs less)", needed: needed,
        budget: context.memory.bytes)
    }
  }
}
