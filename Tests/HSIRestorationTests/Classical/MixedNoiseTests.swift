import Foundation
import HSICore
import HSINumerics
import Testing

@testable import HSIRestoration

@Suite struct MixedNoiseTests {
  static let shape = (lines: 56, samples: 60, bands: 24)

  static func clean() -> Cube {
    SyntheticScene.clean(lines: shape.lines, samples: shape.samples, bands: shape.bands)
  }

  /// Adds to bands 0, 3, 6 … of `noisy` impulses at 0 and 1, to 1, 4, … dead columns, to 2, 5, … stripes.
  static func mixed(_ noisy: Cube, impulses: Bool = true, dead: Bool = true, stripes: Bool = true) -> Cube {
    var values = noisy.pixels.values
    var random = CounterRandom(seed: 77)
    for b in 0..<shape.bands {
      for c in 0..<shape.samples {
        let isHit = random.uniform() < 0.1
        let offset = Float(random.uniform(-0.3, 0.3))
        for line in 0..<shape.lines {
          let place = (line * shape.samples + c) * shape.bands + b
          if b % 3 == 0, impulses, random.uniform() < 0.3 { values[place] = random.uniform() < 0.5 ? 0 : 1 }
          if b % 3 == 1, dead, isHit { values[place] = 0 }
          if b % 3 == 2, stripes, isHit { values[place] += offset }
        }
      }
    }
    return SyntheticScene.with(noisy, values)
  }

  /// The error stays near that of the same scene with the Gaussian part of the noise alone, which the method
  /// for Gaussian noise cannot reach.
  @Test func outliersCostLittleMoreThanTheGaussianPart() throws {
    let clean = MixedNoiseTests.clean()
    let gaussian = SyntheticScene.noisy(clean, sigma: 0.08)
    let mixed = MixedNoiseTests.mixed(gaussian)
    func error(_ method: String, _ scene: Cube) throws -> Double {
      SyntheticScene.error(try Restorers.classical.named(method).restore(scene, noise: nil, RunContext()).scene, clean)
    }
    let limit = try error("fasthyde", gaussian)
    let ours = try error("fasthymix", mixed)
    #expect(ours < 1.5 * limit)
    #expect(try error("fasthyde", mixed) > 3 * ours)
    #expect(try error("fasthymix", gaussian) < 1.1 * limit)
  }

  @Test func stripesAreFoundAndNothingElseIsTouched() throws {
    let clean = MixedNoiseTests.clean()
    let gaussian = SyntheticScene.noisy(clean, sigma: 0.02)
    let striped = MixedNoiseTests.mixed(gaussian, impulses: false, dead: false)
    let method = try Restorers.classical.named("destripe")
    let result = try method.restore(striped, noise: nil, RunContext())
    #expect(SyntheticScene.error(result.scene, gaussian) < 0.2 * SyntheticScene.error(striped, gaussian))
    // Every column changes by one constant per band.
    let bands = MixedNoiseTests.shape.bands
    for b in stride(from: 0, to: bands, by: 5) {
      for c in 0..<MixedNoiseTests.shape.samples {
        let changes = (0..<MixedNoiseTests.shape.lines).map { line in
          let n = line * MixedNoiseTests.shape.samples + c
          return result.scene.pixels[n, b] - striped.pixels[n, b]
        }
        #expect(changes.allSatisfy { abs($0 - changes[0]) < 1e-6 })
      }
    }
    // Without stripes the checkerboard, whose borders run along columns, stays as it is but for chance.
    let untouched = try method.restore(gaussian, noise: nil, RunContext())
    #expect(untouched.facts["stripedColumns"].map { $0 < 0.005 } == true)
  }

  /// Every kind of outlier is told, and neither Gaussian noise, nor a blurred scene, nor one with constant columns is taken for one.
  @Test func evidenceTellsOutliersFromScenes() throws {
    func evidence(_ scene: Cube) throws -> MixedNoiseEvidence {
      MixedNoiseEvidence(
        scene, noise: NoiseLevels(standardDeviations: .init(repeating: 0.02, count: scene.shape.bands)))
    }
    let gaussian = SyntheticScene.noisy(MixedNoiseTests.clean(), sigma: 0.02)
    let plain = try evidence(gaussian)
    #expect(!plain.isMixed && plain.impulses < 2e-4 && plain.deadColumns == 0)
    let impulsive = try evidence(MixedNoiseTests.mixed(gaussian, dead: false, stripes: false))
    #expect(impulsive.isMixed && impulsive.impulses > 0.05 && !impulsive.hasBadColumns)
    let dead = try evidence(MixedNoiseTests.mixed(gaussian, impulses: false, stripes: false))
    #expect(dead.hasBadColumns && dead.deadColumns > 0.02)
    let striped = try evidence(MixedNoiseTests.mixed(gaussian, impulses: false, dead: false))
    #expect(striped.hasBadColumns && striped.stripedColumns > 0.01)
    // A column that is constant in every band is part of the scene: a wall, a frame.
    var values = gaussian.pixels.values
    let (lines, samples, bands) = MixedNoiseTests.shape
    for line in 0..<lines {
      for column in 20..<24 {
        for b in 0..<bands { values[(line * samples + column) * bands + b] = 0.5 }
      }
    }
    #expect(try evidence(SyntheticScene.with(gaussian, values)).deadColumns == 0)
    // Columns that rise and fall smoothly are blur or terrain.
    values = gaussian.pixels.values
    for line in 0..<lines {
      for column in 0..<samples {
        for b in 0..<bands { values[(line * samples + column) * bands + b] += 0.3 * Float(sin(Double(column) / 4)) }
      }
    }
    #expect(try !evidence(SyntheticScene.with(gaussian, values)).hasBadColumns)
  }

  @Test func columnOffsetsAreThoseThatWereAdded() {
    let (lines, samples) = (80, 40)
    var random = CounterRandom(seed: 12)
    let added: [Float] = (0..<samples).map { $0 % 9 == 4 ? 2 : 0 }
    let values = (0..<(lines * samples)).map { n in
      Float(random.normal()) + Float(n / samples) + added[n % samples]
    }
    let grid = (0..<Int32(lines * samples)).map { $0 }
    let found = ColumnOffsets().estimate(
      values, ignored: [UInt8](repeating: 0, count: values.count), grid: grid, lines: lines, samples: samples)
    for c in 0..<samples { #expect(abs(found.offset[c] - added[c]) < 4 * found.error[c]) }
    // Shared by all bands: scene, not stripe.
    let shared = ColumnOffsets().independent([found, found, found, found])
    #expect(shared.allSatisfy { $0.allSatisfy { $0 == 0 } })
    let none = (offset: [Float](repeating: 0, count: samples), error: found.error)
    let alone = ColumnOffsets().independent([none, none, found, none, none])
    for c in 0..<samples { #expect((alone[2][c] != 0) == (added[c] != 0)) }
  }

  @Test func theChoiceFollowsTheNoise() throws {
    let gaussian = SyntheticScene.noisy(MixedNoiseTests.clean(), sigma: 0.08)
    func choice(_ scene: Cube) throws -> AutomaticChoice {
      try Restorers.automatic(for: scene, noise: nil, RunContext())
    }
    let plain = try choice(gaussian)
    #expect(plain.denoiser.description.id == "fasthyde-nlb" && plain.reason.contains("Gaussian"))
    let impulses = try choice(MixedNoiseTests.mixed(gaussian, dead: false, stripes: false))
    #expect(impulses.denoiser.description.id == "fasthymix-nlb" && impulses.evidence.isMixed)
    let dead = try choice(MixedNoiseTests.mixed(gaussian, impulses: false, stripes: false))
    #expect(dead.denoiser.description.id == "fasthymix-nlb" && dead.evidence.deadColumns > 0.01)
    let striped = try choice(MixedNoiseTests.mixed(gaussian, impulses: false, dead: false))
    #expect(striped.denoiser.description.id == "fasthymix-nlb" && striped.evidence.stripedColumns > 0.01)
  }

  /// Where the refined method does not fit the memory, the plain one does the work, and where neither does, the error is that of the refined.
  @Test func theChoiceFollowsTheMemory() throws {
    let gaussian = SyntheticScene.noisy(MixedNoiseTests.clean(), sigma: 0.08)
    let mixed = MixedNoiseTests.mixed(gaussian, dead: false, stripes: false)
    for (scene, plain, refined) in [
      (gaussian, try FastHyDe() as any ClassicalDenoiser, try RefinedFastHyDe() as any ClassicalDenoiser),
      (mixed, try FastHyMix(), try RefinedFastHyMix()),
    ] {
      let own = scene.shape.pixels * (scene.shape.bands * 4 + 4)
      let (least, most) = (own + plain.workingBytes(scene.shape), own + refined.workingBytes(scene.shape))
      #expect(least < most)
      for (bytes, id) in [
        (most, refined.description.id), (most - 1, plain.description.id), (least, plain.description.id),
        (least - 1, refined.description.id),
      ] {
        let context = RunContext(memory: MemoryBudget(bytes: bytes))
        #expect(try Restorers.automatic(for: scene, noise: nil, context).denoiser.description.id == id)
      }
    }
  }
}
