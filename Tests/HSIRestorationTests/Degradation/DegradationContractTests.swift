import Foundation
import HSICore
import HSINumerics
import Testing

@testable import HSIRestoration

/// What every degradation promises (see `Degradation`).
@Suite(.serialized) struct DegradationContractTests {
  static let names = Degradations.all.descriptions.map(\.id)
  static var scene: Cube { SyntheticScene.clean(lines: 20, samples: 24, bands: 10) }

  private func degrade(
    _ name: String, _ scene: Cube, seed: UInt64 = 5, active: [Bool]? = nil, _ context: RunContext = RunContext()
  ) throws -> DegradedScene {
    try Degradations.all.named(name).degrade(scene, DegradationTarget(scene.shape, active: active, seed: seed), context)
  }

  private func bits(_ cube: Cube) -> [UInt32] { cube.pixels.values.map(\.bitPattern) }

  @Test(arguments: names) func neitherThreadsNorTheSceneMatter(_ name: String) throws {
    let before = Self.scene.pixels.values
    let one = try degrade(name, Self.scene, RunContext(threads: 1)).scene
    let three = try degrade(name, Self.scene, RunContext(threads: 3)).scene
    #expect(bits(one) == bits(three) && one.positions == three.positions)
    #expect(Self.scene.pixels.values == before)
    #expect(bits(one) != bits(Self.scene))
    let factor = try Degradations.all.named(name).reduction
    #expect(one.shape == CubeShape(lines: 20 / factor, samples: 24 / factor, bands: 10))
    #expect(try degrade(name, Self.scene).facts["kind"] == name)
  }

  @Test(arguments: names) func bandsThatAreNotMeantStay(_ name: String) throws {
    guard try Degradations.all.named(name).reduction == 1 else { return }
    var active = [Bool](repeating: true, count: 10)
    active[4] = false
    let result = try degrade(name, Self.scene, active: active).scene
    for n in 0..<result.count { #expect(result.pixels[n, 4] == Self.scene.pixels[n, 4]) }
  }

  /// Missing pixels stay missing, a NaN stays where it is, and neither spreads.
  @Test(arguments: names.filter { !["mask", "missing-bands"].contains($0) }) func whatIsMissingStays(_ name: String)
    throws
  {
    let gone: Set<Int> = [0, 25, 200, 479]
    let holed = SyntheticScene.dropping(Self.scene) { gone.contains($0) }
    let reduction = try Degradations.all.named(name).reduction
    let around = try degrade(name, holed).scene
    if reduction == 1 { #expect(around.positions == holed.positions) }
    #expect(around.count < around.shape.pixels && around.pixels.values.allSatisfy { $0.isFinite })
    let patched = SyntheticScene.with(Self.scene, Self.scene.pixels.values)
    patched.pixels[100, 3] = .nan
    let result = try degrade(name, patched).scene
    #expect(result.pixels.values.count { !$0.isFinite } == (reduction == 1 ? 1 : 0))
  }

  @Test(arguments: ["mask", "missing-bands", "poisson", "mixture"]) func stripsGiveTheSame(_ name: String) throws {
    let scene = Self.scene
    func strips(_ drawn: some DrawnDegradation) -> [UInt32] {
      [0..<7, 7..<8, 8..<20].flatMap { lines in
        let rows = (lines.lowerBound * 24)..<(lines.upperBound * 24)
        let values = rows.flatMap { Array(scene.pixels.row($0)) }
        let pixels = PixelMatrix(rows: rows.count, columns: 10, values: values)
        drawn.apply(
          to: pixels, positions: (0..<Int32(rows.count)).map { $0 },
          window: PixelWindow(line: lines.lowerBound, sample: 0, lines: lines.count, samples: 24))
        return pixels.values.map(\.bitPattern)
      }
    }
    let method = try #require(try Degradations.all.named(name) as? any StripDegradation)
    #expect(
      strips(method.draw(DegradationTarget(Self.scene.shape, seed: 5))) == bits(try degrade(name, Self.scene).scene))
  }

  @Test(arguments: ["gaussian-blur", "circle-blur", "square-blur", "motion-blur", "downsampling", "haze"])
  func budgetAndCancellation(_ name: String) throws {
    do {
      _ = try degrade(name, Self.scene, RunContext(memory: MemoryBudget(bytes: 1000)))
      Issue.record("no error")
    } catch let error as CoreError { if case .memory = error {} else { Issue.record("\(error)") } }
    let context = RunContext()
    context.cancellation.cancel()
    do {
      _ = try degrade(name, Self.scene, context)
      Issue.record("no error")
    } catch let error as CoreError { if case .cancelled = error {} else { Issue.record("\(error)") } }
  }

  @Test(arguments: [
    ("gaussian-blur", ["size": 8.0]), ("motion-blur", ["size": 7.5]), ("circle-blur", ["size": 257]),
    ("gaussian-blur", ["sigma": 0]), ("downsampling", ["factor": 1.5]), ("mask", ["ratio": 1.1]),
    ("missing-bands", ["ratio": -0.1]), ("haze", ["strength": 2]), ("poisson", ["peak": 0]), ("haze", ["fog": 1]),
    ("gaussian", ["size": 3]),
  ])
  func badValuesAreRefused(_ name: String, _ values: [String: Double]) {
    #expect(throws: CoreError.self) { try Degradations.all.named(name, values) }
  }

  @Test func numbersWithoutNames() {
    #expect(throws: CoreError.self) { try Degradations.all.named("mask", [0.5]) }
    #expect(throws: CoreError.self) { try Haze.Cirrus(lines: 2, samples: 2, values: [0, 1, 2, 0]) }
    #expect(throws: CoreError.self) { try Haze.Cirrus(lines: 2, samples: 2, values: [0, 1]) }
  }

  @Test func aFactorAboveTheScene() throws {
    let small = SyntheticScene.clean(lines: 3, samples: 8, bands: 2)
    #expect(throws: CoreError.self) {
      try Degradations.all.named("downsampling", ["factor": 4]).degrade(
        small, DegradationTarget(small.shape, seed: 1), RunContext())
    }
  }
}

/// Figures of what is drawn.
@Suite struct DrawnDegradationTests {
  private static var large: Cube {
    Cube(
      lines: 100, samples: 100,
      pixels: PixelMatrix(rows: 10_000, columns: 10, values: [Float](repeating: 0.5, count: 100_000)))
  }

  private func degrade(_ name: String, _ values: [String: Double], _ scene: Cube = large, seed: UInt64 = 2) throws
    -> Cube
  {
    try Degradations.all.named(name, values).degrade(scene, DegradationTarget(scene.shape, seed: seed), RunContext())
      .scene
  }

  @Test(arguments: [0.0, 0.7, 0.9, 1]) func maskedShare(_ ratio: Double) throws {
    let values = try degrade("mask", ["ratio": ratio]).pixels.values
    let lost = Double(values.count { $0.isNaN }) / 1e5
    #expect(abs(lost - ratio) <= 5 * (ratio * (1 - ratio) / 1e5).squareRoot())
    #expect(values.allSatisfy { $0.isNaN || $0 == 0.5 })
    let zeros = try degrade("mask", ["ratio": ratio, "zero": 1]).pixels.values
    #expect(zip(zeros, values).allSatisfy { $0 == ($1.isNaN ? 0 : $1) })
    // Neighbours in sample, line and band are independent.
    guard ratio == 0.7 else { return }
    for lag in [1, 10, 1000] {
      let both = (0..<(100_000 - lag)).count { values[$0].isNaN && values[$0 + lag].isNaN }
      let (share, count) = (0.49, Double(100_000 - lag))
      #expect(abs(Double(both) / count - share) < 8 * (share * (1 - share) / count).squareRoot())
    }
    #expect(try degrade("mask", ["ratio": ratio], seed: 3).pixels.values.map(\.isNaN) != values.map(\.isNaN))
  }

  @Test(arguments: [(0.1, 1), (0.2, 2), (0.3, 3), (0.39, 3), (0.09, 0), (1, 10)]) func lostBands(
    _ ratio: Double, _ count: Int
  )
    throws
  {
    let scene = try degrade("missing-bands", ["ratio": ratio])
    let lost = (0..<10).filter { scene.pixels[0, $0].isNaN }
    #expect(lost.count == count)
    for n in 0..<scene.count { #expect((0..<10).filter { scene.pixels[n, $0].isNaN } == lost) }
  }

  /// Mean and variance of photons, below and above the change of algorithm.
  @Test(arguments: [0.1, 1, 4, 19, 21, 400, 1e5]) func photons(_ peak: Double) throws {
    let values = try degrade("poisson", ["peak": peak]).pixels.values.map { Double($0) * peak }
    let (count, expected) = (1e5, 0.5 * peak)
    let mean = values.reduce(0, +) / count
    let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count
    #expect(abs(mean - expected) < 5 * (expected / count).squareRoot())
    // The fourth central moment of a Poisson number is λ (1 + 3 λ).
    #expect(abs(variance - expected) < 5 * ((expected + 2 * expected * expected) / count).squareRoot())
    #expect(values.allSatisfy { $0 >= 0 && abs($0 - $0.rounded()) < 1e-2 * max(1, $0 * 1e-5) })
  }

  @Test func photonsOfALittleLight() throws {
    let dark = Cube(lines: 1, samples: 4, pixels: PixelMatrix(rows: 4, columns: 1, values: [-0.3, 0, .nan, 1e-12]))
    let values = try degrade("poisson", [:], dark).pixels.values
    #expect(values[0] == 0 && values[1] == 0 && values[2].isNaN && values[3] == 0)
  }

  /// The field spans [0, 1], changes with the seed, and changes little from one pixel to the next.
  @Test func drawnHaze() throws {
    let shape = CubeShape(lines: 60, samples: 90, bands: 1)
    let field = Haze.field(shape, clumps: 3, seed: 4)
    #expect(field.values.min() == 0 && field.values.max() == 1 && field.values.count == 5400)
    #expect(field != Haze.field(shape, clumps: 3, seed: 5))
    let steps = (1..<5400).filter { $0 % 90 != 0 }.map { abs(field.values[$0] - field.values[$0 - 1]) }
    #expect(try #require(steps.max()) < 0.15)
  }

  /// Haze takes more at short wavelengths, and all of what it takes is replaced by the light of the sky.
  @Test func hazeByWavelength() throws {
    let metadata = { () -> CubeMetadata in
      var metadata = CubeMetadata(bands: 2)
      metadata.axis = SpectralAxis(wavelengths: [800, 400])
      return metadata
    }()
    let scene = Cube(
      shape: CubeShape(lines: 1, samples: 2, bands: 2), metadata: metadata,
      pixels: PixelMatrix(rows: 2, columns: 2, values: [0.1, 0.1, 0.9, 0.8]), positions: [0, 1])
    let cirrus = try Haze.Cirrus(lines: 1, samples: 1, values: [0.5])
    let result = try Haze(strength: 0.5, cirrus: cirrus).degrade(
      scene, DegradationTarget(scene.shape, seed: 1), RunContext()
    ).scene.pixels.values
    let expected: [Float] = [
      0.1 * Float(0.75.squareRoot()) + 0.9 * (1 - Float(0.75.squareRoot())), 0.1 * 0.75 + 0.8 * 0.25, 0.9, 0.8,
    ]
    for (a, b) in zip(result, expected) { #expect(abs(a - b) < 1e-6) }
  }
}
