import Foundation
import HSICore
import HSITestSupport
import Testing

@testable import HSIUnmixing

/// A parity fixture of blind unmixing, pixel-major.
struct BlindFixture {
  let fixture: Fixture
  let scene: [Double]
  let abundances: [Double]
  let channels: Int
  let count: Int
  let pixels: Int

  init(_ name: String) throws {
    let url = Bundle.module.url(forResource: "Fixtures/\(name)", withExtension: "safetensors")
    fixture = try Fixture(#require(url))
    channels = fixture["Y"].shape[0]
    pixels = fixture["Y"].shape[1]
    count = fixture["M0"].shape[1]
    scene = BlindFixture.transposed(fixture["Y"])
    abundances = BlindFixture.transposed(fixture["A0"])
  }

  static func transposed(_ tensor: Fixture.Tensor) -> [Double] {
    let (rows, columns) = (tensor.shape[0], tensor.shape[1])
    return (0..<(rows * columns)).map { tensor.values[($0 % rows) * columns + $0 / rows] }
  }

  /// Neighbours of the full rectangle, and the fixture's weights (4 × N) in double.
  var graph: (NeighbourGraph, [Double]) {
    let (lines, samples) = (fixture["H"].ints[0], fixture["W"].ints[0])
    let (rightTensor, downTensor) = (fixture["w_right"], fixture["w_down"])
    var right = [Double](repeating: 0, count: pixels)
    var down = right
    for i in 0..<lines {
      for j in 0..<(samples - 1) { right[i * samples + j] = rightTensor.values[i * (samples - 1) + j] }
    }
    for i in 0..<((lines - 1) * samples) { down[i] = downTensor.values[i] }
    var weights = [Double](repeating: 0, count: 4 * pixels)
    let graph = NeighbourGraph(
      positions: (0..<Int32(pixels)).map { $0 }, samples: samples, right: right.map { Float($0) },
      down: down.map { Float($0) })
    for n in 0..<pixels {
      for (direction, values) in [(0, right), (2, down)] {
        let j = Int(graph.index[direction * pixels + n])
        guard j >= 0 else { continue }
        weights[direction * pixels + n] = values[n]
        weights[(direction + 1) * pixels + j] = values[n]
      }
    }
    return (graph, weights)
  }

  /// The model of the RRLbS fixtures.
  var model: SweepModel {
    SweepModel(
      loss: .channels(epsilon: fixture["eps_r"].scalar),
      sparsity: .map(
        SweepModel.Map(
          lambda: fixture["lam"].scalar, epsilon: fixture["eps_a"].scalar, largest: fixture["h_max"].scalar,
          beta: fixture["beta"].scalar, gamma: fixture["gamma"].scalar, learnt: true)),
      softSum: fixture["delta"].scalar)
  }

  func scene32() -> PixelMatrix {
    PixelMatrix(rows: pixels, columns: channels, values: scene.map { Float($0) })
  }
  func abundances32() -> PixelMatrix {
    PixelMatrix(rows: pixels, columns: count, values: abundances.map { Float($0) })
  }
}

func largestDifference(_ a: [Double], _ b: [Double]) -> Double {
  guard a.count == b.count else { return .infinity }
  return zip(a, b).reduce(0) { max($0, abs($1.0 - $1.1)) }
}

func normalisedRows(_ a: [Double], _ count: Int) -> [Double] {
  a.indices.map { i in
    let start = i / count * count
    return a[i] / a[start..<(start + count)].reduce(0, +)
  }
}

@Suite("Multiplicative factorisation against the NumPy reference")
struct FactorisationTests {
  static let schedule = Factorisation.Schedule(iterations: 200, tolerance: -1, label: "test")

  @Test("RRLbS in double: iterates 1, 10, 200 to 1e-9", arguments: ["rrlbs_clean", "rrlbs_outliers"])
  func doublePrecision(name: String) throws {
    let set = try BlindFixture(name)
    let (graph, weights) = set.graph
    let sweep = DoubleSweep(
      set.scene, channels: set.channels, abundances: set.abundances, endmembers: set.count,
      prior: set.fixture["s"].values, graph: graph, edgeWeights: weights)
    let run = try Factorisation(
      sweep, set.model, endmembers: set.fixture["M0"].values, FactorisationTests.schedule, RunContext()
    ) { t, state in
      guard [1, 10, 200].contains(t) else { return }
      #expect(largestDifference(state.endmembers, set.fixture["M_\(t)"].values) < 1e-9)
      #expect(largestDifference(sweep.abundances, BlindFixture.transposed(set.fixture["A_\(t)"])) < 1e-9)
      #expect(largestDifference(sweep.guidance, set.fixture["h_\(t)"].values) < 1e-9)
      let d = set.fixture["d_\(t)"].values
      #expect(largestDifference(zip(state.weights!, d).map { $0 / $1 }, d.map { _ in 1 }) < 1e-9)
    }
    let expected = set.fixture["objective"].values
    #expect(run.objective.count == 201)
    #expect(largestDifference(zip(run.objective, expected).map { $0 / $1 }, expected.map { _ in 1 }) < 1e-10)
    #expect(zip(run.objective, run.objective.dropFirst()).allSatisfy { $0 > $1 })
  }

  @Test("RRLbS in single precision: iterate 200 to 2e-5", arguments: ["rrlbs_clean", "rrlbs_outliers"])
  func singlePrecision(name: String) throws {
    let set = try BlindFixture(name)
    let sweep = SingleSweep(
      set.scene32(), abundances: set.abundances32(), prior: set.fixture["s"].floats, graph: set.graph.0,
      for: set.model)
    let run = try Factorisation(
      sweep, set.model, endmembers: set.fixture["M0"].values, FactorisationTests.schedule, RunContext()
    ) { t, state in
      guard [1, 10, 200].contains(t) else { return }
      #expect(largestDifference(state.endmembers, set.fixture["M_\(t)"].values) < 2e-5)
      let a = sweep.abundances.values.map(Double.init)
      #expect(largestDifference(a, BlindFixture.transposed(set.fixture["A_\(t)"])) < 2e-5)
      let h = (0..<set.pixels).map { Double(sweep.guidance[$0]) }
      #expect(largestDifference(h, set.fixture["h_\(t)"].values) < 2e-5)
    }
    let expected = set.fixture["objective"].values
    #expect(largestDifference(zip(run.objective, expected).map { $0 / $1 }, expected.map { _ in 1 }) < 5e-6)
    #expect(zip(run.objective, run.objective.dropFirst()).allSatisfy { $0 > $1 })
  }

  @Test("NMF and ℓ1/2-NMF in both precisions", arguments: ["nmf_clean", "nmf_outliers"], ["nmf", "lhalf"])
  func quadratic(name: String, method: String) throws {
    let set = try BlindFixture(name)
    let start = set.fixture["M0"].values
    let model = SweepModel(
      loss: .quadratic,
      sparsity: method == "nmf" ? .none : .half(0.1 * set.fixture["lhalf_lambda"].scalar, floor: 1e-4),
      softSum: start.reduce(0) { $0 + $1 * $1 } / Double(set.count))
    let exact = DoubleSweep(
      set.scene, channels: set.channels, abundances: set.abundances, endmembers: set.count)
    let fast = SingleSweep(set.scene32(), abundances: set.abundances32(), for: model)
    _ = try Factorisation(exact, model, endmembers: start, FactorisationTests.schedule, RunContext()) {
      t, state in
      guard [1, 10, 200].contains(t) else { return }
      #expect(largestDifference(state.endmembers, set.fixture["\(method)_M_\(t)"].values) < 1e-9)
      let expected = BlindFixture.transposed(set.fixture["\(method)_A_\(t)"])
      #expect(largestDifference(normalisedRows(exact.abundances, set.count), expected) < 1e-9)
    }
    let run = try Factorisation(fast, model, endmembers: start, FactorisationTests.schedule, RunContext()) {
      t, state in
      guard [1, 10, 200].contains(t) else { return }
      #expect(largestDifference(state.endmembers, set.fixture["\(method)_M_\(t)"].values) < 2e-5)
      let expected = BlindFixture.transposed(set.fixture["\(method)_A_\(t)"])
      let a = normalisedRows(fast.abundances.values.map(Double.init), set.count)
      #expect(largestDifference(a, expected) < 2e-5)
    }
    #expect(zip(run.objective, run.objective.dropFirst()).allSatisfy { $0 >= $1 })
  }
}
