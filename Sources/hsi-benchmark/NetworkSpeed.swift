import ArgumentParser
import Foundation
import HSIKit

/// Time and memory of a network beside the machine's own limits and, where Python has it, the same network in PyTorch.
struct NetworkSpeed: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "network",
    abstract: "Inference and training step of HSDT, MP-HSIR or LESS ViT, beside sgemm and PyTorch.",
    discussion: "The training step of LESS ViT is one of its masked autoencoder; its images have --bands bands.")

  @Option(help: "Network: hsdt-s, hsdt-m, hsdt-l, mp-hsir-natural, mp-hsir-remote, less-small, less-base.") var model =
    "hsdt-m"
  @Option(help: "Rows and columns of the input, comma-separated.") var sizes = "64,128"
  @Option(help: "Bands of the input of LESS ViT.") var bands = 103
  @Option(help: "Runs; the least time counts.") var runs = 5
  @Option(help: "Python with PyTorch, to run the peer alternately.") var python: String?
  @Option(help: "Folder of the peers.") var peers = "../shared/peers"

  /// A network to be measured.
  private struct Subject {
    let bands: Int
    /// FLOPs of inference at 64 × 64, 2 per multiply-add (specifications, by a counter), where they are known.
    var flops: Double?
    /// For a size, a pass over an image.
    let inference: (Int) -> (Tape) -> Void
    /// Weights that a training step changes, by the rule of the published recipe.
    let parameters: [Parameter]
    let rule: any UpdateRule
    var clipNorm: Double?
    /// For a size, the loss of a training step by its number.
    let loss: (Int) -> (UInt64, Tape) -> Variable
    /// What the peer is called with.
    let peer: (_ isTraining: Bool) -> [String]
  }

  private func subject() throws -> Subject {
    let flops = [
      "hsdt-s": 6.3e9, "hsdt-m": 24.3e9, "hsdt-l": 33.6e9, "mp-hsir-natural": 31.2e9, "mp-hsir-remote": 70e9,
    ]
    if let configuration = HSDTConfiguration(named: model) {
      let network = HSDT(configuration, seed: 1)
      func input(_ size: Int) -> Tensor { noise([1, 31, size, size, 1]) }
      return Subject(
        bands: 31, flops: flops[model],
        inference: { size in
          let x = input(size)
          return { _ = network(Variable(x), $0) }
        }, parameters: network.store.trainable, rule: .adam(),
        loss: { size in
          let x = input(size)
          return { _, tape in tape.meanSquaredError(network(Variable(x), tape), x) }
        },
        peer: { ["hsdt", "--variant", String(model.dropFirst(5)), "--bands", "31", "--task", $0 ? "train" : "infer"] })
    }
    if let configuration = LESSAutoencoderConfiguration(named: model) {
      let mae = LESSAutoencoder(configuration, seed: 1)
      let network = LESSClassifier(LESSTaskConfiguration(configuration.encoder, classes: 16), seed: 1)
      let wavelengths = (0..<bands).map {
        Float(configuration.encoder.shortestWavelength)
          + Float(configuration.encoder.longestWavelength - configuration.encoder.shortestWavelength) * Float($0)
          / Float(max(bands - 1, 1))
      }
      func input(_ size: Int) -> LESSInput {
        LESSInput(Variable(noise([1, bands, size, size])), wavelengths: wavelengths)
      }
      let variant = String(model.dropFirst("less-".count))
      return Subject(
        bands: bands,
        inference: { size in
          let x = input(size)
          return { _ = network(x, $0) }
        }, parameters: mae.store.trainable, rule: .adamW(beta2: 0.95), clipNorm: 1,
        loss: { size in
          let x = input(size)
          return { step, tape in
            var random = CounterRandom(seed: 1, stream: step)
            return mae.loss(x, mae.draw(for: x, &random), tape)
          }
        },
        peer: { ["less", "--variant", variant, "--bands", "\(bands)", "--task", $0 ? "pretrain" : "infer"] })
    }
    guard let flops = flops[model] else { throw ValidationError("no network \(model)") }
    let network = MPHSIR(try MPHSIR.preset(model), seed: 1)
    let count = network.configuration.bands
    func input(_ size: Int) -> Tensor { noise([1, size, size, count]) }
    return Subject(
      bands: count, flops: flops,
      inference: { size in
        let x = input(size)
        return { _ = network(Variable(x), task: 0, $0) }
      }, parameters: network.store.trainable, rule: .adamW(),
      loss: { size in
        let x = input(size)
        return { _, tape in tape.meanAbsoluteError(network(Variable(x), task: 0, tape), x) }
      },
      peer: {
        ["mphsir", "--variant", String(model.dropFirst("mp-hsir-".count)), "--task", $0 ? "train" : "infer"]
      })
  }

  func run() throws {
    let subject = try subject()
    let limits = MachineLimits.measure()
    print(
      "\(model), \(subject.bands) bands, \(limits.threads) threads; sgemm \(Int(limits.sgemm)) GFLOP/s, copy \(String(format: "%.1f", limits.copy)) GB/s"
    )
    for size in sizes.split(separator: ",").compactMap({ Int($0) }) {
      for isTraining in [false, true] where !isTraining || size <= 64 {
        let optimiser = Optimiser(subject.rule, subject.parameters)
        let (inference, loss) = (subject.inference(size), subject.loss(size))
        var step: UInt64 = 0
        func once() {
          guard isTraining else { return inference(Tape(.inference)) }
          step += 1
          let tape = Tape(.training, seed: 1, stream: step)
          tape.backward(from: loss(step, tape))
          optimiser.step(rates: [1e-4], clipNorm: subject.clipNorm)
        }
        once()
        let rival = python.flatMap { peer($0, subject.peer(isTraining), size: size) }
        // In training every attention draws its map: until each has drawn both, a step may be the first to need a buffer.
        for _ in 0..<(isTraining ? 8 : 1) { once() }
        let before = BufferPool.current.statistics
        BufferPool.current.resetPeak()
        let seconds = bestTime(runs: runs, once)
        let after = BufferPool.current.statistics
        var line =
          "\(isTraining ? "training step" : "inference") \(size) × \(size): \(String(format: "%.1f", seconds * 1e3)) ms, "
        if let flops = subject.flops {
          let rate = flops * Double(size * size) / 4096 * (isTraining ? 3 : 1) / seconds / 1e9
          line += "\(Int(rate)) GFLOP/s nominal (\(String(format: "%.2f", rate / limits.sgemm)) of sgemm), "
        }
        line +=
          "peak \(after.peakBytesInUse >> 20) MiB of tensors, \(after.allocations - before.allocations) fresh allocations"
        if let rival {
          line += String(
            format: "; PyTorch %.1f ms (least), ratio %.2f, peak %.0f MiB", rival.seconds * 1e3,
            rival.seconds / seconds, rival.mebibytes)
        }
        print(line)
      }
    }
  }

  private func noise(_ shape: [Int]) -> Tensor {
    var random = CounterRandom(seed: 3)
    return Tensor(shape, (0..<shape.reduce(1, *)).map { _ in Float(random.uniform()) })
  }

  /// The same case in PyTorch: least seconds and how much memory the process gained.
  private func peer(_ python: String, _ network: [String], size: Int) -> (
    seconds: Double, mebibytes: Double
  )? {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: python)
    process.currentDirectoryURL = URL(fileURLWithPath: peers)
    process.arguments =
      ["bench.py"] + network + [
        "--size", "\(size)", "--batch", "1", "--threads",
        "\(Parallel.threads)", "--repeat", "\(runs)", "--json",
      ]
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return nil }
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard let report = try? JSONSerialization.jsonObject(with: data) as? [String: Any] else { return nil }
    func number(_ names: String...) -> Double? { names.lazy.compactMap { report[$0] as? Double }.first }
    guard let seconds = number("min_s", "least_s", "wall_min_s") else { return nil }
    let peak = number("peak_rss_mib", "peak_mib") ?? (number("peak_rss_bytes").map { $0 / 1048576 }) ?? .nan
    let base = number("rss_before_mib", "base_mib") ?? 0
    return (seconds, peak - base)
  }
}
