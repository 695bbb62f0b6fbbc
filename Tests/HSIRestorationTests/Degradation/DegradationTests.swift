import HSICore
import Testing

@testable import HSIRestoration

/// Noise kinds as degradations, and a degradation that changes the grid as one type and one line.
@Suite struct DegradationTests {
  @Test(arguments: NoiseModel.Kind.allCases) func noiseIsADegradation(_ kind: NoiseModel.Kind) throws {
    let scene = SyntheticScene.clean(lines: 12, samples: 24, bands: 9)
    var active = [Bool](repeating: true, count: 9)
    active[4] = false
    let range = try DataRange(low: 0, high: 2)
    let degraded = try Degradations.all.named(kind.rawValue).degrade(
      scene, DegradationTarget(scene.shape, range: range, active: active, seed: 5), RunContext())
    let noise = NoiseRealisation(try NoiseModel(kind), bands: 9, samples: 24, seed: 5, active: active)
    let expected = SyntheticScene.with(scene, scene.pixels.values)
    noise.add(to: expected.pixels, positions: scene.positions, window: scene.shape.window, range: range)
    #expect(degraded.scene.pixels.values == expected.pixels.values)
    #expect(degraded.scene.pixels.values != scene.pixels.values)
    for row in 0..<scene.count { #expect(degraded.scene.pixels[row, 4] == scene.pixels[row, 4]) }
    #expect(degraded.facts["kind"] == kind.rawValue && degraded.facts["range"] == "0.0,2.0")
    #expect(degraded.facts["sigma_per_band"]?.split(separator: ",").count == 9)
    #expect(degraded.facts.keys.contains { $0.hasSuffix("_stripes") } == [.stripe, .mixture].contains(kind))
  }

  @Test func numbersAndNames() throws {
    let model = try Degradations.all.named("blind", [5, 6]) as? NoiseModel
    #expect(model?.sigmas == [5, 6])
    #expect(throws: CoreError.self) { try Degradations.all.named("blind", [6, 5]) }
    do {
      _ = try Degradations.all.named("fog")
      Issue.record("no error")
    } catch { #expect("\(error)".contains("no degradation fog") && "\(error)".contains("mixture")) }
    #expect(Degradations.all.find("Stripe")?.description.task == .degrade)
  }

  @Test func aCoarserGrid() throws {
    let registry = Degradations.all.appending([DegradationEntry(Halving.description) { _ in Halving() }])
    let plain = SyntheticScene.clean(lines: 5, samples: 6, bands: 2)
    var metadata = plain.metadata
    metadata.georeference = Georeference(crs: nil, mapping: .affine([100, 10, 0, 200, 0, -10]))
    let scene = Cube(shape: plain.shape, metadata: metadata, pixels: plain.pixels, positions: plain.positions)
    let half = try registry.named("halving").degrade(scene, DegradationTarget(scene.shape, seed: 1), RunContext()).scene
    #expect(half.shape == CubeShape(lines: 2, samples: 3, bands: 2))
    #expect(half.metadata.georeference?.mapping == .affine([100, 20, 0, 200, 0, -20]))
    let mean = [0, 1, 6, 7].map { scene.pixels[2 + $0, 1] }.reduce(0, +) / 4
    #expect(abs(half.pixels[1, 1] - mean) < 1e-6)
  }
}

/// Means of 2 × 2 pixels.
private struct Halving: Degradation {
  static let description = MethodDescription(
    id: "halving", name: "Half size", task: .degrade, citation: "", cost: "N L", advice: "A test.")

  var description: MethodDescription { Self.description }
  var reduction: Int { 2 }

  func degrade(_ scene: Cube, _ target: DegradationTarget, _ context: RunContext) throws -> DegradedScene {
    let small = AreaZoom.shrink(
      scene.pixels, isValid: [Bool](repeating: true, count: scene.count), lines: scene.shape.lines,
      samples: scene.shape.samples, factor: reduction)
    let shape = CubeShape(lines: small.lines, samples: small.samples, bands: scene.shape.bands)
    return DegradedScene(
      scene: Cube(
        shape: shape, metadata: scene.metadata.rescaled(by: 1 / Double(reduction)), pixels: small.pixels,
        positions: (0..<Int32(shape.pixels)).map { $0 }), facts: ["factor": "2"])
  }
}
