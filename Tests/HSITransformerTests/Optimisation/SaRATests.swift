import Foundation
import HSICore
import HSITestSupport
import Testing

@testable import HSITransformer

/// SaRA on a toy of a convolution and a linear map: trained, resumed, saved, folded.
@Suite struct SaRATests {
  private static let share = 0.3

  private static func task(renewal: Int? = nil) -> ToyTask {
    let task = ToyTask(epochs: 6)
    // Weights of all sizes, some negative, some zero.
    let threshold = SaRA.threshold(share: share, of: task.store.parameters)
    task.rule = SaRA(threshold: threshold, renewal: renewal)
    task.schedule = .constant(0.01)
    return task
  }

  private static func threshold(_ task: ToyTask) -> Float { Float((task.rule as? SaRA)?.threshold ?? 0) }

  /// Only small weights move, in every kind of tensor; the others keep their bits. The score gets better.
  @Test func onlySmallWeightsMove() throws {
    let task = Self.task()
    let (before, threshold) = (task.bits, Self.threshold(task))
    let score = try task.score(RunContext())
    try Trainer(task).run(RunContext())
    let all = zip(before.joined(), task.bits.joined())
    let moved = all.filter { $0.0.bitPattern != $0.1.bitPattern }
    #expect(moved.allSatisfy { abs($0.0) < threshold })
    // Dead gradients aside, all of the mask.
    #expect(moved.count > Int(0.9 * Double(all.filter { abs($0.0) < threshold }.count)) && moved.count > 10)
    #expect(
      Set(zip(task.store.parameters, before).filter { $0.0.value.values != $0.1 }.map(\.0.role)) == [.weight, .bias])
    #expect(try task.score(RunContext()) ?? .init(0) > score ?? .init(0))
    #expect(moved.contains { $0.0 < 0 })
  }

  /// The first step of AdamW has the length of the rate: from −0.01 a weight goes to −0.01 ± rate, whatever its sign.
  @Test func signsAreKept() {
    let store = ParameterStore()
    let w = store.root.parameter("w", [4], .constant(0))
    w.set(Tensor([4], [-0.01, 0.01, 0.5, -0.5]))
    w.accumulate { for i in 0..<4 { $0[i] = 1 } }
    Optimiser(SaRA(threshold: 0.1), [w]).step(rate: 0.001)
    let expected: [Float] = [-0.011, 0.009, 0.5, -0.5]
    #expect(zip(w.value.values, expected).allSatisfy { abs($0 - $1) < 1e-6 })
    #expect(w.value.values[2...] == [0.5, -0.5])
  }

  /// With a mask of everything it is AdamW.
  @Test func allWeightsAreAdamW() throws {
    expectSteadyBits {
      let (masked, plain) = (ToyTask(), ToyTask())
      masked.rule = SaRA(threshold: .infinity, renewal: nil)
      plain.rule = AdamW()
      for task in [masked, plain] { try Trainer(task).run(RunContext()) }
      return masked.bits == plain.bits ? [] : ["weights"]
    }
  }

  /// Weights that have outgrown the mask are frozen when it is drawn again.
  @Test func renewal() throws {
    let task = Self.task(renewal: 5)
    let threshold = Self.threshold(task)
    var seen: [[Float]] = []
    task.onBatch = { _ in seen.append(Array(task.bits.joined())) }
    try Trainer(task).run(RunContext())
    var frozen = 0
    for (step, values) in seen.enumerated() where step > 0 && step % 5 == 0 && step + 5 < seen.count {
      for i in values.indices where abs(values[i]) >= threshold {
        #expect(seen[step + 5][i].bitPattern == values[i].bitPattern)
        if abs(seen[0][i]) < threshold { frozen += 1 }
      }
    }
    #expect(frozen > 0, "some have outgrown it")
  }

  /// Stopped in the middle of a mask's life and resumed: the same bits.
  @Test(arguments: [nil, 4]) func resumedExactly(_ renewal: Int?) throws {
    let path = try WeightFiles.temporary("state.safetensors")
    defer { WeightFiles.remove(path) }
    expectSteadyBits {
      let whole = Self.task(renewal: renewal)
      try Trainer(whole).run(RunContext())
      let first = Self.task(renewal: renewal)
      let context = RunContext()
      first.onBatch = { if $0.step == 13 { context.cancellation.cancel() } }
      #expect(throws: CoreError.self) { try Trainer(first).run(TrainingSession(statePath: path), context) }
      let second = Self.task(renewal: renewal)
      try Trainer(second).run(TrainingSession(statePath: path, resumes: true), RunContext())
      return second.bits == whole.bits ? [] : ["weights"]
    }
  }

  /// Saved as positions and values, folded into the base: the same bits; into anything else: refused, nothing changes.
  @Test func savedAndFolded() throws {
    let path = try WeightFiles.temporary("sara.safetensors")
    defer { WeightFiles.remove(path) }
    let (task, base) = (Self.task(), Self.task())
    try Trainer(task).run(RunContext())
    let saved = SaRA.difference(task.store, from: base.store)
    try SafetensorsWriter.write(saved.contents, metadata: saved.metadata, to: path, overwrite: false)
    let file = try WeightFile.open(path)
    let count = saved.contents.reduce(0) { if case .floats(let values) = $1.content { $0 + values.count } else { $0 } }
    #expect(Double(count) < (Self.share + 0.05) * Double(task.store.parameterCount))
    try SaRA.fold(file, into: base.store)
    #expect(base.bits == task.bits)
    let x = Tensor([2, 1, 4, 4, 1], (0..<32).map { Float($0) / 32 })
    expectSteadyBits {
      base.output(x, Tape(.inference)).value.values == task.output(x, Tape(.inference)).value.values ? [] : ["output"]
    }
    let other = ToyTask(seed: 4)
    let before = other.bits
    for store in [other.store, base.store] {
      let error = #expect(throws: TransformerError.self) { try SaRA.fold(file, into: store) }
      #expect(error?.problem.contains("other weights") == true)
    }
    #expect(other.bits == before)
  }

  /// The formula of the paper and the quantile.
  @Test func thresholdsAndRates() {
    let store = ParameterStore()
    let w = store.root.parameter("w", [10], .constant(0))
    w.set(Tensor([10], [1, -2, 3, -4, 5, -6, 7, -8, 9, -10]))
    let threshold = SaRA.threshold(share: 0.3, of: [w])
    #expect(w.value.values.filter { abs(Double($0)) < threshold }.count == 3)
    #expect(abs(SaRA.rate(threshold: 2e-3) - 1e-3 * exp(-0.7)) < 1e-15)
  }
}
