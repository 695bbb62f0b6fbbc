import ArgumentParser
import Foundation
import HSIKit

/// `hsi-benchmark unmixing`: time of unmixing methods on a simulated scene of the size that the goals are given for.
///
/// Every measurement is a function `(scene, limits) → [Measurement]`; add one to `measurements`.
struct UnmixingSpeed: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "unmixing",
    abstract: "Time unmixing methods on a simulated 307 × 307 × 162 scene with 4 endmembers.")

  @Option(help: "Number of threads.") var threads = RunContext.availableThreads
  @Option(help: "Lines and samples of the scene.") var size = 307
  @Option(help: "Bands of the scene.") var bands = 162
  @Option(help: "Endmembers of the scene.") var endmembers = 4
  @Option(help: "Runs of each measurement; the shortest counts.") var runs = 5
  @Option(help: "Measure only what has this text in its name.") var only: String?
  @Flag(help: "Print JSON.") var json = false

  /// What is measured, in order.
  static let measurements: [(name: String, run: @Sendable (SpeedScene, MachineLimits) throws -> [Measurement])] = [
    ("statistics", measureStatistics), ("vca", measureExtraction), ("fcls", measureAbundances),
    ("sunsal", measureSparse), ("blind", measureBlind),
  ]

  func run() throws {
    Parallel.setThreads(threads)
    let limits = MachineLimits.measure()
    let scene = SpeedScene(size: size, bands: bands, endmembers: endmembers, runs: runs, threads: threads)
    var results: [Measurement] = []
    for (name, measure) in UnmixingSpeed.measurements where only.map({ name.contains($0) }) ?? true {
      results += try measure(scene, limits)
    }
    if json {
      struct Report: Codable {
        var scene: CubeShape
        var limits: MachineLimits
        var measurements: [Measurement]
      }
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
      let report = Report(scene: scene.cube.shape, limits: limits, measurements: results)
      print(String(decoding: try encoder.encode(report), as: UTF8.self))
      return
    }
    print("scene \(scene.cube.shape), \(endmembers) endmembers, best of \(runs)")
    print(
      String(
        format: "limits on %d threads: sgemm %.0f GFLOP/s, copy %.1f GB/s, kernel level %d", limits.threads,
        limits.sgemm, limits.copy, limits.kernelLevel))
    for result in results {
      let name = result.name.padding(toLength: 34, withPad: " ", startingAt: 0)
      print(
        String(
          format: "%@ %9.2f ms   bound %7.2f ms   %3.0f %%", name as NSString, result.seconds * 1e3,
          result.bound * 1e3, result.fraction * 100))
    }
  }
}

/// The scene that all measurements share: smooth spectra, exponential abundances, noise of 40 dB.
struct SpeedScene {
  let cube: Cube
  let endmembers: SpectralLibrary
  let runs: Int
  let context: RunContext

  init(size: Int, bands: Int, endmembers count: Int, runs: Int, threads: Int) {
    context = RunContext(threads: threads)
    let spectra = SpeedScene.library(bands: bands, count: count, seed: 1)
    let pixels = PixelMatrix(rows: size * size, columns: bands)
    let values = spectra.values
    let target = pixels.pointer
    Parallel.forEachChunk(of: pixels.rows, chunk: 256) { _, range in
      for n in range {
        var random = CounterRandom(seed: 2, stream: UInt64(n))
        var a = (0..<count).map { _ in -log(1 - random.uniform()) }
        let total = a.reduce(0, +)
        for k in 0..<count { a[k] /= total }
        for l in 0..<bands {
          var value = 0.004 * random.normal()
          for k in 0..<count { value += a[k] * values[k * bands + l] }
          target[n * bands + l] = Float(value)
        }
      }
    }
    cube = Cube(lines: size, samples: size, pixels: pixels)
    endmembers = spectra
    self.runs = runs
  }

  /// Bytes of the pixels.
  var bytes: Double { 4 * Double(cube.count * cube.shape.bands) }

  /// Smooth positive spectra.
  static func library(bands: Int, count: Int, seed: UInt64) -> SpectralLibrary {
    var values: [Double] = []
    for k in 0..<count {
      var random = CounterRandom(seed: seed, stream: UInt64(k))
      let level = random.uniform(0.15, 0.4)
      let bumps = (0..<5).map { _ in
        (centre: random.uniform(), width: random.uniform(0.03, 0.2), height: random.uniform(-0.2, 0.4))
      }
      for l in 0..<bands {
        let x = Double(l) / Double(max(1, bands - 1))
        let value = bumps.reduce(level) {
          $0 + $1.height * exp(-0.5 * (x - $1.centre) * (x - $1.centre) / ($1.width * $1.width))
        }
        values.append(max(0.02, value))
      }
    }
    return SpectralLibrary(
      names: (0..<count).map { "spectrum \($0 + 1)" }, axis: SpectralAxis(count: bands), values: values)
  }
}

private func measureStatistics(_ scene: SpeedScene, _ limits: MachineLimits) throws -> [Measurement] {
  let (n, bands) = (Double(scene.cube.count), Double(scene.cube.shape.bands))
  let precisions: [(String, SceneStatistics.Precision)] = [("single", .single), ("double", .double), ("exact", .exact)]
  return try precisions.map { name, precision in
    let seconds = try bestTime(runs: scene.runs) {
      _ = try SceneStatistics(scene.cube, scene.context, precision: precision)
    }
    return Measurement(
      "covariance, \(name) precision", seconds: seconds, flops: n * bands * (bands + 1), bytes: scene.bytes,
      limits)
  }
}

private func measureExtraction(_ scene: SpeedScene, _ limits: MachineLimits) throws -> [Measurement] {
  let (n, bands, count) = (Double(scene.cube.count), Double(scene.cube.shape.bands), scene.endmembers.count)
  let seconds = try bestTime(runs: scene.runs) {
    _ = try VCA().extract(scene.cube, count: count, scene.context)
  }
  return [
    Measurement(
      "vca, \(count) endmembers", seconds: seconds,
      flops: n * bands * (bands + 1) + 2 * n * bands * Double(count),
      bytes: 2 * scene.bytes, limits)
  ]
}

private func measureAbundances(_ scene: SpeedScene, _ limits: MachineLimits) throws -> [Measurement] {
  let (n, bands, count) = (
    Double(scene.cube.count), Double(scene.cube.shape.bands), Double(scene.endmembers.count)
  )
  let solver = try FCLS().prepare(scene.endmembers, weights: nil)
  let abundances = PixelMatrix(rows: scene.cube.count, columns: scene.endmembers.count)
  let seconds = try bestTime(runs: scene.runs) { try solver.solve(scene.cube.pixels, into: abundances) }
  return [
    Measurement(
      "fcls, \(scene.endmembers.count) endmembers", seconds: seconds, flops: 2 * n * bands * count,
      bytes: scene.bytes + 4 * n * count, limits)
  ]
}

private func measureSparse(_ scene: SpeedScene, _ limits: MachineLimits) throws -> [Measurement] {
  let (n, bands, atoms, iterations) = (Double(scene.cube.count), Double(scene.cube.shape.bands), 40, 100.0)
  let library = SpeedScene.library(bands: scene.cube.shape.bands, count: atoms, seed: 1)
  let abundances = PixelMatrix(rows: scene.cube.count, columns: atoms)
  func measure(_ name: String, _ options: [String: Double], flops: Double) throws -> Measurement {
    let solver = try SUnSAL(options).prepare(library, weights: nil)
    let seconds = try bestTime(runs: scene.runs) { try solver.solve(scene.cube.pixels, into: abundances) }
    return Measurement(
      name, seconds: seconds, flops: flops, bytes: scene.bytes + 4 * n * Double(atoms), limits)
  }
  let products = 2 * n * bands * Double(atoms)
  return [
    try measure(
      "sunsal, \(atoms) atoms, 100 iterations", ["tolerance": 0, "iterations": iterations],
      flops: products + 2 * n * Double(atoms * atoms) * iterations),
    try measure("sunsal, \(atoms) atoms, default", [:], flops: products),
    try measure("sunsal, \(atoms) atoms, exact", ["exact": 1], flops: products),
  ]
}
