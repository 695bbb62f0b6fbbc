import Foundation
import HSICore
import HSITestSupport
import HSITransformer
import Testing

@testable import HSINetworks

/// LoLA-SpecViT against the reference implementation (PyTorch): whole networks, front end, reduction, a short training run.
@Suite struct LoLAParityTests {
  @Test(arguments: ["model_tiny_eval", "model_2stage_w3_eval"])
  func evaluation(_ name: String) throws {
    try Exactness.$isRequired.withValue(true) {
      let parity = try LoLAParity(name)
      let network = LoLASpecViT(parity.configuration)
      parity.load(network.store)
      let reference = parity.plain("out64.y")
      let inferred = network(Variable(parity.patches("in.x")), Tape(.inference))
      #expect(parity.error(inferred.value, reference) < 3e-5)
      let tape = Tape(.evaluation)
      let x = tape.input(parity.patches("in.x"))
      let y = network(x, tape)
      #expect(parity.error(y.value, reference) < 3e-5)
      tape.backward(from: y, gradient: parity.plain("gout.y"))
      let gradient = try #require(tape.gradient(of: x))
      #expect(parity.error(gradient, parity.patches("g.in.x")) < 2e-4)
      for (parameter, error) in parity.gradientErrors(network.store) { #expect(error < 5e-4, "\(parameter)") }
    }
  }

  /// Fast convolutions (Winograd) stay close.
  @Test func fastConvolutions() throws {
    let parity = try LoLAParity("model_tiny_eval")
    let network = LoLASpecViT(parity.configuration)
    parity.load(network.store)
    let y = network(Variable(parity.patches("in.x")), Tape(.inference))
    #expect(parity.error(y.value, parity.plain("out64.y")) < 2e-4)
  }

  /// Batch statistics. Gradients of single tensors may be far off in single precision, in the reference too (3e-2 of the
  /// largest value, parity README): each must be near, nearly all very near.
  @Test func training() throws {
    try Exactness.$isRequired.withValue(true) {
      let parity = try LoLAParity("model_tiny_train")
      let network = LoLASpecViT(parity.configuration)
      parity.load(network.store)
      let tape = Tape(.training)
      let x = tape.input(parity.patches("in.x"))
      let y = network(x, tape)
      #expect(parity.error(y.value, parity.plain("out64.y")) < 2e-4)
      tape.backward(from: y, gradient: parity.plain("gout.y"))
      #expect(parity.error(try #require(tape.gradient(of: x)), parity.patches("g.in.x")) < 3e-2)
      let errors = parity.gradientErrors(network.store)
      #expect(errors.count > 60)
      for (parameter, error) in errors { #expect(error < 3e-2, "\(parameter)") }
      #expect(errors.filter { $0.error < 2e-3 }.count * 10 >= errors.count * 9, "\(errors)")
      for parameter in network.store.parameters where parameter.isBuffer {
        guard parity.fixture.tensors["after.\(parameter.name)"] != nil else { continue }
        #expect(parity.error(parameter.value, parity.plain("after.\(parameter.name)")) < 1e-4, "\(parameter.name)")
      }
    }
  }

  @Test func frontEnd() throws {
    try Exactness.$isRequired.withValue(true) {
      let parity = try LoLAParity("front_end_train")
      let store = ParameterStore()
      let front = LoLAFrontEnd(store.root, parity.configuration)
      parity.load(store) { $0.hasPrefix("levels.") || $0.hasPrefix("norm.") || $0.hasPrefix("head.") }
      let image = front.excite(front.bandMean(Variable(parity.patches("in.x")), Tape(.training)), Tape(.training))
      #expect(parity.error(image.value, parity.image("out64.mean2d")) < 2e-4)
      parity.load(store) { $0.hasPrefix("levels.") || $0.hasPrefix("norm.") || $0.hasPrefix("head.") }
      let tape = Tape(.training)
      let x = tape.input(parity.patches("in.x"))
      let y = front(x, tape)
      #expect(parity.error(y.value, parity.plain("out64.y")) < 2e-4)
      tape.backward(from: y, gradient: parity.plain("gout.y"))
      #expect(parity.error(try #require(tape.gradient(of: x)), parity.patches("g.in.x")) < 2e-3)
      for (parameter, error) in parity.gradientErrors(store) { #expect(error < 2e-2, "\(parameter)") }
      for parameter in store.parameters where parameter.isBuffer {
        guard parity.fixture.tensors["after.\(parameter.name)"] != nil else { continue }
        #expect(parity.error(parameter.value, parity.plain("after.\(parameter.name)")) < 1e-4, "\(parameter.name)")
      }
    }
  }

  @Test func reduction() throws {
    try Exactness.$isRequired.withValue(true) {
      let parity = try LoLAParity("reduce_size_eval")
      let store = ParameterStore()
      let layer = LoLAReduction(store.root, channels: 16)
      parity.load(store)
      let tape = Tape(.evaluation)
      let x = tape.input(parity.image("in.x"))
      let y = layer(x, tape)
      #expect(parity.error(y.value, parity.image("out64.y")) < 1e-5)
      tape.backward(from: y, gradient: parity.image("gout.y"))
      #expect(parity.error(try #require(tape.gradient(of: x)), parity.image("g.in.x")) < 2e-4)
    }
  }

  /// Three steps of AdamW on the adapters alone, with clipping: losses, logits, norms and all weights afterwards.
  @Test func adapterTraining() throws {
    try Exactness.$isRequired.withValue(true) {
      let parity = try LoLAParity("train_steps_lora_only")
      let network = LoLASpecViT(parity.configuration)
      parity.load(network.store)
      network.trainAdapters()
      let frozen = network.store.parameters.filter { !$0.isTrainable && !$0.isBuffer }
      let before = frozen.map(\.version)
      let optimiser = Optimiser(.adamW(), network.store.trainable, decay: 0.01)
      for step in 0..<3 {
        let tape = Tape(.training)
        let logits = network(Variable(parity.patches("in.x\(step)")), tape)
        #expect(parity.error(logits.value, parity.plain("out.logits\(step)")) < 5e-4, "step \(step)")
        let loss = tape.crossEntropy(logits, labels: parity.fixture["in.label\(step)"].ints, smoothing: 0.1)
        #expect(abs(Double(loss.value.scalar) - parity.fixture["out.loss"].values[step]) < 1e-4, "step \(step)")
        tape.backward(from: loss)
        let norm = optimiser.step(rates: [1e-3], clipNorm: 0.5)
        #expect(
          abs(norm / parity.fixture["out.grad_norm_before_clip"].values[step] - 1) < 1e-3, "step \(step)")
      }
      #expect(frozen.map(\.version) == before && frozen.allSatisfy { $0.gradient == nil })
      for parameter in network.store.parameters {
        guard let after = parity.fixture.tensors["after.\(parameter.name)"] else { continue }
        // A step of Adam moves a weight by the rate whatever its gradient: where that is about zero its sign is not certain.
        let error = parity.error(parameter.value, Tensor(after.shape, after.floats))
        #expect(error < (parameter.isBuffer ? 1e-4 : 5e-3), "\(parameter.name)")
      }
    }
  }
}

/// What prediction computes with everything folded.
@Suite struct FoldedLoLATests {
  @Test(arguments: ["model_tiny_eval", "model_2stage_w3_eval"])
  func parity(_ name: String) throws {
    try Exactness.$isRequired.withValue(true) {
      let parity = try LoLAParity(name)
      let network = LoLASpecViT(parity.configuration)
      parity.load(network.store)
      let folded = try FoldedLoLA(parity.configuration, NamedWeights(network.store.contents()))
      #expect(parity.error(folded.logits(parity.patches("in.x")), parity.plain("out64.y")) < 3e-5)
    }
  }

  /// Masked padding: windows that pad give what attention among the real tokens alone gives.
  @Test func maskedPadding() throws {
    var configuration = LoLAConfiguration()
    (configuration.components, configuration.side, configuration.classes) = (3, 11, 4)
    (configuration.stem, configuration.width) = ([4, 4], 8)
    (configuration.depths, configuration.heads) = ([1, 1], [2, 2])
    (configuration.expansion, configuration.rank) = (1, 2)
    configuration.windows = [3, 3]
    configuration.padding = .masked
    let network = LoLASpecViT(configuration, seed: 2)
    var random = CounterRandom(seed: 4)
    let x = Tensor([2, 3, 11, 11, 1], (0..<726).map { _ in Float(random.normal()) })
    let attention = network.levels[0].blocks[0].attention
    let tokens = Tensor([1, 5, 5, 8], (0..<200).map { _ in Float(random.normal()) })
    let y = attention(Variable(tokens), Tape(.inference)).value
    // The last window holds 2 × 2 tokens of the 5 × 5: alone they are an image of one window.
    func place(_ index: Int) -> Int {
      let (row, column) = (3 + index / 16, 3 + index / 8 % 2)
      return (row * 5 + column) * 8 + index % 8
    }
    let corner = (0..<32).map { tokens.values[place($0)] }
    let alone = attention(Variable(Tensor([1, 2, 2, 8], corner)), Tape(.inference)).value.values
    for (index, value) in alone.enumerated() {
      #expect(abs(value - y.values[place(index)]) < 1e-5)
    }
    let folded = try FoldedLoLA(configuration, NamedWeights(network.store.contents())).logits(x).values
    let plain = network(Variable(x), Tape(.evaluation)).value.values
    #expect(zip(folded, plain).allSatisfy { abs($0 - $1) < 1e-4 })
  }
}
