import HSIClassification
import HSICore
import HSIRaster
import HSIReport

/// Divides labelled pixels into those to learn from and those to test on, and writes the split as a raster.
public struct SplitJob: Sendable {
  /// How pixels are divided.
  public enum Division: Sendable {
    /// By a rule.
    case request(SplitRequest)
    /// As published maps of training and test pixels say.
    case maps(training: String, test: String)
  }

  /// The labels.
  public var labels: LabelRequest
  /// The image whose pixels polygons lie on; nil for labels that are a raster.
  public var like: SceneRequest?
  /// The split.
  public var output: String
  /// How.
  public var division: Division
  /// Half the patch of the model that the split is for, for the warning of overlaps.
  public var patchRadius = SplitJob.usualRadius
  /// How the raster is written.
  public var writing = RasterWriting()
  /// Provenance; `options` are its values.
  public var records = RecordRequest()
  /// What the provenance says about the division, by name.
  public var options: [String: String] = [:]

  /// Half the patch of LoLA-SpecViT and of most published patch classifiers, 15 × 15.
  public static let usualRadius = 7

  /// A split of labels.
  public init(labels: LabelRequest, output: String, division: Division) {
    self.labels = labels
    self.output = output
    self.division = division
  }

  /// Does the work; the text of the result is a table of the pixels of each class by role.
  ///
  /// - Throws: the errors of opening, dividing and writing.
  public func run(_ context: RunContext) throws -> JobResult {
    let claim = context.claimThreads()
    defer { claim.release() }
    let provenance = Provenance(options: options, isClassification: true, context)
    let file = try like.map { try labels.read(for: $0, context) } ?? labels.read(context)
    var plan = OutputPlan(overwrites: writing.overwrites, context)
    plan.read(file.files + (like?.named ?? []))
    let split: Split
    switch division {
    case .request(let request): split = try request.split(file.map, context)
    case .maps(let training, let test):
      let maps = try [training, test].map { try labels.of($0).withoutAttribute.read(context) }
      plan.read(maps.flatMap(\.files))
      guard (maps[0].map.lines, maps[0].map.samples) == (file.map.lines, file.map.samples) else {
        throw ClassificationError.grid(
          path: training,
          reason: "it has \(maps[0].map.lines) lines × \(maps[0].map.samples) samples but the labels "
            + "\(file.map.lines) × \(file.map.samples)",
          advice: "pass maps of the grid of the labels")
      }
      split = try PublishedSplit.make(
        training: maps[0].map, test: maps[1].map, labels: file.map, paths: (training, test))
    }
    split.warnOfOverlap(radius: patchRadius, context)
    try plan.writeRaster(output, writing)
    let provenancePath = records.provenancePath(of: output)
    plan.write(provenancePath, replaceable: true)
    try plan.check()
    var run = RunRecords(plan, provenance, at: provenancePath)
    plan.record(on: &run.provenance)
    run.provenance.options["guard"] = "\(split.facts.guardRadius)"
    run.outputs += try SplitRaster.write(
      split, like: file.reader.metadata, to: output, options: writing.options(inputs: plan.protected), context
    ).map { ReportOutput(path: $0, content: "split") }
    var result = try run.finish(context)
    result.text = SplitRaster.table(split, file.map)
    return result
  }
}
