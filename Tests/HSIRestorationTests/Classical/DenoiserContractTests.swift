import Foundation
import HSICore
import HSINumerics
import HSIRestoration
import Testing

/// What every classical denoiser promises.
@Suite(.serialized) struct DenoiserContractTests {
  static let names = Restorers.classical.descriptions.map(\.id)
  /// Those that lower Gaussian noise.
  static let smoothing = names.filter { $0 != "destripe" }

  @Test(arguments: smoothing) func lowersNoiseAtAnyScale(_ name: String) throws {
    let clean = SyntheticScene.clean()
    let method = try Restorers.classical.named(name)
    let noisy = SyntheticScene.noisy(clean, sigma: 0.1)
    let result = try method.restore(noisy, noise: nil, RunContext())
    #expect(SyntheticScene.error(result.scene, clean) < 0.5 * SyntheticScene.error(noisy, clean))
    #expect(result.unchanged == nil)
    let scale: Float = 8192  // a power of two: only the exponents differ
    let large = try method.restore(
      SyntheticScene.noisy(clean, sigma: 0.1, scale: scale), noise: nil, RunContext())
    let worst = zip(large.scene.pixels.values, result.scene.pixels.values).map { abs($0 / scale - $1) }.max()
    #expect(try #require(worst) < 1e-3)
  }

  @Test(arguments: names) func resultsDoNotDependOnThreads(_ name: String) throws {
    let noisy = SyntheticScene.noisy(SyntheticScene.clean(), sigma: 0.1)
    let method = try Restorers.classical.named(name)
    var results: [[Float]] = []
    for threads in [1, 3] {
      results.append(try method.restore(noisy, noise: nil, RunContext(threads: threads)).scene.pixels.values)
    }
    #expect(results[0] == results[1])
  }

  @Test(arguments: names) func missingPixelsStayMissing(_ name: String) throws {
    let clean = SyntheticScene.clean()
    let noisy = SyntheticScene.noisy(clean, sigma: 0.05)
    func isMissing(_ n: Int) -> Bool {
      n % 48 < 5 || (n / 48 > 20 && n / 48 < 26 && n % 48 > 30) || n % 97 == 0
    }
    let method = try Restorers.classical.named(name)
    let dropped = SyntheticScene.dropping(noisy, where: isMissing)
    let result = try method.restore(dropped, noise: nil, RunContext())
    #expect(result.scene.positions == dropped.positions)
    #expect(result.scene.pixels.values.allSatisfy { $0.isFinite })
    // The same holes as NaN and infinity: handed on, and the same values elsewhere to the bit.
    var values = noisy.pixels.values
    for n in 0..<noisy.count where isMissing(n) { values[n * 20 + n % 20] = n % 2 == 0 ? .nan : .infinity }
    let holed = SyntheticScene.with(noisy, values)
    let restored = try method.restore(holed, noise: nil, RunContext())
    #expect(restored.scene.positions == holed.positions)
    let kept = SyntheticScene.dropping(restored.scene, where: isMissing)
    #expect(kept.pixels.values == result.scene.pixels.values)
    for n in 0..<noisy.count where isMissing(n) {
      #expect(restored.scene.pixels.row(n).map(\.bitPattern) == holed.pixels.row(n).map(\.bitPattern))
    }
  }

  @Test(arguments: names) func degenerateScenesComeBack(_ name: String) throws {
    let method = try Restorers.classical.named(name)
    func run(_ lines: Int, _ samples: Int, _ bands: Int, _ value: (Int) -> Float) throws -> (
      Cube, RestoredScene
    ) {
      let pixels = PixelMatrix(
        rows: lines * samples, columns: bands, values: (0..<(lines * samples * bands)).map(value))
      let cube = Cube(lines: lines, samples: samples, pixels: pixels)
      return (cube, try method.restore(cube, noise: nil, RunContext()))
    }
    for (lines, samples, bands) in [(1, 1, 5), (1, 1, 1), (6, 7, 4)] {
      let (cube, result) = try run(lines, samples, bands) { _ in 3.5 }
      #expect(result.scene.pixels.values == cube.pixels.values && result.unchanged != nil)
    }
    let (_, missing) = try run(5, 6, 3) { _ in .nan }
    #expect(missing.scene.pixels.values.allSatisfy { $0.isNaN } && missing.unchanged != nil)
    // Odd shapes with noise: finite, and no trap.
    var random = CounterRandom(seed: 2)
    for (lines, samples, bands) in [(1, 40, 3), (40, 1, 3), (9, 5, 1), (2, 2, 30), (33, 17, 1), (7, 3, 2)] {
      let (_, result) = try run(lines, samples, bands) { _ in Float(random.normal()) }
      #expect(result.scene.pixels.values.allSatisfy { $0.isFinite })
    }
    // No pixels at all.
    let empty = Cube(
      shape: CubeShape(lines: 4, samples: 4, bands: 2), metadata: CubeMetadata(bands: 2),
      pixels: PixelMatrix(rows: 0, columns: 2), positions: [])
    #expect(try method.restore(empty, noise: nil, RunContext()).scene.count == 0)
  }

  @Test(arguments: names) func refusesWhatItCannotDo(_ name: String) throws {
    #expect(throws: CoreError.self) { try Restorers.classical.named(name, ["nonsense": 1]) }
    let noisy = SyntheticScene.noisy(SyntheticScene.clean(), sigma: 0.1)
    let method = try Restorers.classical.named(name)
    #expect(throws: CoreError.self) {
      try method.restore(noisy, noise: nil, RunContext(memory: MemoryBudget(bytes: 1000)))
    }
    #expect(throws: RestorationError.self) {
      try method.restore(noisy, noise: NoiseLevels(standardDeviations: [1, 2]), RunContext())
    }
    let context = RunContext()
    context.cancellation.cancel()
    #expect(throws: CoreError.self) { try method.restore(noisy, noise: nil, context) }
  }

  @Test func unknownNamesAndParametersAreAnswered() {
    do {
      _ = try Restorers.classical.named("median")
      Issue.record("no error")
    } catch { #expect("\(error)".contains("hyres") && "\(error)".contains("median")) }
    do {
      _ = try Restorers.classical.named("hyres", ["spins": 4])
      Issue.record("no error")
    } catch { #expect("\(error)".contains("shifts") && "\(error)".contains("spins")) }
  }
}
