import ArgumentParser
import Foundation
import HSIKit

/// Time and memory of HSDT or MP-HSIR beside the machine's own limits and, where Python has it, the same network in PyTorch.
struct NetworkSpeed: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "network",
    abstract: "Inference and training step of HSDT or MP-HSIR, beside sgemm and PyTorch.")

  @Option(help: "Network: hsdt-s, hsdt-m, hsdt-l, mp-hsir-natural, mp-hsir-remote.") var model = "hsdt-m"
  @Option(help: "Rows and columns of the input, comma-separated.") var sizes = "64,128"
  @Option(help: "Runs; the least time counts.") var runs = 5
  @Option(help: "Python with PyTorch, to run the peer alternately.") var python: String?
  @Option(help: "Folder of the peers.") var peers = "../shared/peers"

  /// A network to be measured: FLOPs at 64 × 64, 2 per multiply-add (specifications, by a counter), and its forward pass.
  private struct Subject {
    let bands: Int
    let flops: Double
    let parameters: [Parameter]
    let shape: (Int) -> [Int]
    let forward: (Variable, Tape) -> Variable
    /// Rule and loss of the published recipe.
    let rule: any UpdateRule
    let loss: (Tape, Variable, Tensor) -> Variable
    /// What the peer is called with.
    let peer: [String]
  }

  private func subject() throws -> Subject {
    let flops = [
      "hsdt-s": 6.3e9, "hsdt-m": 24.3e9, "hsdt-l": 33.6e9, "mp-hsir-natural": 31.2e9, "mp-hsir-remote": 70e9,
    ]
    guard let flops = flops[model] else { throw ValidationError("no network \(model)") }
    if let configuration = HSDTConfiguration(named: model) {
      let network = HSDT(configuration, seed: 1)
      return Subject(
        bands: 31, flops: flops, parameters: network.store.trainable, shape: { [1, 31, $0, $0, 1] },
        forward: { network($0, $1) }, rule: .adam(), loss: { $0.meanSquaredError($1, $2) },
        peer: ["hsdt", "--variant", String(model.dropFirst(5)), "--bands", "31"])
    }
    let network = MPHSIR(try MPHSIR.preset(model), seed: 1)
    let bands = network.configuration.bands
    return Subject(
      bands: bands, flops: flops, parameters: network.store.trainable, shape: { [1, $0, $0, bands] },
      forward: { network($0, task: 0, $1) }, rule: .adamW(), loss: { $0.meanAbsoluteError($1, $2) },
      peer: ["mphsir", "--variant", String(model.dropFirst("mp-hsir-".count))])
  }

  func run() throws {
    let subject = try subject()
    let limits = MachineLimits.measure()
    print(
      "\(model), \(subject.bands) bands, \(limits.threads) threads; sgemm \(Int(limits.sgemm)) GFLOP/s, copy \(String(format: "%.1f", limits.copy)) GB/s"
    )
    for size in sizes.split(separator: ",").compactMap({ Int($0) }) {
      let work = subject.flops * Double(size * size) / 4096
      let x = noise(subject.shape(size))
      for isTraining in [false, true] where !isTraining || size <= 64 {
        let optimiser = Optimiser(subject.rule, subject.parameters)
        var step: UInt64 = 0
        func once() {
          guard isTraining else {
            _ = subject.forward(Variable(x), Tape(.inference))
            return
          }
          step += 1
          let tape = Tape(.training, seed: 1, stream: step)
          tape.backward(from: subject.loss(tape, subject.forward(Variable(x), tape), x))
          optimiser.step(rate: 1e-4)
        }
        once()
        let rival = python.flatMap { peer($0, subject.peer, size: size, isTraining: isTraining) }
        // In training every attention draws its map: until each has drawn both, a step may be the first to need a buffer.
        for _ in 0..<(isTraining ? 8 : 1) { once() }
        let before = BufferPool.current.statistics
        BufferPool.current.resetPeak()
        let seconds = bestTime(runs: runs, once)
        let after = BufferPool.current.statistics
        let total = isTraining ? 3 * work : work
        var line =
          "\(isTraining ? "training step" : "inference") \(size) × \(size): \(String(format: "%.1f", seconds * 1e3)) ms, "
          + "\(Int(total / seconds / 1e9)) GFLOP/s nominal (\(String(format: "%.2f", total / seconds / 1e9 / limits.sgemm)) of sgemm), "
          + "peak \(after.peakBytesInUse >> 20) MiB of tensors, \(after.allocations - before.allocations) fresh allocations"
        if let rival {
          line += String(
            format: "; PyTorch %.1f ms (least), ratio %.2f, peak %.0f MiB", rival.seconds * 1e3,
            rival.seconds / seconds,
            rival.mebibytes)
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
  private func peer(_ python: String, _ network: [String], size: Int, isTraining: Bool) -> (
    seconds: Double, mebibytes: Double
  )? {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: python)
    process.currentDirectoryURL = URL(fileURLWithPath: peers)
    process.arguments =
      ["bench.py"] + network + [
        "--task", isTraining ? "train" : "infer", "--size", "\(size)", "--batch", "1", "--threads",
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
