import Foundation
import HSITestSupport
import Testing

@testable import HSITransformer

@Suite struct OptimiserTests {
  private static func gradient(_ step: Int, _ i: Int) -> Float {
    Float(sin(Double(step * 7 + i * 3)) * (i == 2 ? 1e-3 : 1))
  }

  /// 20 steps against PyTorch's rules in double precision.
  @Test(
    arguments: [
      (Adam(), 0), (Adam(), 0.05), (AdamW(), 0.1), (SGD(momentum: 0.9), 0), (SGD(momentum: 0), 0.1),
      (AdamW(beta1: 0.9, beta2: 0.95), 0.05),
    ] as [(any UpdateRule, Double)])
  func rules(_ rule: any UpdateRule, _ decay: Double) throws {
    let store = ParameterStore(seed: 1)
    let parameter = store.root.parameter("w", [5], .normal(1))
    let optimiser = Optimiser(rule, [.init("all", [parameter], rateFactor: 0.5, decay: decay)])
    var w = parameter.value.values.map { Double($0) }
    var (m, v) = ([Double](repeating: 0, count: 5), [Double](repeating: 0, count: 5))
    for step in 1...20 {
      let rate = 0.02 / Double(step)
      parameter.accumulate { sum in for i in 0..<5 { sum[i] += Self.gradient(step, i) } }
      optimiser.step(rate: rate)
      #expect(parameter.gradient == nil)
      for i in 0..<5 {
        var g = Double(Self.gradient(step, i))
        let lr = 0.5 * rate
        if let rule = rule as? SGD {
          g += decay * w[i]
          m[i] = rule.momentum * m[i] + g
          w[i] -= lr * m[i]
        } else {
          let adam = rule as? Adam
          let constants =
            adam.map { ($0.beta1, $0.beta2, $0.epsilon) } ?? (rule as? AdamW).map { ($0.beta1, $0.beta2, $0.epsilon) }
          let (b1, b2, epsilon) = try #require(constants)
          if adam == nil { w[i] *= 1 - lr * decay } else { g += decay * w[i] }
          m[i] = b1 * m[i] + (1 - b1) * g
          v[i] = b2 * v[i] + (1 - b2) * g * g
          let (mean, square) = (m[i] / (1 - pow(b1, Double(step))), v[i] / (1 - pow(b2, Double(step))))
          w[i] -= lr * mean / (square.squareRoot() + epsilon)
        }
      }
    }
    for (found, expected) in zip(parameter.value.values, w) { #expect(abs(Double(found) - expected) < 3e-6) }
  }

  /// A weight without gradient stays, and its clock too: its first step is a first step whenever it comes.
  @Test func weightsWithoutGradientAreLeftAlone() {
    let store = ParameterStore(seed: 2)
    let (a, b) = (store.root.parameter("a", [2], .normal(1)), store.root.parameter("b", [2], .normal(1)))
    let optimiser = Optimiser(.adamW(), [a, b], decay: 0.01)
    let before = b.value.values
    for _ in 0..<3 {
      a.accumulate { $0[0] += 1 }
      optimiser.step(rate: 0.1)
    }
    #expect(b.value.values == before)
    b.accumulate {
      $0[0] += 5; $0[1] -= 3
    }
    optimiser.step(rate: 0.1)
    // The first step of Adam has length rate, whatever the gradient.
    for i in 0..<2 {
      let expected = Double(before[i]) * (1 - 0.001) - (i == 0 ? 0.1 : -0.1)
      #expect(abs(Double(b.value.values[i]) - expected) < 1e-6)
    }
  }

  /// Gradients of several passes add up until the optimiser's step: batches in parts.
  @Test func passesAccumulate() throws {
    let store = ParameterStore(seed: 3)
    let layer = Linear(store.root, input: 4, output: 3)
    let (x, target) = (Reference([6, 4], seed: 4).tensor, Reference([6, 3], seed: 5).tensor)
    func pass(_ rows: Range<Int>, weight: Float) {
      let tape = Tape(.training)
      func part(_ t: Tensor, _ width: Int) -> Tensor {
        Tensor([rows.count, width], Array(t.values[(rows.lowerBound * width)..<(rows.upperBound * width)]))
      }
      let loss = tape.meanSquaredError(layer(Variable(part(x, 4)), tape), part(target, 3))
      tape.backward(from: tape.scale(loss, by: weight))
    }
    pass(0..<6, weight: 1)
    let whole = try #require(layer.weight.gradient).values
    store.clearGradients()
    pass(0..<2, weight: 1 / 3)
    pass(2..<6, weight: 2 / 3)
    let parts = try #require(layer.weight.gradient).values
    #expect(zip(whole, parts).allSatisfy { abs($0 - $1) < 1e-6 })
    Optimiser(.sgd(), [layer.weight]).step(rate: 0)
    #expect(layer.weight.gradient == nil, "a step forgets them")
  }

  @Test func clipping() {
    let store = ParameterStore()
    let (a, b) = (store.root.parameter("a", [1], .constant(0)), store.root.parameter("b", [2], .constant(0)))
    let optimiser = Optimiser(.sgd(), [a, b])
    a.accumulate { $0[0] += 3 }
    b.accumulate { $0[1] += 4 }
    #expect(abs(optimiser.clipGradients(toNorm: 10) - 5) < 1e-9)
    #expect(a.gradient?.values == [3])
    #expect(abs(optimiser.clipGradients(toNorm: 0.5) - 5) < 1e-9)
    #expect(abs((a.gradient?.values[0] ?? 0) - 0.3) < 1e-6 && abs((b.gradient?.values[1] ?? 0) - 0.4) < 1e-6)
  }

  /// A run that is saved, restored in new objects and continued ends with the same bits.
  @Test func trainingResumesExactly() throws {
    struct Record: Codable, Equatable { var epoch: Int }
    final class Run {
      let store = ParameterStore(seed: 5)
      let layer: Linear
      let norm: BatchNorm
      let optimiser: Optimiser
      let average: ExponentialMovingAverage
      init() {
        layer = Linear(store.root["l"], input: 4, output: 3)
        norm = BatchNorm(store.root["n"], channels: 3)
        optimiser = Optimiser(.adamW(), store.trainable, decay: 0.01)
        average = ExponentialMovingAverage(store, decay: 0.9)
      }
      func train(_ steps: Range<Int>) {
        for step in steps {
          let tape = Tape(.training, seed: UInt64(step))
          let x = Dropout.values(Variable(Reference([6, 4], seed: UInt64(step)).tensor), rate: 0.2, tape)
          tape.backward(from: tape.meanSquaredError(norm(layer(x, tape), tape), Tensor([6, 3], repeating: 1)))
          optimiser.clipGradients(toNorm: 0.5)
          optimiser.step(rate: 0.01)
          average.update()
        }
      }
      var bits: [[Float]] {
        store.parameters.map(\.value.values) + average.state.map(\.value.values) + optimiser.state.map(\.value.values)
      }
    }
    let whole = Run()
    whole.train(0..<10)
    let first = Run()
    first.train(0..<6)
    let path = try WeightFiles.temporary("state.safetensors")
    defer { WeightFiles.remove(path) }
    try TrainingState(store: first.store, optimiser: first.optimiser, average: first.average)
      .save(Record(epoch: 6), to: path)
    let second = Run()
    second.train(0..<2)
    var state = TrainingState(store: second.store, optimiser: second.optimiser, average: second.average)
    let record = try state.restore(Record.self, from: path)
    #expect(record == Record(epoch: 6))
    second.train(6..<10)
    #expect(second.bits == whole.bits)
  }

  @Test func movingAverage() {
    let store = ParameterStore()
    let w = store.root.parameter("w", [1], .constant(1))
    let average = ExponentialMovingAverage(store, decay: 0.5)
    var expected = 1.0
    for step in 1...30 {
      w.set(Tensor([1], [Float(step)]))
      average.update()
      let keep = min(0.5, Double(1 + step) / Double(10 + step))
      expected = keep * expected + (1 - keep) * Double(step)
    }
    average.swap()
    #expect(abs(Double(w.value.values[0]) - expected) < 1e-4)
    average.swap()
    #expect(w.value.values == [30])
  }

  /// The schedule of LESS ViT, by steps: linear from 0, then half a cosine to 0.
  @Test func cosineOfSteps() throws {
    let fixture = try LayerFixture("less_lr_cosine_warmup").fixture
    for (name, rate, warmUp, end) in [("lr0", 1e-4, 5.0, 100.0), ("lr1", 3e-4, 0, 40)] {
      let schedule = LearningRateSchedule.cosine(rate: rate, floor: 0, warmUp: warmUp, end: end)
      let wanted = fixture["out.\(name)"].values
      #expect(wanted.count == Int(end))
      for (step, value) in wanted.enumerated() { #expect(abs(schedule.rate(at: Double(step)) - value) < 1e-12) }
    }
  }

  /// The rates that the reference's script used for every batch, and the cyclic schedule of the paper.
  @Test func schedulesOfLoLA() throws {
    let fixture = try LayerFixture("lr_schedules").fixture
    let used = fixture["out.lr_used_per_batch"]
    let schedule = LearningRateSchedule.cosineRestarts(rate: 2e-5, floor: 1e-6, period: 10, multiplier: 2, warmUp: 5)
    let other = LearningRateSchedule.cosineRestarts(rate: 2e-6, floor: 1e-6, period: 10, multiplier: 2, warmUp: 5)
    for epoch in 0..<40 {
      for batch in 0..<7 {
        // From epoch 5 on a batch is optimised with the rate that was set after the batch before it.
        let time =
          epoch < 5
          ? Double(epoch)
          : batch > 0 ? Double(epoch) + Double(batch - 1) / 7 : epoch == 5 ? 4 : Double(epoch - 1) + 6.0 / 7
        let row = (epoch * 7 + batch) * 2
        #expect(abs(schedule.rate(at: time) - used.values[row]) < 1e-12, "epoch \(epoch), batch \(batch)")
        if epoch >= 5, !(epoch == 5 && batch == 0) {
          #expect(abs(other.rate(at: time) - used.values[row + 1]) < 1e-12, "epoch \(epoch), batch \(batch)")
        }
      }
    }
    let cyclic = LearningRateSchedule.cyclic(base: 2e-5, floor: 1e-6, period: 10, boost: 2)
    let others = LearningRateSchedule.cyclic(base: 2e-6, floor: 1e-6, period: 10, boost: 1)
    let calls = fixture["out.lora_clr_per_call"]
    for call in 0..<40 {
      // Adapters and the rest had base rates of their own.
      let time = TrainingTime(epoch: call)
      let (adapter, plain) = (cyclic.rate(at: time), others.rate(at: time))
      #expect(
        abs(adapter - calls.values[call * 2]) < 1e-11 && abs(plain - calls.values[call * 2 + 1]) < 1e-11, "call \(call)"
      )
    }
  }

  @Test func simpleSchedules() {
    let cosine = LearningRateSchedule.cosine(rate: 1, floor: 0.1, warmUp: 2, end: 10)
    #expect(cosine.rate(at: 0) == 0 && cosine.rate(at: 1) == 0.5 && cosine.rate(at: 2) == 1)
    #expect(
      abs(cosine.rate(at: 6) - 0.55) < 1e-12 && abs(cosine.rate(at: 10) - 0.1) < 1e-12
        && abs(cosine.rate(at: 99) - 0.1) < 1e-12)
    let steps = LearningRateSchedule.steps([.init(epoch: 0, rate: 1, warmUp: 2), .init(epoch: 5, rate: 0.1)])
    #expect(steps.rate(at: 0) == 0 && steps.rate(at: 1) == 0.5 && steps.rate(at: 4.99) == 1 && steps.rate(at: 5) == 0.1)
    #expect(LearningRateSchedule.constant(3).rate(at: 7) == 3)
  }

  /// Saved and loaded again: the same bits; a wrong name or shape is named, and changes nothing.
  @Test func storesRoundTrip() throws {
    func network(_ seed: UInt64, output: Int = 3, name: String = "head") -> ParameterStore {
      let store = ParameterStore(seed: seed)
      _ = Linear(store.root[name], input: 4, output: output)
      _ = BatchNorm(store.root["norm"], channels: 3)
      return store
    }
    let (saved, path) = (network(1), try WeightFiles.temporary("net.safetensors"))
    defer { WeightFiles.remove(path) }
    saved["norm.num_batches_tracked"]?.update { $0[0] = 12 }
    try SafetensorsWriter.write(saved.contents(), to: path, overwrite: false)
    let file = try WeightFile.open(path)
    let loaded = network(2)
    try loaded.load(file)
    #expect(loaded.parameters.map(\.value.values) == saved.parameters.map(\.value.values))
    let wide = network(3, output: 5)
    let before = wide.parameters.map(\.value.values)
    let shape = #expect(throws: TransformerError.self) { try wide.load(file) }
    #expect(shape?.identifier == "E-WEIGHTS-SHAPE" && shape?.problem.contains("head.weight is [3, 4]") == true)
    let renamed = network(3, name: "tail")
    let name = #expect(throws: TransformerError.self) { try renamed.load(file) }
    #expect(
      name?.identifier == "E-WEIGHTS-MISSING" && name?.problem.contains("tail.weight") == true
        && name?.problem.contains("which the model lacks") == true)
    #expect(wide.parameters.map(\.value.values) == before)
  }
}
