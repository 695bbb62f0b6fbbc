import Foundation
import HSIClassification
import HSICore
import HSIReport
import HSITransformer

/// Makes a trained network forget classes with a few labelled pixels, and writes the model without them.
public struct ForgetJob: Sendable {
  /// A scene with pixels of the classes to forget and of those to keep.
  public var scene: SceneRequest
  /// Its labels, whose classes are those of the model.
  public var labels: LabelRequest
  /// The model file.
  public var model: String
  /// Names or values of the classes to forget.
  public var classes: [String]
  /// How it is made to forget.
  public var recipe = ForgettingRecipe()
  /// How labelled pixels are divided: the effect is measured on test pixels.
  public var division = LabelDivision.usual
  /// What is written.
  public var output: TrainingOutputRequest

  /// Classes to forget.
  public init(
    scene: SceneRequest, labels: LabelRequest, model: String, classes: [String], output: TrainingOutputRequest
  ) {
    (self.scene, self.labels, self.model, self.classes, self.output) = (scene, labels, model, classes, output)
  }

  /// Does the work.
  ///
  /// - Throws: `CoreError.invalidParameter`, `ClassificationError.notForgetful`, the errors of opening, training and writing.
  public func run(_ context: RunContext) throws -> JobResult {
    let claim = context.claimThreads()
    defer { claim.release() }
    let provenance = Provenance(
      options: [
        "scene": scene.path, "labels": labels.path, "from": model, "class": classes.joined(separator: ","),
        "samples": "\(recipe.samples)", "steps": "\(recipe.steps)",
      ], isClassification: true, context)
    var plan = try output.plan(context)
    plan.read(scene.named + [labels.path, model] + division.files)
    try plan.check()
    var trained = try ClassificationModel.read(model)
    guard let base = trained.classifier as? any ForgettingClassifier else {
      throw ClassificationError.notForgetful(
        model: model, kind: try Classifiers.entry(trained.classifier.id).description.name)
    }
    let forgotten = try chosen(trained.classes)
    let training = try TrainingScene.load(
      scene.open(context), labels: labels.read(for: scene, known: trained.classes.byValue, context),
      division: division, matching: (trained.axis, model), patchRadius: base.patchRadius, context
    ) { shape, _, _ in base.predictionBytes(samples: shape.samples).fixed }
    let numbers = try training.labels.classes.values.map { value in
      guard let index = trained.classes.index(of: value) else {
        throw ClassificationError.modelMismatch(
          model: model, reason: "it does not know class \(value) of \(labels.path)",
          advice: "give labels of its own classes; hsi model info lists them")
      }
      return index
    }
    func inModel(_ pixels: LabelledPixels) -> LabelledPixels {
      LabelledPixels(positions: pixels.positions, labels: pixels.labels.map { numbers[$0] })
    }
    var task = training.task(isTransductive: false)
    (task.training, task.validation) = (inModel(task.training), inModel(task.validation))
    task.classes = trained.classes.entries
    try trained.checkUnits(of: training.scene, named: model, isTold: scene.opening.factor != nil, context)
    let test = inModel(training.split.pixels(.test, of: training.labels))
    let result = try base.forgetting(forgotten, task, test: test, recipe, output.session(context), context)
    let names = forgotten.sorted().map { trained.classes.names[$0] }.joined(separator: ", ")
    try warn(result, names, context)
    trained = trained.replacing(result.classifier)
    trained.card.source = (model as NSString).lastPathComponent
    trained.card.notes = "made to forget \(names)"
    trained.card.metrics = [
      ("right of forgotten classes before masking", result.before.forgotten, result.after.forgotten),
      ("right of the other classes", result.before.remaining, result.after.remaining),
      ("found by a linear probe", result.before.probe, result.after.probe),
    ].flatMap { name, before, after in
      [("before", before), ("after", after)].filter(\.1.isFinite).map {
        .init(name: name, value: (1e4 * $0.1).rounded() / 1e4, unit: "share", conditions: "\($0.0), test pixels")
      }
    }
    plan = try output.plan(hasLearned: true, context)
    plan.read(training.files)
    plan.read([model], digested: true)
    try plan.check()
    var run = RunRecords(plan, provenance, at: output.provenancePath)
    try output.writeSplit(of: training, &run, context)
    try trained.write(to: output.path, overwrite: plan.overwrites, inputs: plan.protected)
    run.outputs.append(ReportOutput(path: output.path, content: "model"))
    plan.record(on: &run.provenance)
    var done = try run.finish(context)
    done.summary = summary(result, names)
    return done
  }

  /// Numbers of the classes that were named.
  private func chosen(_ table: ClassTable) throws -> Set<Int> {
    let numbers = try classes.map { text -> Int in
      let byName = table.names.indices.filter { table.names[$0].lowercased() == text.lowercased() }
      if byName.count == 1 { return byName[0] }
      if byName.isEmpty, let value = UInt16(text), let index = table.index(of: value) { return index }
      throw CoreError.invalidParameter(
        name: "\(option: "class")", value: text,
        requirement: (byName.isEmpty ? "a class of the model, by name or value: " : "given by value: ")
          + zip(table.values, table.names).map { "\($0) \($1)" }.joined(separator: ", "))
    }
    guard !numbers.isEmpty, table.count - Set(numbers).count >= 2 else {
      throw CoreError.invalidParameter(
        name: "\(option: "class")", value: classes.joined(separator: ","),
        requirement: "at least one class, with two that stay (the model has \(table.count))")
    }
    return Set(numbers)
  }

  private func percent(_ value: Double) -> String { value.isFinite ? String(format: "%.1f %%", 100 * value) : "?" }

  private func summary(_ result: Forgetting, _ names: String) -> String {
    "\(names): right \(percent(result.before.forgotten)) before, \(percent(result.after.forgotten)) after (none in maps); "
      + "told from the most similar class by a linear probe \(percent(result.before.probe)) before, \(percent(result.after.probe)) after (50 % is "
      + "guessing); other classes \(percent(result.before.remaining)) before, \(percent(result.after.remaining)) after; "
      + "\(result.changedBlocks) of \(result.blocks) blocks changed"
  }

  /// Says what cannot be called forgotten, and what was lost beside it.
  private func warn(_ result: Forgetting, _ names: String, _ context: RunContext) throws {
    if result.after.probe > 0.6 {
      context.warn(
        "W-FORGET-PROBE",
        "a linear map still tells \(names) from every other class (\(percent(result.after.probe)) balanced accuracy): more "
          + "\(option: "steps") or \(option: "samples") hide it better")
    }
    if result.after.remaining < result.before.remaining - 0.01 {
      context.warn(
        "W-FORGET-LOSS",
        "the other classes lost \(percent(result.before.remaining - result.after.remaining)): more \(option: "samples") "
          + "keep them better")
    }
  }
}
