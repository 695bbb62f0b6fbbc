import Foundation
import HSIClassification
import HSICore
import HSIRaster
import HSIReport
import HSITransformer

/// Learns classes from labelled pixels of a scene.
///
/// ```swift
/// let labels = try LabelRequest("labels.tif").read(context)
/// let model = try ClassifierTraining(SceneRequest("scene.tif"), labels, model: "svm").train(context)
/// try model.write(to: "model.safetensors", overwrite: false)
/// ```
public struct ClassifierTraining {
  /// The scene.
  public var scene: SceneRequest
  /// The labels.
  public var labels: LabelFile
  /// The classifier; see `Classifiers`.
  public var model: String
  /// Its parameters that differ from their defaults, by name.
  public var values: [String: Double] = [:]
  /// How labelled pixels are divided.
  public var division = LabelDivision.usual
  /// Whether scaling and components are fitted on all pixels, not only on training pixels.
  public var isTransductive = false
  /// Pre-trained weights to start from; nil for none.
  public var start: ClassifierStart?
  /// Whether its probabilities are smoothed; nil for what is usual: decided by a check for the classifier `auto`, never for others.
  public var refinement: Refinement?

  /// A classifier for a scene.
  public init(_ scene: SceneRequest, _ labels: LabelFile, model: String) {
    self.scene = scene
    self.labels = labels
    self.model = model
  }

  /// The classifier that learns.
  static func classifier(
    _ model: String, _ values: [String: Double], _ start: ClassifierStart?, _ refinement: Refinement?
  ) throws -> any Classifier {
    let classifier = try ClassifierStart.apply(start, to: Classifiers.named(model, values))
    return try refinement.map { try AutomaticClassifier.refining(classifier, $0) } ?? classifier
  }

  /// Learns in memory.
  ///
  /// - Throws: the errors of opening and of the classifier; `CoreError.memory`, `.cancelled`.
  public func train(_ context: RunContext) throws -> ClassificationModel {
    try learned(TrainingSession(), context).model
  }

  /// What learning gave, with what it learned from.
  struct Learned {
    var model: ClassificationModel
    var training: TrainingScene
    var facts: TrainedFacts
  }

  func learned(_ session: TrainingSession, _ context: RunContext) throws -> Learned {
    let classifier = try ClassifierTraining.classifier(model, values, start, refinement)
    let training = try TrainingScene.load(
      scene.open(context), labels: labels, division: division, loadsAll: isTransductive,
      patchRadius: classifier.patchRadius, contextRadius: classifier.contextRadius, context
    ) { classifier.trainingBytes($0, samples: $1, classes: $2) }
    let task = training.task(isTransductive: isTransductive)
    try task.check()
    let trained = try Classifiers.train(classifier, task, session, context)
    var result = ClassificationModel(
      trained, classes: training.labels.classes, axis: training.scene.metadata.axis,
      trainingCounts: task.trainingCounts, split: training.split.facts)
    result.brightness = BrightnessRange(task)
    let facts = TrainedFacts(
      task: task, split: training.split.facts, scene: scene.path, labels: labels.path,
      seed: context.seed)
    facts.write(on: &result.card)
    if case .adapted(let text) = start?.scope {
      result.card.pruning = try Adaptation(text, option: "\(option: "adapter")").pattern?.text
    }
    result.card.normalisation = isTransductive ? "fitted on all pixels of the scene" : "fitted on training pixels"
    return Learned(model: result, training: training, facts: facts)
  }
}

/// What learning writes beside the model or adapter.
public struct TrainingOutputRequest: Sendable {
  /// The file of the model or adapter.
  public var path: String
  /// Where the split that was made is written; nil for nowhere.
  public var split: String?
  /// Whether existing files may be replaced.
  public var overwrites = false
  /// Provenance.
  public var records = RecordRequest()
  /// Whether the run of a network goes on from the state beside the file, or begins one that can be resumed.
  public var resumes = false
  /// Seconds after which the run of a network stops, to be resumed; nil for none.
  public var timeLimit: Double?

  /// A file.
  public init(_ path: String) { self.path = path }

  /// Name of the provenance; a weight file is never virtual.
  var provenancePath: String? { records.writesProvenance ? path + ".prov.json" : nil }

  /// The state that an unfinished run is resumed from.
  private var statePath: String? {
    resumes || timeLimit != nil ? OutputStem(path).file("training.safetensors") : nil
  }

  /// How the run goes on and ends. The state is kept as long as there is something to resume.
  func session(_ context: RunContext) throws -> TrainingSession {
    guard let statePath else { return TrainingSession() }
    let isThere = FileManager.default.fileExists(atPath: statePath)
    return TrainingSession(statePath: statePath, resumes: resumes && isThere, timeLimit: timeLimit) { outcome in
      if outcome.isComplete { try? FileManager.default.removeItem(atPath: statePath) }
      outcome.warnIfStopped(path, context)
    }
  }

  /// A plan of everything that is written; what an earlier part of the same run wrote is replaced.
  ///
  /// - Parameter hasLearned: whether the state of this run may be there by now.
  func plan(hasLearned: Bool = false, _ context: RunContext) throws -> OutputPlan {
    var plan = OutputPlan(overwrites: overwrites || resumes, context)
    plan.write(path)
    plan.write(statePath, replaceable: resumes || hasLearned)
    if let split { try plan.writeRaster(split, RasterWriting()) }
    plan.write(provenancePath, replaceable: true)
    return plan
  }

  /// Writes the split where it was asked for.
  func writeSplit(of training: TrainingScene, _ run: inout RunRecords, _ context: RunContext) throws {
    guard let split else { return }
    var writing = RasterWriting()
    writing.overwrites = overwrites || resumes
    let metadata = training.reader.metadata.cropping(to: training.source.window)
    run.outputs += try SplitRaster.write(
      training.split, like: metadata, to: split, options: writing.options(inputs: run.plan.protected), context
    ).map { ReportOutput(path: $0, content: "split") }
  }
}

/// Learns classes and writes the model file.
public struct TrainJob: Sendable {
  /// The scene.
  public var scene: SceneRequest
  /// The labels.
  public var labels: LabelRequest
  /// The classifier; see `Classifiers`.
  public var model: String
  /// Its parameters that differ from their defaults, by name.
  public var values: [String: Double] = [:]
  /// How labelled pixels are divided.
  public var division = LabelDivision.usual
  /// Whether scaling and components are fitted on all pixels, not only on training pixels.
  public var isTransductive = false
  /// Pre-trained weights to start from; nil for none.
  public var start: ClassifierStart?
  /// Whether its probabilities are smoothed; nil for what is usual: decided by a check for the classifier `auto`, never for others.
  public var refinement: Refinement?
  /// What is written.
  public var output: TrainingOutputRequest

  /// A classifier for a scene.
  public init(scene: SceneRequest, labels: LabelRequest, model: String, output: TrainingOutputRequest) {
    self.scene = scene
    self.labels = labels
    self.model = model
    self.output = output
  }

  /// Does the work.
  ///
  /// - Throws: the errors of opening, of the classifier and of writing; `CoreError.memory`, `.cancelled`.
  public func run(_ context: RunContext) throws -> JobResult {
    let claim = context.claimThreads()
    defer { claim.release() }
    let description = try Classifiers.entry(model).description
    _ = try ClassifierTraining.classifier(model, values, start, refinement)
    var provenance = Provenance(
      options: values.mapValues { "\($0)" }.merging(
        [
          "scene": scene.path, "labels": labels.path, "model": description.id, "transductive": "\(isTransductive)",
        ]) { $1 }, isClassification: true, context)
    if let refinement { provenance.options["refine"] = refinement.rawValue }
    var plan = try output.plan(context)
    plan.read(scene.named + [labels.path] + division.files + [start?.path].compactMap { $0 })
    try plan.check()
    var training = ClassifierTraining(scene, try labels.read(for: scene, context), model: model)
    training.values = values
    training.division = division
    training.isTransductive = isTransductive
    training.start = start
    training.refinement = refinement
    let learned = try training.learned(try output.session(context), context)
    plan = try output.plan(hasLearned: true, context)
    plan.read(learned.training.files + [start?.path].compactMap { $0 })
    try plan.check()
    var run = RunRecords(plan, provenance, at: output.provenancePath)
    try output.writeSplit(of: learned.training, &run, context)
    try learned.model.write(to: output.path, overwrite: plan.overwrites, inputs: plan.protected)
    run.outputs.append(ReportOutput(path: output.path, content: "model"))
    plan.record(on: &run.provenance)
    var result = try run.finish(context)
    let choice = learned.model.classifier.configuration["choice"].map { ": \($0)" } ?? ""
    result.summary = "\(learned.model.classifier.id) learned from \(learned.facts.summary)\(choice)"
    return result
  }
}
