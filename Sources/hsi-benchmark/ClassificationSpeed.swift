import ArgumentParser
import Foundation
import HSIKit

/// Time and memory of LoLA-SpecViT at its released size beside the machine's limits and the same network in PyTorch.
struct ClassificationSpeed: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "classification",
    abstract: "LoLA-SpecViT: inference and adapter training step beside sgemm and PyTorch; training on a scene.")

  @Option(help: "infer, train (adapter mode), or scene (the default preset learns and maps Salinas-A).") var task =
    "infer"
  @Option(help: "Patches per batch: 16 for inference, 32 for training by default.") var batch: Int?
  @Option(help: "Runs; the least time counts.") var runs = 5
  @Option(help: "Python with PyTorch, to run the peer.") var python: String?
  @Option(help: "Folder of the peers.") var peers = "../shared/peers"
  @Option(help: "Weights of the released size, as bench.py writes them; the peer makes the file where it is absent.")
  var weights: String = NSTemporaryDirectory() + "/hsi-lola-weights.safetensors"
  @Option(help: "Folder of the data, for scene.") var data = "../shared/data"
  @Option(help: "Classifier, for scene.") var model = "lola-specvit-tiny"
  @Option(help: "Settings NAME=VALUE of the classifier, for scene.") var set: [String] = []
  @Option(help: "Split, for scene: disjoint, random, fixed.") var scheme = "disjoint"
  @Option(help: "Training pixels, for scene: 10%, 500.") var training = "10%"
  @Option(help: "Guard band of the disjoint split; the radius of the patch by default.") var guardBand: Int?
  @Option(help: "Share of validation pixels, for scene.") var validation = 0.0
  @Option(help: "Seed, for scene.") var seed: UInt64 = 1

  func run() throws {
    if task == "scene" { return try learnScene() }
    let isTraining = task == "train"
    let batch = batch ?? (isTraining ? 32 : 16)
    let rival = try python.map { try peer($0, isTraining: isTraining, batch: batch) }
    let limits = MachineLimits.measure()
    print("LoLA-SpecViT, batch \(batch), \(limits.threads) threads; sgemm \(Int(limits.sgemm)) GFLOP/s")
    let checkpoint = try LoLACheckpoint(WeightFile.open(weights).droppingPrefix("w.")) {
      $0.hasPrefix("in.") || $0.hasPrefix("out.")
    }
    let x = noise([batch, 15, 15, 15, 1])
    let seconds: Double
    let clock = ProcessClock()
    if isTraining {
      let network = try checkpoint.network()
      network.trainAdapters()
      let optimiser = Optimiser(.adamW(), network.store.trainable, decay: 0.01)
      var step: UInt64 = 0
      seconds = bestTime(runs: runs) {
        step += 1
        let tape = Tape(.training, seed: 1, stream: step)
        let labels = (0..<batch).map { $0 % checkpoint.shape.classes }
        tape.backward(from: tape.crossEntropy(network(Variable(x), tape), labels: labels, smoothing: 0.1))
        optimiser.step(rates: [2e-5], clipNorm: 0.5)
      }
    } else {
      let network = try checkpoint.folded()
      seconds = bestTime(runs: runs) { _ = network(x) }
      if let (input, output) = try reference() {
        let y = network(input)
        let largest = output.values.reduce(Float(0)) { max($0, abs($1)) }
        let error = zip(y.values, output.values).reduce(Float(0)) { max($0, abs($1.0 - $1.1)) }
        print("largest difference from PyTorch's result: \(error / largest) of the largest logit")
      }
    }
    // Counted on the official code, 2 per multiply-add: 7.62 GFLOP forward.
    var line = String(
      format: "%@: %.0f ms, %.1f patches/s, peak %.0f MiB resident, %.0f MiB of tensors",
      isTraining ? "adapter training step" : "inference", seconds * 1e3, Double(batch) / seconds, peakMebibytes,
      Double(BufferPool.current.statistics.peakBytesInUse) / 1048576)
    line += String(format: ", %.0f ms of processor time per run", 1e3 * clock.seconds / Double(runs + 1))
    if let rival {
      line += String(
        format:
          "; PyTorch %.0f ms (least), %.1f patches/s, %.0f ms of processor time, peak %.0f MiB resident; ratio %.2f",
        rival.seconds * 1e3, Double(batch) / rival.seconds, rival.processor * 1e3, rival.mebibytes,
        rival.seconds / seconds)
    }
    print(line)
  }

  /// Processor time of this process since it was made.
  private struct ProcessClock {
    private let start = clock()
    var seconds: Double { Double(clock() - start) / Double(CLOCKS_PER_SEC) }
  }

  /// Largest resident memory of this process so far.
  private var peakMebibytes: Double { Double(Provenance.peakMemory) / 1048576 }

  private func noise(_ shape: [Int]) -> Tensor {
    var random = CounterRandom(seed: 3)
    return Tensor(shape, (0..<shape.reduce(1, *)).map { _ in Float(random.normal()) })
  }

  /// Input and result that the peer stored with its weights.
  private func reference() throws -> (input: Tensor, output: Tensor)? {
    let file = try WeightFile.open(weights)
    guard let input = try file["in.x"]?.floats(), let output = try file["out.y"]?.floats() else { return nil }
    return (input.reshaped(input.shape + [1]), output)
  }

  private func peer(_ python: String, isTraining: Bool, batch: Int) throws
    -> (seconds: Double, processor: Double, mebibytes: Double)
  {
    func run(_ arguments: [String]) throws -> [String: Any] {
      let process = Process()
      process.executableURL = URL(fileURLWithPath: python)
      process.currentDirectoryURL = URL(fileURLWithPath: peers)
      process.arguments = ["bench.py", "lola", "--threads", "\(Parallel.threads)", "--json"] + arguments
      let pipe = Pipe()
      process.standardOutput = pipe
      try process.run()
      let data = pipe.fileHandleForReading.readDataToEndOfFile()
      process.waitUntilExit()
      return (try? JSONSerialization.jsonObject(with: data) as? [String: Any]) ?? [:]
    }
    if !FileManager.default.fileExists(atPath: weights) {
      _ = try run(["--batch", "4", "--repeat", "1", "--warmup", "0", "--weights", weights])
    }
    let report = try run([
      "--task", isTraining ? "train" : "infer", "--batch", "\(batch)", "--repeat", "\(runs)",
    ])
    func number(_ names: String...) -> Double { names.lazy.compactMap { report[$0] as? Double }.first ?? .nan }
    return (
      number("min_s", "least_s", "wall_min_s"), number("cpu_s"),
      number("peak_rss_mib", "peak_mib")
    )
  }

  // MARK: - A scene

  private func learnScene() throws {
    let context = RunContext(seed: seed)
    func cube(_ file: String) throws -> Cube {
      try FileSource(RasterFormats.open("\(data)/\(file)", context: context), context: context).load(context)
    }
    let scene = try cube("salinas-a/SalinasA_corrected_bip.img")
    let truth = try cube("salinas-a/SalinasA_gt.mat")
    let labels = try LabelMap(
      lines: truth.shape.lines, samples: truth.shape.samples,
      values: UnsafeBufferPointer(start: truth.pixels.pointer, count: truth.count), positions: truth.positions,
      path: "SalinasA_gt.mat")
    var values: [String: Double] = [:]
    for pair in set {
      let parts = pair.split(separator: "=")
      if parts.count == 2 { values[String(parts[0])] = Double(parts[1]) }
    }
    let classifier = try Classifiers.named(model, values)
    guard let scheme = SplitRequest.Scheme(rawValue: scheme), let amount = SplitRequest.Amount(training) else {
      throw ValidationError("no such split")
    }
    let split = try SplitRequest(
      scheme: scheme, training: amount, validation: validation, guardRadius: guardBand ?? classifier.patchRadius
    ).split(labels, context)
    let task = ClassificationTask(
      scene: scene, training: split.pixels(.training, of: labels), validation: split.pixels(.validation, of: labels),
      classes: labels.classes.entries)
    var trained: (any TrainedClassifier)?
    let start = Date()
    trained = try classifier.train(task, context)
    let trainingSeconds = Date().timeIntervalSince(start)
    guard let trained else { return }
    let begin = Date()
    let probabilities = try trained.probabilities(scene, lines: 0..<scene.shape.lines, context)
    let mappingSeconds = Date().timeIntervalSince(begin)
    var matrix = ConfusionMatrix(classes: labels.classes.count)
    let test = split.pixels(.test, of: labels)
    var row = 0
    for (place, label) in zip(test.positions, test.labels) {
      while scene.positions[row] < place { row += 1 }
      let values = probabilities.row(row)
      matrix.add(truth: label, result: values.indices.max { values[$0] < values[$1] })
    }
    let accuracy = HSIKit.Accuracy(matrix)
    print(
      String(
        format:
          "%@ on Salinas-A, %@ split of %@ (guard %d), seed %d: %d training, %d test pixels; trained in %.1f s, mapped in %.2f s; OA %.2f %%, AA %.2f %%, kappa %.4f; peak %.0f MiB",
        model, scheme.rawValue, training, guardBand ?? classifier.patchRadius, seed, task.training.count, test.count,
        trainingSeconds,
        mappingSeconds, 100 * accuracy.overall, 100 * accuracy.average, accuracy.kappa, peakMebibytes))
    for point in trained.curve.suffix(3) {
      print("  epoch \(point.epoch): loss \(point.loss) \(point.validationAccuracy.map { "validation \($0)" } ?? "")")
    }
  }
}
