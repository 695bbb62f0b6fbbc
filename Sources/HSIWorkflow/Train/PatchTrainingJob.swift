import Foundation
import HSICore
import HSINetworks
import HSIRaster
import HSIReport
import HSIRestoration
import HSITransformer

/// Trains a denoiser on clean scenes with simulated noise, or adapts one.
public typealias TrainDenoiseJob = PatchTrainingJob<DenoisingSubject>

/// Trains one network for many degradations on clean scenes that are degraded, or adapts one.
public typealias TrainRestoreJob = PatchTrainingJob<RestorationSubject>

/// Trains a network that tells what a scene suffers from.
public typealias TrainPredictorJob = PatchTrainingJob<PredictorSubject>

/// Trains a network on patches of clean scenes that are made worse, or adapts one, and writes the best weights, the state from
/// which the run can be resumed, and the training curve.
public struct PatchTrainingJob<Subject: PatchSubject>: Sendable {
  /// Clean scenes; bad bands are left out.
  public var scenes: [SceneRequest]
  /// The weights; beside them go STEM_training.safetensors and STEM_curve.svg.
  public var output: String
  /// How is trained; `base` is read from `weights`.
  public var training = PatchTraining<Subject>()
  /// Weights to start from; nil for new ones.
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
  public init(scenes: [SceneRequest], output: String) {
    self.scenes = scenes
    self.output = output
  }

  /// Does the work. What was written stays when the run is stopped: it is what it is resumed from.
  ///
  /// - Throws: the errors of opening, training and writing; `CoreError.memory`, `.cancelled`.
  public func run(_ context: RunContext) throws -> JobResult {
    let claim = context.claimThreads()
    defer { claim.release() }
    let names = OutputStem(output)
    let (statePath, curvePath) = (names.stem + "_training.safetensors", names.file("curve.svg"))
    var plan = OutputPlan(overwrites: overwrites || resumes, context)
    plan.read((scenes + (judges ?? [])).flatMap(\.named) + [weights].compactMap { $0 })
    for path in [output, statePath, curvePath] { plan.write(path) }
    try plan.check()
    var training = training
    if let weights {
      training.base = (
        (weights as NSString).lastPathComponent, try Model<Subject.Trained>.read(WeightSearch.locate(weights))
      )
    }
    let (learning, judging) = divided
    let data = scenes.map { ($0.path as NSString).lastPathComponent }.joined(separator: ", ")
    let outcome = try training.run(
      training.startingModel(seed: context.seed), training: cubes(learning, context),
      judging: cubes(judging, context), to: output,
      TrainingSession(statePath: statePath, resumes: resumes, timeLimit: timeLimit, replaces: overwrites), context
    ) {
      $0.trainingData = data
      $0.createdBy = Toolkit.name
    }
    let record = outcome.record
    try plan.store(TrainingCurve.picture(record, Subject.measure, of: "the validation patches"), at: curvePath)
    outcome.warnIfStopped(record.best == nil ? nil : output, context)
    if let best = record.best {
      let trained = outcome.isComplete ? "trained \(record.step) of \(outcome.steps) steps, " : ""
      context.logger.notice(
        "\(trained)best validation \(Subject.measure.name) \(Subject.measure.text(best)) at step \(record.bestStep)")
    }
    let weights = record.best.map { _ in ReportOutput(path: output, content: "weights") }
    return JobResult(
      outputs: [weights].compactMap { $0 } + [
        ReportOutput(path: statePath, content: "state"), ReportOutput(path: curvePath, content: "training curve"),
      ])
  }

  /// The scenes to learn from and those to judge by.
  private var divided: (learning: [SceneRequest], judging: [SceneRequest]) {
    if let judges { return (scenes, judges) }
    guard let last = scenes.last else { return ([], []) }
    return (scenes.count > 1 ? Array(scenes.dropLast()) : scenes, [last])
  }

  private func cubes(_ requests: [SceneRequest], _ context: RunContext) -> SceneSeries {
    func source(_ index: Int) throws -> FileSource {
      let opened = try requests[index].open(context)
      return try opened.source(bands: .list(opened.bands(default: .good)), excludesZeroSpectra: true, context)
    }
    return SceneSeries(
      requests.map(\.path), shape: { try source($0).shape }, load: { try source($0).load(context) })
  }
}
