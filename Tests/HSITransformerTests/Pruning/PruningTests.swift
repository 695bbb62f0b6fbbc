import CKernels
import Foundation
import HSICore
import HSITestSupport
import Testing

@testable import HSITransformer

/// What stays when weights are pruned, and how networks with zeros learn.
@Suite struct PruningTests {
  private func numbers(_ shape: [Int], _ seed: UInt64) -> Tensor {
    var random = CounterRandom(seed: seed, stream: 4)
    // Some equal, some zero.
    return Tensor(shape, (0..<shape.reduce(1, *)).map { _ in Float((random.normal() * 8).rounded() / 8) })
  }

  @Test func patternsAreReadAndWritten() throws {
    for text in ["2:4", "1:64", "7:8", "density=0.3"] {
      #expect(try PruningPattern(text, option: "p").text == text)
      #expect(try Adaptation("prune:\(text)", option: "p").text == "prune:\(text)")
    }
    for text in [
      "4:4", "0:4", "2:65", "2", "", ":", "2:4:8", "density=0", "density=1", "density=nan", "density", "x=0.5",
    ] {
      #expect(throws: CoreError.self, "\(text)") { try PruningPattern(text, option: "p") }
    }
  }

  /// Against the plain definition: groups of neighbours along the inputs at every place of a kernel, the first of equals, tails whole.
  @Test(arguments: [
    ([5, 8], 2, 4), ([3, 11], 2, 4), ([4, 6, 3], 1, 3), ([2, 9, 1, 3, 3], 2, 4), ([1, 3], 2, 4), ([2, 70], 63, 64),
  ])
  func groupsKeepTheirLargest(_ shape: [Int], _ kept: Int, _ group: Int) {
    let weights = numbers(shape, 1)
    let found = PruningRule.groups(kept: kept, of: group).kept(weights)
    let (inputs, inner) = (shape[1], shape.dropFirst(2).reduce(1, *))
    for o in 0..<shape[0] {
      for p in 0..<inner {
        let places = (0..<inputs).map { (o * inputs + $0) * inner + p }
        for first in stride(from: 0, to: inputs, by: group) {
          let neighbours = Array(places[first..<min(first + group, inputs)])
          let order = neighbours.indices.sorted {
            (abs(weights.values[neighbours[$1]]), $0) < (abs(weights.values[neighbours[$0]]), $1)
          }
          let stay = neighbours.count < group ? Set(neighbours) : Set(order.prefix(kept).map { neighbours[$0] })
          for place in neighbours {
            #expect(found.values[place] == (stay.contains(place) ? weights.values[place] : 0))
          }
        }
      }
    }
  }

  /// Exactly as many stay as were asked for, none of them smaller than one that goes; the first of equals.
  @Test func theLargestStay() {
    for count in [1, 2, 17, 400] {
      let weights = numbers([count, 1], UInt64(count))
      let values = weights.values
      let order = values.indices.sorted { (abs(values[$1]), $0) < (abs(values[$0]), $1) }
      for kept in [0, 1, count / 3, count - 1, count, count + 5] {
        let stay = Set(order.prefix(kept))
        #expect(
          PruningRule.largest(kept).kept(weights).values == values.indices.map { stay.contains($0) ? values[$0] : 0 },
          "\(kept) of \(count)")
      }
    }
    let odd = Tensor([4, 1], [.nan, 1, .infinity, -2])
    #expect(PruningRule.largest(2).kept(odd).values.filter { $0 == 1 || $0 == -2 }.isEmpty)
  }

  /// Shares follow extents, none exceeds 1, and all together they are what was asked for.
  @Test(arguments: [0.02, 0.1, 0.3, 0.7, 0.95])
  func densitiesOfLayers(_ density: Double) {
    let shapes = [[64, 64], [512, 64], [16, 8, 3, 3], [4, 4], [1000, 1000]]
    let sizes = shapes.map { Double($0.reduce(1, *)) }
    let shares = ErdosRenyi.densities(shapes, density: density)
    #expect(shares.allSatisfy { $0 > 0 && $0 <= 1 })
    let all = zip(shares, sizes).reduce(0) { $0 + $1.0 * $1.1 }
    #expect(abs(all / sizes.reduce(0, +) - density) < 1e-9)
    let free = shapes.indices.filter { shares[$0] < 1 }
    // p_l Π / Σ is the same for all that are not dense.
    let epsilon = free.map { shares[$0] * sizes[$0] / Double(shapes[$0].reduce(0, +)) }
    #expect(epsilon.allSatisfy { abs($0 / epsilon[0] - 1) < 1e-9 })
  }

  /// Matrices and kernels are pruned; biases and kernels of one channel are not.
  @Test func whatCanBePruned() {
    let task = ToyTask()
    let pruning = Pruning(.groups(kept: 2, of: 4), of: task.store)
    #expect(Set(pruning.rules.keys) == ["l.weight"] && pruning.count == 8 && pruning.kept == 4)
    pruning.apply(to: task.store)
    #expect(task.store["l.weight"]?.value.values.filter { $0 == 0 }.count == 4)
    let share = Pruning(.density(0.5), of: task.store)
    #expect(share.rules == ["l.weight": .largest(4)])
  }

  /// SR-STE against its formulas in double precision.
  @Test func updatesFollowTheFormulas() throws {
    let store = ParameterStore()
    let w = store.root.parameter("w", [3, 9], .constant(0))
    let b = store.root.parameter("b", [3], .constant(0.5), role: .bias)
    w.set(numbers([3, 9], 7))
    let pruning = Pruning(.groups(kept: 2, of: 4), of: store)
    let rule = SparseTraining(pruning, of: store, penalty: 0.3)
    var dense = w.value.values.map(Double.init)
    var (first, second) = ([Double](repeating: 0, count: 27), [Double](repeating: 0, count: 27))
    pruning.apply(to: store)
    let optimiser = Optimiser(rule, [w, b], decay: 0.1)
    for step in 1...10 {
      let gradient = numbers([3, 9], UInt64(100 + step))
      w.accumulate { for i in 0..<27 { $0[i] = gradient.values[i] } }
      b.accumulate { for i in 0..<3 { $0[i] = 1 } }
      let seen = w.value.values
      optimiser.step(rate: 0.05)
      for i in 0..<27 {
        let g = Double(gradient.values[i]) + (seen[i] == 0 ? Double(Float(0.3)) * dense[i] : 0)
        first[i] = 0.9 * first[i] + 0.1 * g
        second[i] = 0.999 * second[i] + 0.001 * g * g
        let (m, v) = (first[i] / (1 - pow(0.9, Double(step))), second[i] / (1 - pow(0.999, Double(step))))
        dense[i] = dense[i] * (1 - 0.05 * 0.1) - 0.05 * m / (v.squareRoot() + 1e-8)
      }
      let expected = PruningRule.groups(kept: 2, of: 4).kept(Tensor([3, 9], dense.map(Float.init))).values
      #expect(zip(w.value.values, expected).allSatisfy { abs($0 - $1) < 1e-5 }, "step \(step)")
    }
    #expect(w.value.values.filter { $0 == 0 }.count == 12)
    #expect(b.value.values.allSatisfy { $0 < 0.5 })
  }

  /// Averages over updates have the zeros of the pattern when they are judged, and are themselves afterwards.
  @Test func averagesAreJudgedWithZeros() throws {
    func task() -> ToyTask {
      let task = ToyTask(epochs: 6, batches: 7)
      task.plan.averageDecay = 0.9
      let pruning = Pruning(.groups(kept: 2, of: 4), of: task.store)
      task.rule = SparseTraining(pruning, of: task.store)
      pruning.apply(to: task.store)
      return task
    }
    let (one, often) = (task(), task())
    one.plan.evaluation = .epochs(6)
    var zeros: [Int] = []
    for task in [one, often] {
      try Trainer(task).run(RunContext()) { _ in
        zeros.append(task.store["l.weight"]?.value.values.filter { $0 == 0 }.count ?? 0)
      }
    }
    #expect(zeros.count > 2 && zeros.allSatisfy { $0 == 4 })
    #expect(one.bits == often.bits)
  }

  /// A run that was stopped and resumed ends with the same bits.
  @Test func resumesExactly() throws {
    let folder = try WeightFolder()
    func task() -> ToyTask {
      let task = ToyTask(epochs: 4)
      let pruning = Pruning(.groups(kept: 1, of: 4), of: task.store)
      task.rule = SparseTraining(pruning, of: task.store)
      pruning.apply(to: task.store)
      return task
    }
    expectSteadyBits {
      let whole = task()
      try Trainer(whole).run(RunContext())
      let stopped = task()
      let context = RunContext()
      stopped.onBatch = { if $0.step == 8 { context.cancellation.cancel() } }
      let path = folder.path("state.safetensors")
      #expect(throws: CoreError.self) { try Trainer(stopped).run(TrainingSession(statePath: path), context) }
      let resumed = task()
      try Trainer(resumed).run(TrainingSession(statePath: path, resumes: true), RunContext())
      return resumed.bits == whole.bits ? [] : ["weights"]
    }
  }
}
