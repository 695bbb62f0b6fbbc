import ArgumentParser
import Dispatch
import Foundation
import HSIKit
import Synchronization

/// Time per iteration of the blind methods from one start: the shortest time between two iterations (objective and
/// report included); for RRLbS-V, whose iterations differ, the difference between a long and a short run.
func measureBlind(_ scene: SpeedScene, _ limits: MachineLimits) throws -> [Measurement] {
  let (n, bands, count) = (Double(scene.cube.count), Double(scene.cube.shape.bands), scene.endmembers.count)
  RobustStart.clipNegatives(scene.cube.pixels)
  var start: BlindStart?
  let setUp = try bestTime(runs: scene.runs) {
    start = try RobustStart().make(scene.cube, count: count, scene.context)
  }
  var results = [
    Measurement(
      "robust start", seconds: setUp, flops: n * bands * (bands + 1) + 2 * n * bands * Double(3 * count),
      bytes: 6 * scene.bytes, limits)
  ]
  let methods: [(String, any BlindUnmixer.Type, [String: Double], Int)] = [
    ("rrlbs", RRLbS.self, ["lambda0": 0.1], 60), ("nmf", NMF.self, [:], 60),
    ("l21-nmf", L21NMF.self, [:], 60),
    ("lhalf-nmf", LHalfNMF.self, ["weight": 0.1], 60), ("rrlbs-v", RRLbSV.self, [:], 12),
  ]
  for (name, type, options, iterations) in methods {
    func time(_ iterations: Int) throws -> Double {
      let method = try type.init(
        options.merging(["iterations": Double(iterations), "tolerance": 0]) { a, _ in a })
      return try bestTime(runs: scene.runs) {
        _ = try method.unmix(scene.cube, count: count, start: start, scene.context)
      }
    }
    let seconds: Double
    if type == RRLbSV.self {
      seconds = max(0, try time(iterations + 1) - time(1)) / Double(iterations)
    } else {
      let clock = IterationClock()
      var context = scene.context
      context.progress = clock
      let method = try type.init(
        options.merging(["iterations": Double(iterations), "tolerance": 0]) { a, _ in a })
      for _ in 0..<scene.runs {
        _ = try method.unmix(scene.cube, count: count, start: start, context)
      }
      seconds = clock.shortest
    }
    results.append(
      Measurement(
        "\(name), per iteration", seconds: seconds, flops: 4 * n * bands * Double(count), bytes: scene.bytes,
        limits))
  }
  return results
}

/// The shortest time between two reports of iterations, which come with the objective as detail.
private final class IterationClock: ProgressReporter {
  private let state = Mutex((last: UInt64(0), shortest: Double.infinity))

  func report(phase: String, fraction: Double, detail: String?) {
    let now = DispatchTime.now().uptimeNanoseconds
    state.withLock { state in
      if detail != nil, state.last > 0 {
        state.shortest = min(state.shortest, Double(now - state.last) / 1e9)
      }
      state.last = detail == nil ? 0 : now
    }
  }

  /// Seconds.
  var shortest: Double { state.withLock { $0.shortest } }
}

/// `hsi-benchmark blind-memory`: peak memory of a blind unmixing from a source that is read, as a file is.
struct BlindMemory: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "blind-memory", abstract: "Peak memory of blind unmixing, as a multiple of the cube.")

  @Option(help: "Method.") var method = "rrlbs"
  @Option(help: "Lines and samples of the scene.") var size = 307
  @Option(help: "Bands of the scene.") var bands = 162
  @Option(help: "Endmembers.") var count = 4
  @Option(help: "Memory budget, e.g. 512M.") var memory = "4G"

  func run() throws {
    guard let type = UnmixingMethods.blind.first(where: { $0.description.id == method }) else {
      throw ValidationError("no blind method \(method)")
    }
    guard let budget = MemoryBudget(memory) else { throw ValidationError("\(memory) is no size") }
    ProcessMemory.returnLargeBlocks()
    let source = GeneratedSource(size: size, bands: bands, count: count)
    let before = BlindMemory.peak
    let context = RunContext(memory: budget)
    let fit = try BlindUnmixing.factorise(source, try type.init([:]), count: count, context)
    let totals = try fit.deliver(context) { _ in }
    let cube = Double(source.shape.pixels * bands * 4)
    print(
      String(
        format:
          "%@ on %@: cube %.1f MiB, peak %.1f MiB (%.1f MiB before), %.2f × the cube, %d of %d pixels factorised",
        method, "\(source.shape)", cube / 1_048_576, BlindMemory.peak / 1_048_576, before / 1_048_576,
        BlindMemory.peak / cube, fit.factorisedPixels, totals.pixels))
  }

  /// Largest resident set of this process so far, bytes.
  private static var peak: Double {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return Double(usage.ru_maxrss) * 1024
  }
}

/// A scene that is made line by line when it is read.
private final class GeneratedSource: StripSource {
  let shape: CubeShape
  let metadata: CubeMetadata
  let blockLines = 1
  let workingBytesPerLine = 0
  private let spectra: [Float]
  private let count: Int

  init(size: Int, bands: Int, count: Int) {
    shape = CubeShape(lines: size, samples: size, bands: bands)
    metadata = CubeMetadata(bands: bands)
    spectra = SpeedScene.library(bands: bands, count: count, seed: 1).values.map { Float($0) }
    self.count = count
  }

  func read(lines: Range<Int>, into strip: Strip) throws {
    let samples = shape.samples
    strip.window = PixelWindow(line: lines.lowerBound, sample: 0, lines: lines.count, samples: samples)
    strip.pixels.reshape(rows: lines.count * samples, columns: shape.bands)
    strip.positions = (0..<Int32(lines.count * samples)).map { $0 }
    for n in 0..<strip.count {
      var random = CounterRandom(seed: 2, stream: UInt64(lines.lowerBound * samples + n))
      var a = (0..<count).map { _ in Float(-log(1 - random.uniform())) }
      let total = a.reduce(0, +)
      for k in 0..<count { a[k] /= total }
      for l in 0..<shape.bands {
        var value = Float(0.004 * (random.uniform() - 0.5))
        for k in 0..<count { value += a[k] * spectra[k * shape.bands + l] }
        strip.pixels[n, l] = max(0, value)
      }
    }
  }
}
