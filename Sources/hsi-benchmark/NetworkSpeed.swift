import ArgumentParser
import Foundation
import HSIKit

/// Time and memory of HSDT beside the machine's own limits and, where Python has it, the same network in PyTorch.
struct NetworkSpeed: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "network", abstract: "HSDT inference and training step, beside sgemm and beside PyTorch.")

  @Option(help: "Network: hsdt-s, hsdt-m, hsdt-l.") var model = "hsdt-m"
  @Option(help: "Rows and columns of the input, comma-separated.") var sizes = "64,128"
  @Option(help: "Runs; the least time counts.") var runs = 5
  @Option(help: "Python with PyTorch, to run the peer alternately.") var python: String?
  @Option(help: "Folder of the peers.") var peers = "../shared/peers"

  /// FLOPs at 31 × 64 × 64, 2 per multiply-add (specification, by a counter).
  private static let flops = ["hsdt-s": 6.3e9, "hsdt-m": 24.3e9, "hsdt-l": 33.6e9]

  func run() throws {
    guard let configuration = HSDTConfiguration(named: model), let flops = NetworkSpeed.flops[model] else {
      throw ValidationError("no network \(model)")
    }
    let limits = MachineLimits.measure()
    print(
      "\(model), 31 bands, \(limits.threads) threads; sgemm \(Int(limits.sgemm)) GFLOP/s, copy \(String(format: "%.1f", limits.copy)) GB/s"
    )
    let network = HSDT(configuration, seed: 1)
    for size in sizes.split(separator: ",").compactMap({ Int($0) }) {
      let work = flops * Double(size * size) / 4096
      let x = noise([1, 31, size, size, 1])
      for isTraining in [false, true] where !isTraining || size <= 64 {
        let optimiser = Optimiser(.adam(), network.store.parameters.filter { !$0.isBuffer })
        var step: UInt64 = 0
        func once() {
          guard isTraining else {
            _ = network(Variable(x), Tape(.inference))
            return
          }
          step += 1
          let tape = Tape(.training, seed: 1, stream: step)
          tape.backward(from: tape.meanSquaredError(network(Variable(x), tape), x))
          optimiser.step(rate: 1e-4)
        }
        once()
        let rival = python.flatMap { peer($0, size: size, isTraining: isTraining) }
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
  private func peer(_ python: String, size: Int, isTraining: Bool) -> (seconds: Double, mebibytes: Double)? {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: python)
    process.currentDirectoryURL = URL(fileURLWithPath: peers)
    process.arguments = [
      "bench.py", "hsdt", "--variant", String(model.dropFirst(5)), "--task", isTraining ? "train" : "infer", "--size",
      "\(size)", "--bands", "31", "--batch", "1", "--threads", "\(Parallel.threads)", "--repeat", "\(runs)", "--json",
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
