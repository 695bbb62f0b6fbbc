import Foundation
import HSICore
import HSINumerics
import Testing

@testable import HSIUnmixing

@Suite struct AutomaticUnmixingTests {
  /// Mixtures of four smooth spectra with pure pixels, brightness of a given spread, and white noise.
  private func scene(
    spread: Double, noise: Double = 0.002, purity: Double = 1, bands: Int = 60, pixels: Int = 2000, seed: UInt64 = 1
  ) -> (cube: Cube, abundances: PixelMatrix) {
    var random = CounterRandom(seed: seed, stream: 3)
    let spectra = Matrix<Double>(rows: 4, columns: bands) { k, l in
      let phase = Double(k + 1) * 2.3 * Double(l) / Double(bands)
      return 0.4 + 0.25 * cos(phase + Double(k))
    }
    let matrix = PixelMatrix(rows: pixels, columns: bands)
    let abundances = PixelMatrix(rows: pixels, columns: 4)
    for n in 0..<pixels {
      var a = (0..<4).map { _ in pow(random.uniform(), 4) + 1e-3 }
      if n < 40 { a = (0..<4).map { $0 == n % 4 ? 1 : 0 } }
      let sum = a.reduce(0, +)
      a = a.map { $0 / sum }
      // Towards the centre of the simplex until no abundance is above `purity`.
      let step = max(0, ((a.max() ?? 1) - purity) / max((a.max() ?? 1) - 0.25, 1e-9))
      a = a.map { (1 - step) * $0 + step / 4 }
      let light = max(0.2, 1 + spread * random.normal())
      for k in 0..<4 { abundances[n, k] = Float(a[k]) }
      for l in 0..<bands {
        let value = (0..<4).reduce(0.0) { $0 + a[$1] * spectra[$1, l] }
        matrix[n, l] = Float(max(0, light * value + noise * random.normal()))
      }
    }
    return (Cube(lines: pixels / 50, samples: 50, pixels: matrix), abundances)
  }

  @Test(arguments: [0.0, 0.05, 0.1, 0.25]) func brightnessIsMeasured(spread: Double) throws {
    let measured = try BrightnessSpread.measure(scene(spread: spread).cube.pixels, count: 4)
    // Weights by energy favour bright pixels: the spread of b under weights b² is smaller for large ones.
    #expect(abs(measured - spread) < 0.006 + 0.25 * spread, "\(measured) for \(spread)")
  }

  @Test func brightnessDoesNotDependOnUnits() throws {
    let pixels = scene(spread: 0.1).cube.pixels
    let once = try BrightnessSpread.measure(pixels, count: 4)
    for i in 0..<(pixels.rows * pixels.columns) { pixels.pointer[i] *= 10_000 }
    #expect(abs(try BrightnessSpread.measure(pixels, count: 4) - once) < 1e-4)
  }

  private func error(_ found: PixelMatrix, _ truth: PixelMatrix) -> Double {
    var errors = AbundanceErrors(endmembers: 4)
    errors.add(found, truth, order: Matching.byAbundance(found, truth))
    return errors.rmse
  }

  private func fit(_ cube: Cube, _ method: any BlindUnmixer, unitLength: Bool?) throws -> (BlindFit, PixelMatrix) {
    let context = RunContext()
    let fit = try BlindUnmixing.factorise(cube, method, count: 4, unitLength: unitLength, context)
    let abundances = PixelMatrix(rows: cube.count, columns: 4)
    try fit.deliver(context) {
      abundances.pointer.update(from: $0.abundances.pointer, count: abundances.rows * 4)
    }
    return (fit, abundances)
  }

  @Test func purePixelsNeedNoLearning() throws {
    let scene = scene(spread: 0, noise: 0.004)
    let (fit, abundances) = try fit(scene.cube, AutomaticUnmixing(), unitLength: nil)
    #expect(fit.choice?.contains("FCLS with VCA endmembers") == true)
    #expect(fit.choice?.contains("pixels as they are") == true)
    #expect(!fit.unitLength && !fit.guidanceIsLearnt && fit.converged)
    #expect(try #require(fit.settings["excess"]) < AutomaticUnmixing.limit)
    #expect(error(abundances, scene.abundances) < 0.03)
  }

  @Test func brightnessAsksForUnitLength() throws {
    let scene = scene(spread: 0.2)
    let (chosen, abundances) = try fit(scene.cube, AutomaticUnmixing(), unitLength: nil)
    #expect(chosen.unitLength && chosen.choice?.contains("RRLbS-V on pixels of unit length") == true)
    let (raw, other) = try fit(scene.cube, AutomaticUnmixing(), unitLength: false)
    #expect(!raw.unitLength)
    #expect(error(abundances, scene.abundances) < 0.5 * error(other, scene.abundances))
  }

  @Test func mixedPixelsAreLearnt() throws {
    let scene = scene(spread: 0, purity: 0.7)
    let (fit, abundances) = try fit(scene.cube, AutomaticUnmixing(), unitLength: nil)
    #expect(fit.choice?.hasPrefix("RRLbS-V on pixels as they are") == true)
    // Better than the vertices of the pixels, which are none.
    let start = try RobustStart().make(scene.cube, count: 4, RunContext())
    #expect(error(abundances, scene.abundances) < error(start.abundances, scene.abundances))
    let excess = try AutomaticUnmixing.excess(scene.cube, start)
    #expect(try #require(excess) > AutomaticUnmixing.limit)
  }

  /// A stuck channel is a functional that never varies: it must not pass for the brightness, nor for a good channel.
  @Test func stuckChannelsHideNothing() throws {
    let pixels = scene(spread: 0.1).cube.pixels
    for n in 0..<pixels.rows { (pixels[n, 7], pixels[n, 30]) = (0.3, 0) }
    #expect(try BrightnessSpread.measure(pixels, count: 4) > 0.07)
    let health = try ChannelHealth(pixels)
    for l in 0..<60 {
      #expect(health.healthy()[l] == ![7, 30].contains(l))
      if [7, 30].contains(l) { #expect(health.quality[l] == 0 && health.residual[l] == 1) }
    }
    let (fit, _) = try fit(
      Cube(lines: 40, samples: 50, pixels: pixels), AutomaticUnmixing(), unitLength: nil)
    #expect(fit.healthyChannels.indices.filter { !fit.healthyChannels[$0] } == [7, 30])
  }

  /// Channels many times noisier than the others hold signal all the same; a start does without them.
  @Test func noisyEndsOfADetectorAreHealthy() throws {
    let pixels = scene(spread: 0, noise: 0.001).cube.pixels
    var random = CounterRandom(seed: 5)
    for n in 0..<pixels.rows { for l in [0, 1, 59] { pixels[n, l] += 0.015 * Float(random.normal()) } }
    let health = try ChannelHealth(pixels)
    for l in [0, 1, 59] { #expect(health.quality[l] < 0.4 && health.residual[l] < 0.1) }
    #expect(health.healthy().allSatisfy { $0 })
    #expect(health.best(count: 4).indices.filter { !health.best(count: 4)[$0] } == [0, 1, 59])
  }

  @Test func errorsLeaveCorruptedChannelsOut() throws {
    let scene = scene(spread: 0)
    let clean = try fit(scene.cube, AutomaticUnmixing(), unitLength: nil).0.deliver(RunContext()) { _ in }.rmse
    var random = CounterRandom(seed: 6)
    for n in 0..<scene.cube.count { scene.cube.pixels[n, 20] = Float(random.uniform()) }
    let noisy = try fit(scene.cube, AutomaticUnmixing(), unitLength: nil).0.deliver(RunContext()) { _ in }.rmse
    #expect(abs(noisy / clean - 1) < 0.1, "\(noisy) \(clean)")
  }

  /// Units are a choice of whoever wrote the file: abundances and counts are not to depend on them.
  @Test(arguments: [1e-6, 1e4]) func unitsDoNotMatter(factor: Double) throws {
    let scene = scene(spread: 0.1, bands: 40, pixels: 200)
    let copy = PixelMatrix(rows: 200, columns: 40)
    for i in 0..<(200 * 40) { copy.pointer[i] = Float(Double(scene.cube.pixels.pointer[i]) * factor) }
    let scaled = Cube(lines: 4, samples: 50, pixels: copy)
    let context = RunContext()
    for type in UnmixingMethods.count {
      let counts = try [scene.cube, scaled].map { try type.init().count($0, context).count }
      #expect(counts[0] == counts[1], "\(type.description.id)")
    }
    for type in UnmixingMethods.extract {
      let found = try [scene.cube, scaled].map { try type.init().extract($0, count: 4, context) }
      let difference = zip(found[0].values, found[1].values).map { abs($0 - $1 / factor) }.max() ?? 0
      #expect(difference < 2e-3, "\(type.description.id)")
    }
    for type in UnmixingMethods.blind {
      let values = try [scene.cube, scaled].map { try fit($0, type.init(["iterations": 20]), unitLength: nil).1 }
      #expect(error(values[0], values[1]) < 2e-3, "\(type.description.id)")
    }
    let library = MethodFixtures.library(MethodFixtures.spectra(bands: 40, count: 8, seed: 3))
    var other = library
    other.values = library.values.map { $0 * factor }
    for type in UnmixingMethods.abundance {
      let values = try [(scene.cube, library), (scaled, other)].map { cube, spectra in
        let abundances = PixelMatrix(rows: 0, columns: 8)
        try type.init().prepare(spectra, weights: nil).solve(cube.pixels, into: abundances)
        return abundances.values
      }
      #expect(zip(values[0], values[1]).allSatisfy { abs($0 - $1) < 5e-3 }, "\(type.description.id)")
    }
    for type in UnmixingMethods.sceneAbundance {
      let values = try [(scene.cube, library), (scaled, other)].map { try type.init().solve($0, $1, context).values }
      #expect(values[0].contains { $0 > 0.1 }, "\(type.description.id)")
      #expect(zip(values[0], values[1]).allSatisfy { abs($0 - $1) < 5e-3 }, "\(type.description.id)")
    }
  }
}
