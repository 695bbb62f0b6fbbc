import Foundation
import HSICore
import HSINetworks
import HSIRaster
import HSIReport
import HSITransformer

/// Pre-trains a network on scenes without labels and writes the best weights, the state from which the run can be resumed, the
/// curve, and a picture of what the network makes of hidden patches.
public struct PretrainJob<N: PretrainableNetwork>: Sendable {
  /// Scenes; bad bands are left out.
  public var scenes: [SceneRequest]
  /// The weights; beside them go STEM_training.safetensors, STEM_curve.svg and STEM_examples.png.
  public var output: String
  /// How is trained; `base` is read from `weights`.
  public var training: Pretraining<N>
  /// Weights to go on from; nil for new ones.
  public var weights: String?
  /// Scenes to judge by; nil for the last one, kept out of the training when there are more.
  public var judges: [SceneRequest]?
  /// Whether the run goes on from the state beside the output.
  public var resumes = false
  /// Seconds after which the run stops, to be resumed; nil for none.
  public var timeLimit: Double?
  /// Whether existing files may be replaced.
  public var overwrites = false

  /// A network from some scenes.
  public init(_ training: Pretraining<N>, scenes: [SceneRequest], output: String) {
    (self.training, self.scenes, self.output) = (training, scenes, output)
  }

  /// Does the work. What was written stays when the run is stopped: it is what it is resumed from.
  ///
  /// - Throws: the errors of opening, training and writing; `CoreError.memory`, `.cancelled`.
  public func run(_ context: RunContext) throws -> JobResult {
    let claim = context.claimThreads()
    defer { claim.release() }
    let names = OutputStem(output)
    let (statePath, curvePath) = (names.stem + "_training.safetensors", names.file("curve.svg"))
    let picturePath = names.file("examples.png")
    var plan = OutputPlan(overwrites: overwrites || resumes, context)
    plan.read((scenes + (judges ?? [])).flatMap(\.named) + [weights].compactMap { $0 })
    for path in [output, statePath, curvePath, picturePath] { plan.write(path) }
    try plan.check()
    var training = training
    if let weights {
      training.base = ((weights as NSString).lastPathComponent, try Model<N>.read(WeightSearch.locate(weights)))
    }
    let model = try training.startingModel(seed: context.seed)
    let (learning, judging) = divided
    let sources = try (learning + judging).map { try PretrainingSource($0, context) }
    try training.check(model.network, axes: sources.map(\.source.metadata.axis))
    let side = training.side(of: model.network)
    func hasRoom(_ sources: some Sequence<PretrainingSource>) -> Bool {
      sources.contains { min($0.source.shape.lines, $0.source.shape.samples) >= side }
    }
    guard hasRoom(sources[..<learning.count]), hasRoom(sources[learning.count...]) else { throw noWindows(side) }
    let kept = try PretrainingSource.kept(
      sources, working: training.workingBytes(model.network), beside: output, context)
    let windows = SceneWindows(Array(kept[..<learning.count]), side: side)
    let judged = SceneWindows(Array(kept[learning.count...]), side: side)
    // Without a score nothing would be the best, and nothing written.
    guard windows.count > 0, judged.count > 0 else { throw noWindows(side) }
    let data = scenes.map { ($0.path as NSString).lastPathComponent }.joined(separator: ", ")
    let outcome = try training.run(
      model, windows: windows, judges: judged, to: output,
      TrainingSession(statePath: statePath, resumes: resumes, timeLimit: timeLimit, replaces: overwrites), context
    ) {
      $0.trainingData = data
      $0.createdBy = Toolkit.name
    }
    let record = outcome.record
    let measure = TrainingMeasure(name: "PSNR of hidden values", unit: "dB", digits: 2)
    try plan.store(TrainingCurve.picture(record, measure, of: "validation windows"), at: curvePath)
    outcome.warnIfStopped(record.best == nil ? nil : output, context)
    if let best = record.best {
      let trained = outcome.isComplete ? "trained \(record.step) of \(outcome.steps) steps, " : ""
      context.logger.notice(
        "\(trained)best validation \(measure.name) \(measure.text(best)) at step \(record.bestStep)")
    }
    var outputs = record.best.map { _ in [ReportOutput(path: output, content: "weights")] } ?? []
    if record.best != nil,
      let picture = PretrainExamples.picture(
        try Model<N>.read(output).network, judged, training.sampler(judged))
    {
      try plan.store(try PNG.encode(picture), at: picturePath)
      outputs.append(ReportOutput(path: picturePath, content: "examples"))
    }
    outputs += [
      ReportOutput(path: statePath, content: "state"), ReportOutput(path: curvePath, content: "training curve"),
    ]
    return JobResult(outputs: outputs)
  }

  private func noWindows(_ side: Int) -> CoreError {
    CoreError.invalidParameter(
      name: "\(option: "side")", value: "\(side)",
      requirement: "a side of which a scene to learn from and one to judge by have windows with three quarters of "
        + "valid pixels")
  }

  /// The scenes to learn from and those to judge by.
  private var divided: (learning: [SceneRequest], judging: [SceneRequest]) {
    if let judges { return (scenes, judges) }
    guard let last = scenes.last else { return ([], []) }
    return (scenes.count > 1 ? Array(scenes.dropLast()) : scenes, [last])
  }
}

/// A scene that a network is pre-trained on.
struct PretrainingSource {
  let path: String
  let source: FileSource
  let resolution: Double?

  /// Opens it on the bands that were asked for, its good ones by default.
  ///
  /// - Throws: the errors of opening; `RasterError.inconsistent` for a scene without wavelengths.
  init(_ request: SceneRequest, _ context: RunContext) throws { try self.init(request.open(context), context) }

  /// One that is open.
  init(_ opened: OpenScene, _ context: RunContext) throws {
    try self.init(
      opened.source(bands: .list(opened.bands(default: .good)), excludesZeroSpectra: true, context), of: opened)
  }

  /// One whose bands are chosen.
  init(_ source: FileSource, of opened: OpenScene) throws {
    path = opened.path
    self.source = source
    guard let wavelengths = source.metadata.axis.wavelengths, wavelengths.allSatisfy({ $0 > 0 && $0.isFinite }) else {
      throw RasterError.inconsistent(
        path: path, reason: "its bands have no wavelengths, by which the network tells them apart",
        advice: "give them with \(option: "wavelengths") or \(option: "sensor")")
    }
    resolution = opened.metadata.georeference?.metresPerPixel
  }

  /// All scenes in [0, 1]: in memory while they take less than half the budget beside what a step needs, the others in scratch
  /// files.
  static func kept(_ sources: [PretrainingSource], working: Int, beside output: String, _ context: RunContext) throws
    -> [NormalisedScene]
  {
    guard working <= context.memory.bytes else {
      throw CoreError.memory(
        purpose: "a step of pre-training (a smaller batch or side needs less)", needed: working,
        budget: context.memory.bytes)
    }
    var room = (context.memory.bytes - working) / 2
    return try sources.map { scene in
      let bytes = NormalisedScene.bytes(scene.source.shape)
      let fits = bytes <= room
      if fits { room -= bytes }
      return try NormalisedScene(
        scene.source, resolution: scene.resolution, scratchBeside: fits ? nil : output, context)
    }
  }
}
