import Foundation
import HSIClassification
import HSICore
import HSIReport
import HSITransformer

/// Adapts a trained network to another scene, and writes what was learned beside the model.
public struct FinetuneJob: Sendable {
  /// The scene to adapt to.
  public var scene: SceneRequest
  /// Its labels, whose classes may be others than those of the model.
  public var labels: LabelRequest
  /// The model file.
  public var model: String
  /// What of the network changes, as the user wrote it: `lora:r=8`, `s2ft:ratio=0.03`, `sara:share=0.1` … (`Adaptation`).
  public var adaptation = "lora:r=8"
  /// Passes over the training pixels; nil for the usual number.
  public var epochs: Int?
  /// Highest learning rate; nil for that of the networks.
  public var rate: Double?
  /// Whether the file is the whole adapted model in place of what was learned beside the old one.
  public var writesModel = false
  /// How labelled pixels are divided.
  public var division = LabelDivision.usual
  /// What is written.
  public var output: TrainingOutputRequest

  /// Adapters for a model on another scene.
  public init(scene: SceneRequest, labels: LabelRequest, model: String, output: TrainingOutputRequest) {
    self.scene = scene
    self.labels = labels
    self.model = model
    self.output = output
  }

  /// Does the work.
  ///
  /// - Throws: `CoreError.invalidParameter`, `ClassificationError.notAdaptable`, the errors of opening, training and writing.
  public func run(_ context: RunContext) throws -> JobResult {
    let claim = context.claimThreads()
    defer { claim.release() }
    let adaptation = try Adaptation(adaptation, option: "\(option: "adapter")")
    let provenance = Provenance(
      options: ["scene": scene.path, "labels": labels.path, "from": model, "adapter": adaptation.text],
      isClassification: true, context)
    var plan = try output.plan(context)
    plan.read(scene.named + [labels.path, model] + division.files)
    try plan.check()
    let trained = try ClassificationModel.read(model)
    guard let base = trained.classifier as? any AdaptableClassifier else {
      throw ClassificationError.notAdaptable(
        model: model, kind: try Classifiers.entry(trained.classifier.id).description.name)
    }
    let radius = trained.classifier.patchRadius
    let training = try TrainingScene.load(
      scene.open(context), labels: labels.read(for: scene, known: trained.classes.byValue, context),
      division: division, matching: trained.classifier.takesAnyBands ? nil : (trained.axis, model),
      patchRadius: radius, context
    ) { shape, _, _ in trained.classifier.predictionBytes(samples: shape.samples).fixed }
    let task = training.task(isTransductive: false)
    try task.check()
    try trained.checkUnits(of: training.scene, named: model, isTold: scene.opening.factor != nil, context)
    let classes = training.labels.classes
    let learned = try base.finetuned(
      task, by: adaptation, keepsHead: classes.values == trained.classes.values, epochs: epochs, rate: rate,
      output.session(context), context)
    let facts = TrainedFacts(
      task: task, split: training.split.facts, scene: scene.path, labels: labels.path,
      seed: context.seed)
    var card = ModelCard(architecture: trained.classifier.id)
    facts.write(on: &card)
    card.source = (model as NSString).lastPathComponent
    plan = try output.plan(hasLearned: true, context)
    plan.read(training.files)
    plan.read([model], digested: true)
    try plan.check()
    var run = RunRecords(plan, provenance, at: output.provenancePath)
    try output.writeSplit(of: training, &run, context)
    if writesModel {
      let file = try trained.file(
        of: learned, card: card, classes: classes, trainingCounts: task.trainingCounts, split: training.split.facts,
        brightness: BrightnessRange(task), named: output.path)
      try trained.adapted(by: file, model: model).write(
        to: output.path, overwrite: plan.overwrites, inputs: plan.protected)
    } else {
      try trained.write(
        learned, card: card, classes: classes, trainingCounts: task.trainingCounts, split: training.split.facts,
        brightness: BrightnessRange(task), to: output.path, overwrite: plan.overwrites, inputs: plan.protected)
    }
    run.outputs.append(ReportOutput(path: output.path, content: writesModel ? "model" : "adapter"))
    plan.record(on: &run.provenance)
    var result = try run.finish(context)
    result.summary = "\(adaptation.text) learned from \(facts.summary)"
    return result
  }
}
