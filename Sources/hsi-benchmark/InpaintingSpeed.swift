import ArgumentParser
import Foundation
import HSIKit

/// `hsi-benchmark inpainting`: time of filling missing values of a simulated scene of the size that the goal is given for.
struct InpaintingSpeed: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inpainting",
    abstract: "Time a method that fills missing values on a simulated 512 × 512 × 100 scene, 80 % of it missing.")

  @Option(help: "Number of threads.") var threads = RunContext.availableThreads
  @Option(help: "Lines and samples of the scene.") var size = 512
  @Option(help: "Bands of the scene.") var bands = 100
  @Option(help: "Share of the values that are missing.") var missing = 0.8
  @Option(help: "Name of the method.") var method = "fasthyin"

  func run() throws {
    let context = RunContext(threads: threads, memory: MemoryBudget(bytes: 8 << 30))
    let clean = SpeedScene(size: size, bands: bands, endmembers: 4, runs: 1, threads: threads).cube
    let scene = try Degradations.all.named("mask", ["ratio": missing]).degrade(
      clean, DegradationTarget(clean.shape, seed: 1), context
    ).scene
    let restorer = try Restorers.all.named(method)
    let start = Date()
    let result = try restorer.restore(scene, noise: nil, context)
    let seconds = Date().timeIntervalSince(start)
    let metrics = try RestorationMetrics(result.scene, reference: clean)
    print("scene \(clean.shape), \(Int((missing * 100).rounded())) % missing, \(threads) threads")
    print(
      String(
        format: "%@ %.1f s, rank %d, RMSE %.5f", method as NSString, seconds, result.rank ?? 0, metrics.rmse))
  }
}
