import Foundation
import HSIClassification
import HSICore
import HSINetworks
import HSIRaster
import HSIReport
import HSITransformer

/// Makes a model file of a checkpoint of the released LoLA-SpecViT and the scene that it was trained on.
///
/// A checkpoint holds neither the components that its network sees nor its classes: components are fitted on all valid
/// pixels of the scene, as the released code does, and classes are numbered from 1.
public struct ImportJob: Sendable {
  /// The scene that the network was trained on.
  public var scene: SceneRequest
  /// Weights with the released names.
  public var checkpoint: String
  /// Number of principal components, 1 … 1024.
  public var components = 15
  /// Components whose sign is turned, 0-based.
  public var flipped: Set<Int> = []
  /// Text file with the name of a class in every line; nil for numbers.
  public var names: String?
  /// The model file.
  public var output: String
  /// Whether existing files may be replaced.
  public var overwrites = false
  /// Provenance.
  public var records = RecordRequest()

  /// A model of a checkpoint.
  public init(scene: SceneRequest, checkpoint: String, output: String) {
    self.scene = scene
    self.checkpoint = checkpoint
    self.output = output
  }

  /// Does the work.
  ///
  /// - Throws: the errors of opening and of weights, `ClassificationError.modelMismatch`, `.badModel`.
  public func run(_ context: RunContext) throws -> JobResult {
    let claim = context.claimThreads()
    defer { claim.release() }
    let provenance = Provenance(
      options: ["scene": scene.path, "checkpoint": checkpoint, "components": "\(components)"],
      isClassification: true, context)
    let provenancePath = records.writesProvenance ? output + ".prov.json" : nil
    var plan = OutputPlan(overwrites: overwrites, context)
    plan.write(output)
    plan.write(provenancePath, replaceable: true)
    var early = plan
    early.read(scene.named + [checkpoint, names].compactMap { $0 })
    try early.check()
    let weights = try LoLACheckpoint(WeightFile.open(checkpoint))
    let classes = try table(weights.shape.classes)
    let opened = try scene.open(context)
    plan.read(opened.files)
    plan.read([checkpoint], digested: true)
    plan.read([names].compactMap { $0 })
    try plan.check()
    let bands = BandSelection.list(try opened.bands(default: .good))
    let cube = try opened.source(bands: bands, excludesZeroSpectra: true, context).load(context)
    guard cube.count > components else {
      throw ClassificationError.modelMismatch(
        model: checkpoint,
        reason: "\(components) components need more valid pixels than the \(cube.count) of the scene",
        advice: "give the scene that it was trained on")
    }
    let classifier = try weights.classifier(of: cube, components: components, flipped: flipped)
    var model = ClassificationModel(
      classifier, classes: classes, axis: cube.metadata.axis, trainingCounts: [], split: nil)
    model.card.source = (checkpoint as NSString).lastPathComponent
    model.card.createdBy = Toolkit.name
    model.card.training =
      "imported; components fitted on all pixels of \((scene.path as NSString).lastPathComponent)"
    var run = RunRecords(plan, provenance, at: provenancePath)
    try model.write(to: output, overwrite: overwrites, inputs: plan.protected)
    run.outputs.append(ReportOutput(path: output, content: "model"))
    plan.record(on: &run.provenance)
    let result = try run.finish(context)
    context.logger.notice(
      "\(classes.count) classes, patches of \(weights.shape.side) × \(weights.shape.side), \(components) components of \(cube.shape.bands) bands"
    )
    return result
  }

  /// Classes 1, 2, … with the names of the file.
  private func table(_ count: Int) throws -> ClassTable {
    guard (2...ClassTable.limit).contains(count) else {
      throw ClassificationError.badModel(path: checkpoint, reason: "it tells \(count) classes apart")
    }
    var entries = (1...count).map { ClassEntry(name: "class \($0)", colour: ClassRaster.palette($0 - 1)) }
    if let names {
      let given = Array(try ClassNames.read(names).dropFirst())
      guard given.count == count else {
        throw CoreError.invalidParameter(
          name: "\(option: "names")", value: "a file of \(given.count) names",
          requirement: "one of \(count), the classes of the checkpoint")
      }
      entries = given
    }
    return ClassTable(values: (1...count).map { UInt16($0) }, entries: entries)
  }
}
