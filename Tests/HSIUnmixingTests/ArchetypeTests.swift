import HSICore
import HSINumerics
import HSITestSupport
import Testing

@testable import HSIUnmixing

/// EDAA and SUnAA against `archetypes_reference.py`.
@Suite struct ArchetypeTests {
  @Test func entropicDescentMatchesTheReference() throws {
    let fixture = try MethodFixtures.load("archetypes")
    let (pixels, count) = (fixture["edaa.Y"].shape[0], 3)
    var state = EDAA.State(
      scores: fixture["edaa.Y"].values, pixels: pixels, rank: fixture["edaa.Y"].shape[1], count: count,
      abundances: fixture["edaa.A0"].values, weights: fixture["edaa.B0"].values)
    let objective = fixture["edaa.objective"].values
    #expect(abs(state.objective() - objective[0]) < 1e-10)
    for turn in 1...50 {
      state.turn(5)
      #expect(abs(state.objective() - objective[turn]) < 1e-9 * objective[0], "turn \(turn)")
      guard [1, 10, 50].contains(turn) else { continue }
      #expect(MethodFixtures.distance(state.abundances, fixture["edaa.A\(turn)"].values) < 1e-8)
      #expect(MethodFixtures.distance(state.weights, fixture["edaa.B\(turn)"].values) < 1e-8)
    }
  }

  /// Every single step in A and in B lowers the objective, from any start.
  @Test func everyEntropicStepDescends() throws {
    for seed in UInt64(1)...8 {
      var random = CounterRandom(seed: seed)
      let (pixels, rank, count) = (50, 6, 4)
      func simplex(_ rows: Int, _ columns: Int) -> [[Double]] {
        (0..<rows).map { _ in
          let row = (0..<columns).map { _ in random.uniform(0.001, 1) }
          return row.map { $0 / row.reduce(0, +) }
        }
      }
      let scores = (0..<(pixels * rank)).map { _ in random.uniform(-1, 1) }
      let a = simplex(pixels, count).flatMap { $0 }
      let columns = simplex(count, pixels)
      let b = (0..<pixels).flatMap { n in (0..<count).map { columns[$0][n] } }
      var state = EDAA.State(scores: scores, pixels: pixels, rank: rank, count: count, abundances: a, weights: b)
      var before = state.objective()
      for _ in 0..<40 {
        state.turn(1)
        let after = state.objective()
        #expect(after <= before * (1 + 1e-12))
        before = after
      }
    }
  }

  @Test func sunaaMatchesTheReference() throws {
    let fixture = try MethodFixtures.load("archetypes")
    let library = MethodFixtures.matrix(fixture["sunaa.D"])
    let scene = MethodFixtures.cube(fixture["sunaa.Y"], lines: 5)
    let start = MethodFixtures.matrix(fixture["sunaa.B0"])
    let expected = fixture["sunaa.objective"].values
    for turns in [1, 20] {
      let outcome = try SUnAA(["iterations": Double(turns), "tolerance": 0]).run(
        scene, library, starts: (0..<start.rows).map(start.row), MethodFixtures.context())
      #expect(outcome.objective.count == turns)
      for (found, value) in zip(outcome.objective, expected) { #expect(abs(found - value) < 1e-5 * value + 1e-7) }
      let combinations = outcome.combinations.flatMap { $0 }
      #expect(MethodFixtures.distance(combinations, fixture["sunaa.B\(turns)"].values) < 2e-3)
      #expect(
        MethodFixtures.distance(outcome.abundances.values.map(Double.init), fixture["sunaa.A\(turns)"].values) < 2e-3)
      for (before, after) in zip(outcome.objective, outcome.objective.dropFirst()) {
        #expect(after <= before * (1 + 1e-9))
      }
    }
  }

  /// A scene of library spectra: the ones that are there come out, the others do not.
  @Test func sunaaFindsWhatIsThere() throws {
    let spectra = MethodFixtures.spectra(bands: 40, count: 12, seed: 41)
    let present = [1, 4, 9]
    let scene = MethodFixtures.mixture(
      lines: 30, samples: 20, spectra: spectra.selecting(columns: present), noise: 0.001, seed: 42)
    let found = try SUnAA(["endmembers": 3]).solve(
      scene.cube, MethodFixtures.library(spectra), MethodFixtures.context())
    for n in 0..<scene.cube.count {
      #expect(abs(found.row(n).reduce(0, +) - 1) < 1e-4)
      for (k, place) in present.enumerated() {
        #expect(abs(Double(found[n, place]) - scene.abundances[n, k]) < 0.05, "pixel \(n)")
      }
    }
  }

  @Test func edges() throws {
    let spectra = MethodFixtures.spectra(bands: 2, count: 3, seed: 1)
    let library = MethodFixtures.library(spectra)
    let constant = Cube(
      lines: 1, samples: 4, pixels: PixelMatrix(rows: 4, columns: 2, values: [Float](repeating: 0.3, count: 8)))
    let found = try SUnAA(["endmembers": 1]).solve(constant, library, MethodFixtures.context())
    #expect(found.values.allSatisfy { $0.isFinite })
    #expect(throws: (any Error).self) {
      try SUnAA(["endmembers": 3]).solve(constant, library, MethodFixtures.context())
    }
  }
}
