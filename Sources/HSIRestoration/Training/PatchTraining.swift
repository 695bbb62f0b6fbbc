import Foundation
import HSICore
import HSINetworks
import HSITransformer

/// What is learnt from patches of clean scenes: a network, how clean patches are made worse, and a schedule. One file with one type per
/// command of `hsi train`; `PatchTraining` does the rest.
public protocol PatchSubject: Sendable {
  /// The network.
  associatedtype Trained: Network
  /// The defaults.
  init()
  /// The preset that is trained unless another is named.
  static var defaultVariant: String { get }
  /// Presets that can be trained.
  static var variants: [String] { get }
  /// What `score` of the task is; MPSNR in dB by default.
  static var measure: TrainingMeasure { get }
  /// What `score` of the task measures, for the card.
  static var conditions: String { get }
  /// A network with initial weights.
  func network(_ configuration: Trained.Configuration, seed: UInt64) -> Trained
  /// Refuses values that cannot be used.
  ///
  /// - Throws: `CoreError.invalidParameter`.
  func check() throws
  /// Bands of a patch, and what its edge must be a multiple of.
  static func geometry(_ configuration: Trained.Configuration) -> (bands: Int, granularity: Int)
  /// Changes how patches are cut for training.
  func adjust(_ recipe: inout TrainingPatches.Recipe)
  /// What is asked for beyond the options of `PatchTraining`, in words: how it is called, and details.
  var summary: (kind: String, details: [String]) { get }
  /// The training.
  ///
  /// - Throws: `RestorationError.tooFewPatches`.
  func task(
    _ network: Trained, _ options: PatchTraining<Self>, patches: TrainingPatches, judges: TrainingPatches,
    settings: String, _ context: RunContext
  ) throws -> any TrainingTask
  /// Bytes of a step beside the patches.
  static func workingBytes(_ network: Trained, batch: Int, size: Int) -> Int
}

extension PatchSubject {
  public static var measure: TrainingMeasure { TrainingMeasure(name: "MPSNR", unit: "dB", digits: 2) }
}

/// The training of a restoring network from a request in plain values to a file of weights: what `hsi train denoise`, `hsi train
/// restore` and `hsi train predictor` do.
///
///     var request = DenoisingTraining()
///     request.epochs = 5
///     let model = try request.startingModel(seed: context.seed)
///     let outcome = try request.run(
///       model, training: .init(["a.hdr"], shape: …, load: …), judging: .init(["b.hdr"], shape: …, load: …),
///       to: "denoiser.safetensors", TrainingSession(statePath: "state.safetensors"), context)
public struct PatchTraining<Subject: PatchSubject>: Sendable {
  /// What is learnt.
  public var subject = Subject()
  /// Network that is trained anew, where there is no base.
  public var variant = Subject.defaultVariant
  /// Name and weights to start from.
  public var base: (name: String, model: Model<Subject.Trained>)?
  /// What of the base is trained, as the user wrote it (`lora:r=8`; see `Adaptation`); nil for all weights.
  public var adaptation: String?
  /// Epochs.
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
  /// Highest learning rate.
  public var rate = 2e-3
  /// Steps between evaluations.
  public var evaluateEvery = 200

  /// The defaults.
  public init() {}

  // MARK: - From the request to its parts

  /// The network in the state in which training starts: with the base's weights, or new.
  ///
  /// - Throws: `CoreError.invalidParameter`, `TransformerError.unknownModel`.
  public func startingModel(seed: UInt64) throws -> Model<Subject.Trained> {
    let change = try change()
    if let base {
      guard case .beside = change, base.model.network.linears.hasAdapters else { return base.model }
      throw CoreError.invalidParameter(
        name: "\(option: "from")", value: base.name,
        requirement: "without adapters when others are trained beside it (fold them: hsi model merge)")
    }
    guard change == nil else {
      throw CoreError.invalidParameter(
        name: "\(option: "adapter")", value: adaptation ?? "", requirement: "used with \(option: "from")")
    }
    guard Subject.variants.contains(variant), let configuration = Subject.Trained.Configuration(named: variant) else {
      throw TransformerError.unknownModel(name: variant, known: Subject.variants)
    }
    let network = subject.network(configuration, seed: seed)
    return Model(network, card: Model<Subject.Trained>.card(variant, network.configuration))
  }

  /// What `adaptation` says.
  private func change() throws -> Adaptation? {
    try adaptation.map { try Adaptation($0, option: "\(option: "adapter")") }
  }

  /// Refuses numbers that cannot be used with a network.
  ///
  /// - Throws: `CoreError.invalidParameter`.
  public func check(_ network: Subject.Trained) throws {
    func check(_ name: String, _ value: Any, _ isGood: Bool, _ requirement: String) throws {
      if !isGood { throw CoreError.invalidParameter(name: name, value: "\(value)", requirement: requirement) }
    }
    let granularity = Subject.geometry(network.configuration).granularity
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
    try subject.check()
    _ = try numbers(scales, "\(option: "scales")")
    _ = try numbers(bandSteps, "\(option: "band steps")")
  }

  /// How patches are cut for training and for judging.
  func patchRecipes(_ network: Subject.Trained) throws
    -> (training: TrainingPatches.Recipe, judging: TrainingPatches.Recipe)
  {
    var training = TrainingPatches.Recipe()
    training.bands = Subject.geometry(network.configuration).bands
    training.bandStride = training.bands
    training.size = patch
    training.scales = try numbers(scales, "\(option: "scales")").map { .init(factor: $0, stride: stride ?? patch) }
    training.bandSteps = try numbers(bandSteps, "\(option: "band steps")")
    subject.adjust(&training)
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
    let parts =
      [
        "\(base?.name ?? variant)\(adaptation.map { " \($0)" } ?? "")", subject.summary.kind, "epochs \(epochs)",
        "batch \(batch)", "patch \(patch)", "patches \(patches)", "per epoch \(patchesPerEpoch ?? patches)",
        "rate \(rate)",
      ] + subject.summary.details + ["seed \(seed)"]
    return parts.joined(separator: ", ")
  }

  // MARK: - Running

  /// Trains: checks memory before anything is read, cuts the scenes, and writes the best weights to `out` whenever there are
  /// better ones.
  ///
  /// - Parameters:
  ///   - model: what `startingModel` gave; its network is trained.
  ///   - training: scenes to learn from.
  ///   - judging: scenes to judge by.
  ///   - out: the file of weights.
  ///   - session: how the run is carried out.
  ///   - card: what the model's card says about its origin besides what is known here.
  /// - Returns: where the run ended.
  /// - Throws: `CoreError.memory`, `.invalidParameter`, `.cancelled`; `RestorationError`, `TransformerError.otherTraining`.
  @discardableResult
  public func run(
    _ model: Model<Subject.Trained>, training: SceneSeries, judging: SceneSeries, to out: String,
    _ session: TrainingSession, _ context: RunContext, card: (inout ModelCard) -> Void = { _ in }
  ) throws -> TrainingOutcome {
    let claim = context.claimThreads()
    defer { claim.release() }
    let network = model.network
    let change = try change()
    let rule = change?.begin(network.linears, network.store).rule
    try check(network)
    let recipes = try patchRecipes(network)
    try requireMemory([(training, recipes.training), (judging, recipes.judging)], network, context)
    let patches = try TrainingPatches(
      count: training.names.count, recipe: recipes.training, seed: context.seed, scene: training.load)
    let judges = try TrainingPatches(
      count: judging.names.count, recipe: recipes.judging, seed: context.seed, scene: judging.load)
    guard patches.count >= batch else {
      throw RestorationError.tooFewPatches(found: patches.count, needed: batch)
    }
    // Without a score nothing would be the best, and nothing written.
    guard judges.count > 0 else { throw RestorationError.noJudges }
    let summary = summary(patches: patches.count, seed: context.seed)
    let settings =
      summary
      + ", stride \(stride ?? patch), scales \(scales), band steps \(bandSteps), "
      + "scenes \(Fingerprint.text(patches.fingerprint)), validation \(Fingerprint.text(judges.fingerprint))"
    let trainer = Trainer(
      try subject.task(network, self, patches: patches, judges: judges, settings: settings, context), rule: rule)
    var model = model
    model.card.seed = context.seed
    model.card.parameters = network.store.parameterCount
    model.card.source = base?.name
    // Weights that are trained by another rule do not stay zero.
    model.card.pruning = change?.pattern?.text
    card(&model.card)
    var replaces = session.replaces
    return try trainer.run(session, context) { trainer in
      let record = trainer.record
      model.card.training = "\(summary); best at step \(record.bestStep) of \(trainer.steps)"
      model.card.metrics = [
        .init(
          name: Subject.measure.name, value: record.best ?? .nan, unit: Subject.measure.unit,
          conditions: Subject.conditions)
      ]
      try model.write(to: out, overwrite: replaces)
      // From now on it is this run's own.
      replaces = true
      OutputFile.keepFinished()
    }
  }

  /// Refuses what does not fit the budget before anything is read: patches of all scenes, the largest scene while it is
  /// cut, and a step of the network.
  private func requireMemory(
    _ lists: [(scenes: SceneSeries, recipe: TrainingPatches.Recipe)], _ network: Subject.Trained,
    _ context: RunContext
  ) throws {
    var (kept, largest) = (0, 0)
    for (scenes, recipe) in lists {
      for index in scenes.names.indices {
        let shape = try scenes.shape(index)
        kept = .sum(kept, TrainingPatches.workingBytes(shape, recipe: recipe))
        largest = max(largest, .product(shape.lines, shape.samples, .sum(.product(4, shape.bands), 4)))
      }
    }
    let step = Subject.workingBytes(network, batch: batch, size: patch)
    let needed = Int.sum(kept, max(largest, step))
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

/// Scenes by name, of which one at a time is in memory.
public struct SceneSeries {
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
