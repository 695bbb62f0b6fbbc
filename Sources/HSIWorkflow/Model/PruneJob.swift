import Foundation
import HSIClassification
import HSICore
import HSINetworks
import HSIReport
import HSIRestoration
import HSITransformer

/// Makes a network sparse: zeroes what a pattern drops, trains what stays where there are scenes to learn from, and writes a file
/// without the zeros.
public struct PruneJob: Sendable {
  /// The weights, by path or name.
  public var weights: String
  /// The file to write.
  public var output: String
  /// What stays.
  public var pattern: PruningPattern
  /// Whether an existing file may be replaced.
  public var overwrites = false

  /// A network and a pattern.
  public init(_ weights: String, to output: String, _ pattern: PruningPattern) {
    (self.weights, self.output, self.pattern) = (weights, output, pattern)
  }

  // MARK: - Without training

  /// Zeroes what does not stay and writes the file; nothing is trained, and a warning says so.
  ///
  /// - Throws: `TransformerError` for files of no known network, the errors of writing.
  public func run(_ context: RunContext) throws -> JobResult {
    var plan = OutputPlan(overwrites: overwrites, context)
    plan.read([weights])
    plan.write(output)
    try plan.check()
    let file = try WeightFile.open(WeightSearch.locate(weights))
    let pruning = Pruning(pattern, of: try PruneJob.network(in: file).store)
    try require(pruning)
    // Names of a wrapper would leave everything as it is.
    if let missing = pruning.rules.keys.sorted().first(where: { file[$0] == nil }) {
      throw TransformerError.missingTensor(
        path: file.path, tensor: missing, model: [], instead: file.tensors.first?.name)
    }
    let contents = try file.tensors.map { tensor -> (name: String, content: SafetensorsWriter.Content) in
      guard let rule = pruning.rules[tensor.name] else { return (tensor.name, .stored(tensor)) }
      return (tensor.name, .floats(rule.kept(try tensor.floats())))
    }
    var card = try file.card()
    card?.pruning = pattern.text
    card?.source = (weights as NSString).lastPathComponent
    // What was measured was measured before.
    card?.metrics = nil
    card?.training = "pruned to \(pattern.text) without training"
    try SafetensorsWriter.write(
      SparseStorage.packed(contents), card: card, metadata: file.metadata, to: output, overwrite: overwrites,
      inputs: [file.path])
    context.warn(
      "W-PRUNED-UNTRAINED",
      "the weights that stay were not trained: results may be much worse; give \(option: "train") and scenes")
    return result(pruning)
  }

  private func require(_ pruning: Pruning) throws {
    guard pruning.count > 0 else {
      throw CoreError.invalidParameter(
        name: "\(option: "pattern")", value: pattern.text,
        requirement: "one that fits a matrix of the network: none has so many inputs")
    }
  }

  /// The network that a file holds.
  ///
  /// - Throws: `TransformerError.unknownArchitecture` where it holds none that is known.
  private static func network(in file: WeightFile) throws -> any Network {
    guard let found = try Networks.all.recognise(file), let entry = Networks.all.find(found.id) else {
      throw TransformerError.unknownArchitecture(
        path: file.path, task: "pruning", detail: "it is no network that hsi knows (hsi methods lists them)")
    }
    return try entry.read(file, nil).network
  }

  /// What was kept, and how large the files are.
  private func result(_ pruning: Pruning, _ summary: String? = nil) -> JobResult {
    var result = JobResult(outputs: [ReportOutput(path: output, content: "weights")])
    // A training that was stopped before anything was judged has written none.
    guard FileManager.default.fileExists(atPath: output) else { return result }
    let (before, after) = (PruneJob.size(WeightSearch.locate(weights)), PruneJob.size(output))
    result.summary =
      "\(pattern.text): \(pruning.kept) of \(pruning.count) weights that can be pruned stay; "
      + "\(MemoryBudget.text(before)) before, \(MemoryBudget.text(after)) after" + (summary.map { "; \($0)" } ?? "")
    return result
  }

  private static func size(_ path: String) -> Int {
    ((try? FileManager.default.attributesOfItem(atPath: path))?[.size] as? NSNumber)?.intValue ?? 0
  }

  // MARK: - With training

  /// Prunes and trains a network that restores scenes.
  ///
  /// - Parameter job: scenes and schedule of a training that starts from the weights; pattern, weights and output are set here.
  /// - Throws: the errors of `PatchTrainingJob.run`.
  public func run<Subject: PatchSubject>(_ job: PatchTrainingJob<Subject>, _ context: RunContext) throws -> JobResult {
    var job = job
    (job.weights, job.output, job.overwrites) = (weights, output, overwrites)
    job.training.adaptation = Adaptation.pruned(pattern).text
    let file = try WeightFile.open(WeightSearch.locate(weights))
    let pruning = Pruning(pattern, of: try PruneJob.network(in: file).store)
    try require(pruning)
    let done = try job.run(context)
    var result = result(pruning)
    result.outputs = done.outputs
    return result
  }

  /// Prunes and trains a classifier.
  ///
  /// - Parameter job: scene, labels and schedule of a fine-tuning of the model; the pattern is set here.
  /// - Throws: the errors of `FinetuneJob.run`.
  public func run(_ job: FinetuneJob, _ context: RunContext) throws -> JobResult {
    var job = job
    job.model = WeightSearch.locate(weights)
    job.adaptation = Adaptation.pruned(pattern).text
    job.writesModel = true
    let file = try WeightFile.open(job.model)
    let pruning = Pruning(pattern, of: try PruneJob.network(in: file).store)
    try require(pruning)
    let done = try job.run(context)
    var result = result(pruning, done.summary)
    result.outputs = done.outputs
    return result
  }

  /// What training the weights needs: scenes to restore, or a scene with labels.
  public enum Training: Sendable {
    case denoising, restoration, predictor, classifier
  }

  /// How the network of a file is trained; nil for one that cannot be.
  ///
  /// - Throws: the errors of opening.
  public static func training(of weights: String) throws -> Training? {
    let file = try WeightFile.open(WeightSearch.locate(weights))
    if let card = try file.card(), Classifiers.descriptions.contains(where: { $0.id == card.architecture }) {
      return .classifier
    }
    return switch try network(in: file) {
    case is DenoisingSubject.Trained: .denoising
    case is RestorationSubject.Trained: .restoration
    case is PredictorSubject.Trained: .predictor
    default: nil
    }
  }
}
