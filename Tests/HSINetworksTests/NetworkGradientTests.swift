import HSICore
import HSITransformer
import Testing

@testable import HSINetworks

/// Whole networks: the derivative along random directions of all weights against differences.
@Suite struct NetworkGradientTests {
  @Test(arguments: ["lola", "cnn-1d", "cnn-3d"]) func directionalDerivatives(_ kind: String) throws {
    try Exactness.$isRequired.withValue(true) {
      let network: any PatchNetwork
      let shape: [Int]
      switch kind {
      case "lola":
        var configuration = try #require(LoLAConfiguration(named: "lola-specvit-tiny"))
        (configuration.components, configuration.side, configuration.classes) = (3, 7, 3)
        (configuration.stem, configuration.width, configuration.depths) = ([3, 4], 8, [1, 1])
        (configuration.heads, configuration.windows, configuration.startsUpAtZero) = ([2, 2], [2, 2], false)
        (configuration.dropout, configuration.bandDropout, configuration.pathDropout) = (0, 0, 0)
        network = LoLASpecViT(configuration, seed: 1)
        shape = [4, 3, 7, 7, 1]
      case "cnn-1d":
        network = CNN1D(.init(bands: 17, classes: 3, widths: [4, 5], hidden: 6), seed: 1)
        shape = [6, 17, 1, 1, 1]
      default:
        network = CNN3D(.init(components: 3, side: 3, classes: 3, widths: [3, 4], hidden: 5), seed: 1)
        shape = [6, 3, 3, 3, 1]
      }
      var random = CounterRandom(seed: 7)
      let x = Tensor(shape, (0..<shape.reduce(1, *)).map { _ in Float(random.normal()) })
      let labels = (0..<shape[0]).map { $0 % 3 }
      // The evaluation mode has no dropout; running statistics are set to something that is not the identity.
      for parameter in network.store.parameters where !parameter.isInteger {
        if parameter.name.hasSuffix("running_var") { parameter.update { for i in $0.indices { $0[i] = Float(random.uniform(0.5, 1.5)) } } }
        if parameter.name.contains("lora_") { parameter.update { for i in $0.indices { $0[i] = Float(0.2 * random.normal()) } } }
      }
      func loss(_ tape: Tape) -> Variable { crossEntropy(network(Variable(x), tape), labels: labels, smoothing: 0.1, tape) }
      let tape = Tape(.evaluation)
      tape.backward(from: loss(tape))
      let weights = network.store.parameters.filter { !$0.isBuffer }
      let norm = weights.reduce(0.0) { $0 + ($1.gradient?.values.reduce(0.0) { $0 + Double($1) * Double($1) } ?? 0) }.squareRoot()
      let count = Double(weights.reduce(0) { $0 + $1.value.count }).squareRoot()
      for direction in 0..<3 {
        // Along the gradient itself and along random directions.
        var slope = 0.0
        let steps = weights.map { parameter -> Tensor in
          let gradient = parameter.gradient ?? .zeros(parameter.shape)
          // Of length 1 along the gradient, of length 2 with as much again of anything else.
          let step = Tensor(
            parameter.shape,
            gradient.values.map { Float(Double($0) / norm + (direction == 0 ? 0 : random.normal() / count)) })
          slope += zip(gradient.values, step.values).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
          return step
        }
        func value(_ scale: Float) -> Double {
          let before = weights.map { $0.value.copy() }
          for (parameter, step) in zip(weights, steps) {
            parameter.update { for i in $0.indices { $0[i] += scale * step.pointer[i] } }
          }
          defer { for (parameter, tensor) in zip(weights, before) { parameter.set(tensor) } }
          return Double(loss(Tape(.evaluation)).value.scalar)
        }
        // Fourth-order differences.
        let h: Float = 2e-3
        let found = (8 * (value(h) - value(-h)) - (value(2 * h) - value(-2 * h))) / (12 * Double(h))
        #expect(abs(found - slope) < 0.02 * abs(slope) + 1e-5, "\(kind), direction \(direction): \(found), \(slope)")
      }
      for parameter in weights { #expect(parameter.gradient != nil, "\(parameter.name) has no gradient") }
    }
  }
}
