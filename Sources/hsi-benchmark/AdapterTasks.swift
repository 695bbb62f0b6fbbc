import Foundation
import HSIClassification
import HSIKit

/// The tasks of `adapter-accuracy`.
enum AdapterTasks {
  static func all(_ data: String) -> [AdapterTask] {
    [
      AdapterTask(
        name: "LoLA-SpecViT to another scene", measure: "OA %",
        text: """
          `lola-specvit-tiny`, trained on a simulated AVIRIS scene of eight materials, adapted to Salinas-A with ten labels per class, disjoint \
          split (`hsi classify finetune`). Not adapted: the same network trained from scratch on these labels. Trials: another simulated scene, six materials.
          """
      ) { try LoLAAdapterTask(data, isTrial: $0, $1) },
      AdapterTask(
        name: "LESS ViT to labels", measure: "OA %",
        text: """
          `less-tiny` from `less-tiny-base`, Salinas-A with ten labels per class, disjoint split (`hsi classify train --from`). Not adapted: the \
          head alone is trained. Trials: a simulated scene of six materials.
          """
      ) { try LESSAdapterTask(data, isTrial: $0, $1) },
      AdapterTask(
        name: "HSDT to another sensor", measure: "MPSNR dB",
        text: """
          `hsdt-s` on a scene of the CAVE camera: patches of the left half, judged on patches of the right half with noise of all kinds \
          (`hsi train denoise --from`, 3 epochs of 200 patches of 32 × 32). MPSNR is that of the last weights. Not adapted: the network as it \
          comes. Trials: Reno.
          """
      ) { try HSDTAdapterTask(data, isTrial: $0, $1) },
    ]
  }

  /// Salinas-A, or for trials a simulated scene on its bands, with labels and a split of ten labels per class.
  static func target(_ data: String, isTrial: Bool, _ context: RunContext) throws -> (
    cube: Cube, labels: LabelMap, split: Split
  ) {
    let usable = (0..<224).filter { !(107...111).contains($0) && !(153...166).contains($0) && $0 != 223 }
    let (cube, labels) = try ClassificationScene.load(
      data, "salinas-a/SalinasA.mat", "salinas-a/SalinasA_gt.mat", axis: SensorTable.named("aviris")?.axis,
      bands: usable)
    let request = SplitRequest(scheme: .disjoint, training: .perClass(10), guardRadius: 7)
    return (cube, labels, try request.split(labels, context))
  }

  /// Overall accuracy of test pixels in percent.
  static func accuracy(
    _ trained: any TrainedClassifier, _ cube: Cube, _ labels: LabelMap, _ split: Split, _ context: RunContext
  ) throws -> Double {
    let run = try ClassificationScene.judged(trained, cube, labels, split, resolution: 3.7, context)
    return 100 * run.overall
  }

  /// Bytes of a file of some tensors.
  static func size(_ contents: [(name: String, content: SafetensorsWriter.Content)]) throws -> Int {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("hsi-adapter-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try SafetensorsWriter.write(contents, to: path, overwrite: false)
    return ((try FileManager.default.attributesOfItem(atPath: path))[.size] as? NSNumber)?.intValue ?? 0
  }

  /// The maps that low-rank pairs of a file stand beside.
  static func maps(_ contents: [(name: String, content: SafetensorsWriter.Content)]) -> [(input: Int, output: Int)] {
    let shapes = Dictionary(uniqueKeysWithValues: contents.map { ($0.name, $0.content.shape) })
    return contents.compactMap { name, content in
      guard name.hasSuffix("lora_down.weight"), let up = shapes[name.replacing("lora_down", with: "lora_up")] else {
        return nil
      }
      return (content.shape[1], up[0])
    }
  }
}

private struct LoLAAdapterTask: PreparedAdapterTask {
  private let target: (cube: Cube, labels: LabelMap, split: Split)
  private let base: TrainedLoLA
  let maps: [(input: Int, output: Int)]
  let weights: Int

  init(_ data: String, isTrial: Bool, _ context: RunContext) throws {
    target = try AdapterTasks.target(data, isTrial: isTrial, context)
    let (cube, labels) = try ClassificationScene.simulated(target.cube.metadata.axis, materials: 8, seed: 904)
    let split = try SplitRequest(scheme: .random, training: .perClass(100), guardRadius: 0).split(labels, context)
    let task = ClassificationTask(
      scene: cube, training: split.pixels(.training, of: labels), classes: labels.classes.entries)
    guard let base = try Classifiers.named("lola-specvit-tiny").train(task, context) as? TrainedLoLA else {
      throw CoreError.invalidParameter(name: "model", value: "lola-specvit-tiny", requirement: "a LoLA-SpecViT")
    }
    self.base = base
    let network = LoLASpecViT(base.shape, in: ParameterStore(isBlank: true))
    // As fine-tuning attaches them: beside all maps but the head.
    maps = network.linears.dropLast().map { ($0.input, $0.output) }
    weights = network.store.parameterCount
  }

  private func task(_ context: RunContext) -> ClassificationTask {
    ClassificationTask(
      scene: target.cube, training: target.split.pixels(.training, of: target.labels),
      classes: target.labels.classes.entries)
  }

  func run(_ adaptation: String?, rate: Double, _ context: RunContext) throws -> AdapterRun {
    let start = Date()
    guard let adaptation else {
      let trained = try Classifiers.named("lola-specvit-tiny").train(task(context), context)
      let seconds = Date().timeIntervalSince(start)
      return AdapterRun(
        score: try AdapterTasks.accuracy(trained, target.cube, target.labels, target.split, context), values: weights,
        bytes: try AdapterTasks.size(trained.contents), seconds: seconds)
    }
    let learned = try base.finetuned(
      task(context), by: Adaptation(adaptation, option: "adapter"), keepsHead: false, epochs: nil,
      rate: rate * PatchRecipe().rate, context)
    let seconds = Date().timeIntervalSince(start)
    var card = ModelCard(architecture: base.id + TrainedAdapter.suffix)
    card.configuration = learned.configuration
    let adapted = try base.adapted(by: WeightFile(learned.contents, card: card, named: "the adapter"))
    return AdapterRun(
      score: try AdapterTasks.accuracy(adapted, target.cube, target.labels, target.split, context),
      values: learned.contents.reduce(0) { $0 + ($1.content.isFloats ? $1.content.count : 0) },
      bytes: try AdapterTasks.size(learned.contents), seconds: seconds)
  }
}

private struct LESSAdapterTask: PreparedAdapterTask {
  private let target: (cube: Cube, labels: LabelMap, split: Split)
  private let file: WeightFile
  let maps: [(input: Int, output: Int)]
  let weights: Int

  init(_ data: String, isTrial: Bool, _ context: RunContext) throws {
    target = try AdapterTasks.target(data, isTrial: isTrial, context)
    file = try WeightFile.open(WeightSearch.locate("less-tiny-base"))
    let encoder = try ModelFile<LESSAutoencoder>(file).configuration.encoder
    let network = LESSSegmenter(
      LESSSegmenter.Configuration(LESSTaskConfiguration(encoder, classes: target.labels.classes.count)),
      in: ParameterStore(isBlank: true))
    maps = network.linears.map { ($0.input, $0.output) }
    weights = network.store.parameterCount
  }

  func run(_ adaptation: String?, rate: Double, _ context: RunContext) throws -> AdapterRun {
    let scope = adaptation.map { SegmenterRecipe.Scope.adapted($0) } ?? .head
    var task = ClassificationTask(
      scene: target.cube, training: target.split.pixels(.training, of: target.labels),
      classes: target.labels.classes.entries)
    task.resolution = 3.7
    guard
      let classifier = try Classifiers.named("less-tiny", ["rate": SegmenterRecipe().rate * rate])
        as? any PretrainedClassifier
    else {
      throw CoreError.invalidParameter(name: "model", value: "less-tiny", requirement: "a LESS ViT")
    }
    let start = Date()
    let trained = try classifier.starting(from: file, scope).train(task, context)
    let seconds = Date().timeIntervalSince(start)
    return AdapterRun(
      score: try AdapterTasks.accuracy(trained, target.cube, target.labels, target.split, context),
      values: try values(adaptation), bytes: try AdapterTasks.size(trained.contents), seconds: seconds)
  }

  /// How many values the training changed, by the plan of the adaptation.
  private func values(_ adaptation: String?) throws -> Int {
    let encoder = try ModelFile<LESSAutoencoder>(file).configuration.encoder
    let network = LESSSegmenter(
      LESSSegmenter.Configuration(LESSTaskConfiguration(encoder, classes: target.labels.classes.count)), seed: 0)
    try network.loadEncoder(from: file)
    let head = network.store.parameters.filter { $0.name.hasPrefix("decoder.") && !$0.isBuffer }
    guard let adaptation else { return head.reduce(0) { $0 + $1.value.count } }
    if adaptation.hasPrefix("sara") {
      let share = Double(adaptation.split(separator: "=").last ?? "0") ?? 0
      let rest = network.store.parameters.filter { !$0.isBuffer && !$0.name.hasPrefix("decoder.") }
      return Int(share * Double(rest.reduce(0) { $0 + $1.value.count })) + head.reduce(0) { $0 + $1.value.count }
    }
    _ = try Adaptation(adaptation, option: "adapter").begin(network.linears, network.store) {
      $0.name.hasPrefix("decoder.")
    }
    return network.store.trainable.reduce(0) { $0 + $1.value.count }
  }
}

private struct HSDTAdapterTask: PreparedAdapterTask {
  private let left, right: Cube
  private let path: String
  let maps: [(input: Int, output: Int)]
  let weights: Int

  init(_ data: String, isTrial: Bool, _ context: RunContext) throws {
    let name = isTrial ? "Reno" : "CAVE feathers"
    guard let scene = CleanScene.keptOut.first(where: { $0.name == name }) else {
      throw CoreError.invalidParameter(name: "data", value: data, requirement: "the folder of the data sets")
    }
    let cube = try scene.load(data, context)
    let half = cube.shape.samples / 2
    left = HSDTAdapterTask.columns(0..<half, of: cube)
    right = HSDTAdapterTask.columns(half..<cube.shape.samples, of: cube)
    path = WeightSearch.locate("hsdt-s")
    let network = try Model<HSDT>.read(path).network
    maps = network.linears.map { ($0.input, $0.output) }
    weights = network.store.parameterCount
  }

  private static func columns(_ range: Range<Int>, of cube: Cube) -> Cube {
    let (lines, bands) = (cube.shape.lines, cube.shape.bands)
    let pixels = PixelMatrix(rows: lines * range.count, columns: bands)
    for line in 0..<lines {
      for sample in range {
        for b in 0..<bands {
          pixels[line * range.count + sample - range.lowerBound, b] = cube.pixels[line * cube.shape.samples + sample, b]
        }
      }
    }
    return Cube(lines: lines, samples: range.count, pixels: pixels)
  }

  func run(_ adaptation: String?, rate: Double, _ context: RunContext) throws -> AdapterRun {
    var request = DenoisingTraining()
    let model = try Model<HSDT>.read(path)
    request.base = ("hsdt-s", model)
    request.adaptation = adaptation
    (request.epochs, request.patchesPerEpoch, request.patch, request.stride) = (3, 200, 32, 16)
    (request.scales, request.bandSteps, request.batch, request.rate) = ("1", "1,2", 8, 1e-3 * rate)
    request.evaluateEvery = 1_000_000
    // A network that is only judged takes a step of nothing.
    if adaptation == nil { (request.epochs, request.patchesPerEpoch, request.rate) = (1, 8, 1e-30) }
    let out = FileManager.default.temporaryDirectory.appendingPathComponent(
      "hsi-adapter-\(UUID().uuidString).safetensors")
    defer { try? FileManager.default.removeItem(at: out) }
    let (left, right) = (left, right)
    let start = Date()
    let outcome = try request.run(
      request.startingModel(seed: context.seed),
      training: SceneSeries(["left"], shape: { _ in left.shape }) { _ in left },
      judging: SceneSeries(["right"], shape: { _ in right.shape }) { _ in right }, to: out.path, TrainingSession(),
      context)
    let seconds = Date().timeIntervalSince(start)
    let tuned = try WeightFile.open(out.path)
    let base = try WeightFile.open(path)
    // Of `sara` the values that changed.
    let own = tuned.tensors.filter { base[$0.name] == nil && $0.type == .float32 }.reduce(0) { $0 + $1.count }
    let changed = try WeightDifference(base, tuned).changed.filter { !$0.name.contains("running_") }
      .reduce(0) { $0 + $1.values }
    return AdapterRun(
      score: outcome.record.curve.last?.score ?? .nan, values: adaptation == nil ? 0 : own > 0 ? own : changed,
      bytes: try AdapterTasks.size(tuned.contents()), seconds: adaptation == nil ? 0 : seconds)
  }
}

extension SafetensorsWriter.Content {
  /// Whether they are numbers of single precision.
  fileprivate var isFloats: Bool {
    if case .floats = self { return true }
    return false
  }
}
