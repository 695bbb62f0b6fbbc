import Foundation
import HSICore
import HSITransformer

/// Pre-training of a network on windows of scenes without labels, from a request in plain values to a file of weights: what
/// `hsi pretrain` does.
///
///     var request = Pretraining<LESSAutoencoder>()
///     request.epochs = 5
///     let windows = SceneWindows(scenes, side: request.side(of: model.network))
///     try request.run(model, windows: windows, judges: judges, to: "base.safetensors", TrainingSession(), context)
public struct Pretraining<N: PretrainableNetwork>: Sendable {
  /// Preset that is trained anew, where there is no base.
  public var variant: String
  /// Name and weights to go on from.
  public var base: (name: String, model: Model<N>)?
  /// Epochs.
  public var epochs = 50
  /// Windows per epoch; nil for as many as the scenes have, at half their side.
  public var windowsPerEpoch: Int?
  /// Side of a window in pixels; nil for the usual one of the network.
  public var side: Int?
  /// Windows per step.
  public var batch = 16
  /// Highest learning rate.
  public var rate = 1e-3
  /// Weight decay.
  public var decay = 0.05
  /// The rule of updates as the user wrote it: `adamw`, `dct-adamw:r=64` … (`UpdateRules`).
  public var optimiser = "adamw"
  /// Steps between evaluations.
  public var evaluateEvery = 200
  /// Least and greatest share of the bands that a batch is not shown.
  public var dropped = [0.5, 0.8]
  /// Most bands of a batch.
  public var mostBands = 48
  /// Instruments whose bands scenes are shown with besides their own.
  public var bandSets: [BandSet] = []

  /// The defaults, for a preset.
  public init(_ variant: String) { self.variant = variant }

  /// The side of windows for a network.
  public func side(of network: N) -> Int { side ?? N.usualSide(network.configuration) }

  /// The network in the state in which training starts.
  ///
  /// - Throws: `TransformerError.unknownModel`.
  public func startingModel(seed: UInt64) throws -> Model<N> {
    if let base { return base.model }
    guard let configuration = N.Configuration(named: variant) else {
      throw TransformerError.unknownModel(name: variant, known: N.Configuration.names)
    }
    return Model(N(configuration, seed: seed), card: Model<N>.card(variant, configuration))
  }

  /// Refuses numbers that cannot be used with a network, and scenes of which masks leave too little.
  ///
  /// - Parameter axes: those of the scenes; a scene without wavelengths is refused by who opens it.
  /// - Throws: `CoreError.invalidParameter`, the errors of `PretrainableNetwork.check`.
  public func check(_ network: N, axes: [SpectralAxis]) throws {
    func check(_ name: String, _ value: Any, _ isGood: Bool, _ requirement: String) throws {
      if !isGood { throw CoreError.invalidParameter(name: name, value: "\(value)", requirement: requirement) }
    }
    let side = side(of: network)
    try check("\(option: "side")", side, (1...1024).contains(side), "from 1 to 1024")
    try check("\(option: "epochs")", epochs, (1...1_000_000).contains(epochs), "from 1 to 1000000")
    try check("\(option: "batch")", batch, (1...4096).contains(batch), "from 1 to 4096")
    try check(
      "\(option: "windows per epoch")", windowsPerEpoch ?? batch, (windowsPerEpoch ?? batch) >= batch,
      "at least \(option: "batch") (\(batch))")
    try check("\(option: "rate")", rate, rate > 0 && rate <= 1, "above 0 and at most 1")
    try check("\(option: "evaluate every")", evaluateEvery, evaluateEvery >= 1, "a number from 1")
    try check(
      "\(option: "drop")", dropped.map { "\($0)" }.joined(separator: ","),
      (1...2).contains(dropped.count) && dropped.allSatisfy { $0 >= 0 && $0 < 1 },
      "one or two shares from 0 to below 1, comma-separated")
    try check("\(option: "most bands")", mostBands, mostBands >= 2, "a number from 2")
    _ = try rule()
    for axis in axes {
      guard let fixed = N.fixedBands(network.configuration) else {
        let fewest = ChannelSampling.counts(of: axis.count, dropped: dropped).lowerBound
        try network.check(side: side, bands: min(fewest, mostBands))
        continue
      }
      try network.check(side: side, bands: min(axis.count, fixed))
    }
  }

  /// The rule, nil for that of the task.
  private func rule() throws -> (any UpdateRule)? {
    let rule = try UpdateRules.parse(optimiser, option: "\(option: "optimizer")", beta2: 0.95)
    return rule is AdamW ? nil : rule
  }

  /// Bands of every batch, where the network sees no other number.
  private var fixedBands: Int? {
    let configuration = base?.model.network.configuration ?? N.Configuration(named: variant)
    return configuration.flatMap { N.fixedBands($0) }
  }

  /// What draws the bands of batches.
  public func sampler(_ windows: SceneWindows) -> BandSampler {
    BandSampler(
      windows.scenes.map(\.axis), bandSets, dropped: dropped, most: mostBands, exactly: fixedBands)
  }

  /// What was asked for, in a line.
  public func summary(_ network: N, windows: Int, seed: UInt64) -> String {
    let sets = bandSets.isEmpty ? "own bands" : "bands also of " + bandSets.map(\.name).joined(separator: " ")
    let sizes = [
      base?.name ?? variant, "epochs \(epochs)", "batch \(batch)", "side \(side(of: network))", "windows \(windows)",
      "per epoch \(windowsPerEpoch ?? windows)", "rate \(rate)", "decay \(decay)",
    ]
    let bands = ["bands dropped \(dropped.map { "\($0)" }.joined(separator: " to "))", "at most \(mostBands)", sets]
    // The usual rule is not said, as in states of version 0.1.
    let rule = optimiser == "adamw" ? [] : [optimiser]
    return (sizes + rule + bands + ["seed \(seed)"]).joined(separator: ", ")
  }

  /// Bytes of a step.
  public func workingBytes(_ network: N) -> Int {
    N.workingBytes(
      network.configuration, batch: batch, side: side(of: network), bands: fixedBands ?? mostBands)
  }

  /// Trains and writes the best weights to `out` whenever there are better ones.
  ///
  /// - Parameters:
  ///   - model: what `startingModel` gave; its network is trained.
  ///   - judges: windows to judge by.
  ///   - card: what the model's card says about its origin besides what is known here.
  /// - Returns: where the run ended.
  /// - Throws: `CoreError.invalidParameter`, `.cancelled`, `.diskFull`; `TransformerError.otherTraining`.
  @discardableResult
  public func run(
    _ model: Model<N>, windows: SceneWindows, judges: SceneWindows, to out: String, _ session: TrainingSession,
    _ context: RunContext, card: (inout ModelCard) -> Void = { _ in }
  ) throws -> TrainingOutcome {
    let claim = context.claimThreads()
    defer { claim.release() }
    let network = model.network
    try check(network, axes: (windows.scenes + judges.scenes).map(\.axis))
    func digests(_ windows: SceneWindows) -> String {
      var digest = Fingerprint()
      for scene in windows.scenes { digest.add(scene.fingerprint) }
      return digest.text
    }
    let summary = summary(network, windows: windows.count, seed: context.seed)
    let settings = summary + ", scenes \(digests(windows)), validation \(digests(judges))"
    let trainer = try Trainer(
      MaskedPretraining(network, self, windows: windows, judges: judges, settings: settings, context), rule: rule())
    var model = model
    model.card.seed = context.seed
    model.card.parameters = network.store.parameterCount
    model.card.source = base?.name
    model.card.normalisation = "every band to [0, 1] between its mean less and plus two standard deviations"
    card(&model.card)
    var replaces = session.replaces
    return try trainer.run(session, context) { trainer in
      let record = trainer.record
      model.card.training = "\(summary); best at step \(record.bestStep) of \(trainer.steps)"
      model.card.metrics = [
        .init(
          name: "PSNR", value: record.best ?? .nan, unit: "dB", conditions: "hidden values of validation windows")
      ]
      try model.write(to: out, overwrite: replaces)
      // From now on it is this run's own.
      replaces = true
      OutputFile.keepFinished()
    }
  }
}
