import Testing

@testable import HSITransformer

@Suite struct TapeTests {
  @Test func constantsAndFrozenWeightsRecordNothing() {
    let store = ParameterStore(seed: 1)
    let layer = Linear(store.root, input: 3, output: 3)
    let x = Tensor([2, 3], repeating: 1)
    let tape = Tape(.training)
    _ = tape.add(Variable(x), Variable(x))
    #expect(tape.count == 0)
    store.train { _ in false }
    #expect(!layer(Variable(x), tape).needsGradient && tape.count == 0)
    store.train { _ in true }
    #expect(layer(Variable(x), tape).needsGradient && tape.count == 1)
    let inference = Tape(.inference)
    #expect(!layer(inference.input(x), inference).needsGradient && inference.count == 0)
  }

  /// A frozen network in front of an adapter has no backward, and one behind it hands gradients through.
  @Test func onlyWhatLeadsToATrainedWeightIsRecorded() throws {
    let store = ParameterStore(seed: 2)
    let layers = (0..<4).map { Linear(store.root[$0], input: 4, output: 4) }
    store.train { $0.name.hasPrefix("2.") }
    let tape = Tape(.training)
    let y = layers.reduce(Variable(Tensor([2, 4], repeating: 1))) { $1($0, tape) }
    #expect(tape.count == 2)
    tape.backward(from: y)
    #expect(tape.count == 0)
    #expect(store.parameters.filter { $0.gradient != nil }.map(\.name) == ["2.weight", "2.bias"])
  }

  /// Gradients add up over passes until they are cleared, and a tape can be used again.
  @Test func gradientsAccumulate() throws {
    let store = ParameterStore(seed: 3)
    let layer = Linear(store.root, input: 3, output: 2)
    let tape = Tape(.training)
    func pass() { tape.backward(from: layer(Variable(Tensor([1, 3], [1, 2, 3])), tape)) }
    pass()
    #expect(layer.weight.gradient?.values == [1, 2, 3, 1, 2, 3])
    pass()
    #expect(layer.weight.gradient?.values == [2, 4, 6, 2, 4, 6])
    store.clearGradients()
    #expect(layer.weight.gradient == nil)
    pass()
    #expect(layer.weight.gradient?.values == [1, 2, 3, 1, 2, 3])
    // An input of an earlier pass says nothing about one of this pass.
    let old = tape.input(Tensor([1, 3], [1, 2, 3]))
    tape.backward(from: layer(old, tape))
    let unused = tape.input(Tensor([1, 3], [1, 2, 3]))
    tape.backward(from: layer(tape.input(Tensor([1, 3], [1, 2, 3])), tape))
    #expect(tape.gradient(of: unused) == nil)
  }

  @Test func sharedGradientsAreNotOverwritten() {
    // Both inputs of a sum get the same array; a later contribution to one must not reach the other.
    let tape = Tape(.evaluation)
    let (a, b) = (tape.input(Tensor([2], [1, 2])), tape.input(Tensor([2], [3, 4])))
    let doubled = tape.scale(a, by: 2)
    let y = tape.add(tape.add(a, b), doubled)
    let gradient = Tensor([2], [1, 10])
    tape.backward(from: y, gradient: gradient)
    #expect(tape.gradient(of: a)?.values == [3, 30])
    #expect(tape.gradient(of: b)?.values == [1, 10])
    #expect(gradient.values == [1, 10])
  }

  /// After the first step a training step takes no fresh memory. Other tests use the pool at the same time: the least of
  /// many steps counts.
  @Test func stepsTakeNoFreshMemory() {
    let store = ParameterStore(seed: 4)
    let (first, second) = (
      Linear(store.root["a"], input: 40, output: 80), Linear(store.root["b"], input: 80, output: 3)
    )
    let norm = LayerNorm(store.root["n"], channels: 80)
    let optimiser = Optimiser(.adamW(), store.trainable, decay: 0.01)
    let (x, target) = (Tensor([64, 40], repeating: 0.5), Tensor([64, 3], repeating: 1))
    var least = Int.max
    for step in 0..<40 {
      let before = BufferPool.current.statistics.allocations
      let tape = Tape(.training, seed: UInt64(step))
      let hidden = norm(tape.activation(.gelu, first(Variable(x), tape)), tape)
      tape.backward(from: tape.meanSquaredError(second(Dropout.values(hidden, rate: 0.1, tape), tape), target))
      optimiser.step(rate: 1e-3)
      if step > 0 { least = min(least, BufferPool.current.statistics.allocations - before) }
    }
    #expect(least == 0)
  }

  /// Draws fall at the stated rate, keep the expectation, and come again with the seed.
  @Test func dropoutKeepsTheMean() {
    let x = Variable(Tensor([200, 5, 4, 4, 10], repeating: 1))
    func run(_ seed: UInt64, _ body: (Variable, Tape) -> Variable) -> [Float] {
      body(x, Tape(.training, seed: seed)).value.values
    }
    for (draws, body) in [
      (160_000, { Dropout.values($0, rate: 0.25, $1) }), (200, { Dropout.path($0, rate: 0.25, $1) }),
      (10_000, { Dropout.bands($0, rate: 0.25, $1) }),
    ] as [(Int, (Variable, Tape) -> Variable)] {
      let values = run(7, body)
      #expect(values.allSatisfy { $0 == 0 || abs($0 - 4 / 3) < 1e-6 })
      let mean = Double(values.reduce(0, +)) / Double(values.count)
      #expect(abs(mean - 1) < 4 * (0.25 / 0.75 / Double(draws)).squareRoot(), "mean \(mean)")
      #expect(values == run(7, body) && values != run(8, body))
      #expect(body(x, Tape(.evaluation)).value.values.allSatisfy { $0 == 1 })
    }
    let bands = run(9) { Dropout.bands($0, rate: 0.5, $1) }
    #expect((0..<160_000).allSatisfy { bands[$0] == bands[$0 / 160 * 160 + $0 % 10] }, "shared over the plane")
  }
}
