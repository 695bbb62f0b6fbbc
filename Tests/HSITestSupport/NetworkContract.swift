import Foundation
import HSICore
import HSINumerics
import HSITransformer

/// What every network promises, checked on a small configuration. Returns what is broken, in words; nothing where all holds.
///
/// - Names of the store are unique; linear maps belong to it; the configuration makes sense, survives its JSON, and claims no more
///   values than there are.
/// - A blank network has the same parameters, all zero: nothing is drawn.
/// - Written and read again it gives the same bits; a damaged card is refused with an error of ours.
/// - The result does not depend on the number of threads.
/// - Every weight that is trained has a gradient. Gradients of weights and input are those of differences, along the gradient and
///   along random directions.
///
/// - Parameters:
///   - network: with weights that are drawn.
///   - input: a batch.
///   - forward: the network's result.
public func checkNetwork<N: Network>(
  _ network: N, input: Tensor, forward: (N, Variable, Tape) -> Variable
) throws -> [String] {
  var broken: [String] = []
  func expect(_ isGood: Bool, _ problem: String) { if !isGood { broken.append("\(N.architecture): \(problem)") } }
  let names = network.store.parameters.map(\.name)
  expect(Set(names).count == names.count, "two parameters have one name")
  for linear in network.linears {
    expect(network.store[linear.weight.name] === linear.weight, "\(linear.weight.name) is not in the store")
  }
  let configuration = network.configuration
  expect(configuration.isSensible, "its configuration does not make sense to itself")
  expect(configuration.leastValues <= network.store.parameterCount, "it claims more values than it has")
  let json = N.cardConfiguration(configuration)[N.configurationKey] ?? ""
  expect(
    (try? JSONDecoder().decode(N.Configuration.self, from: Data(json.utf8))) == configuration,
    "its configuration changes on the way through a card")

  let blank = N.blank(configuration)
  expect(
    blank.store.parameters.map { "\($0.name) \($0.shape)" }
      == network.store.parameters.map { "\($0.name) \($0.shape)" },
    "a blank one has other parameters")
  expect(
    blank.store.parameters.allSatisfy { $0.isBuffer || $0.value.values.allSatisfy { $0 == 0 } },
    "a blank one has weights that are not zero")

  // Running statistics that are not the identity, so that they count.
  var random = CounterRandom(seed: 7)
  for parameter in network.store.parameters where parameter.name.hasSuffix("running_var") {
    parameter.update { for i in $0.indices { $0[i] = Float(random.uniform(0.5, 1.5)) } }
  }
  func inferred(_ network: N) -> [Float] { forward(network, Variable(input), Tape(.inference)).value.values }
  let result = inferred(network)
  expect(result.allSatisfy(\.isFinite), "its result is not finite")
  let path = FileManager.default.temporaryDirectory.appendingPathComponent("network-\(UUID()).safetensors").path
  defer { try? FileManager.default.removeItem(atPath: path) }
  try Model(network, card: Model<N>.card("test", configuration)).write(to: path, overwrite: false)
  let restored = try Model<N>.read(path)
  expect(inferred(restored.network) == result, "a file gives other results than what it was written from")
  var damaged = restored.card
  damaged.configuration = [N.configurationKey: "{}"]
  do {
    _ = try ModelFile<N>(WeightFile.open(path), card: damaged)
    expect(false, "a card that describes nothing is accepted")
  } catch { expect(error is any HSIError, "a damaged card gives \(error)") }

  for count in [1, 3] {
    let claim = RunContext(threads: count).claimThreads()
    defer { claim.release() }
    expect(inferred(network) == result, "\(count) threads give other bits")
  }
  broken += Exactness.$isRequired.withValue(true) { checkGradients(network, input, forward, &random) }
  return broken
}

/// Slopes of `Σ g · y` against differences of fourth order.
private func checkGradients<N: Network>(
  _ network: N, _ input: Tensor, _ forward: (N, Variable, Tape) -> Variable, _ random: inout CounterRandom
) -> [String] {
  var broken: [String] = []
  let tape = Tape(.evaluation)
  let x = tape.input(input)
  let y = forward(network, x, tape)
  let weighting = Tensor(y.shape, (0..<y.value.count).map { _ in Float(random.normal()) })
  network.store.clearGradients()
  tape.backward(from: y, gradient: weighting)
  let weights = network.store.parameters.filter { !$0.isBuffer }
  for weight in weights where weight.isTrainable && weight.gradient == nil {
    broken.append("\(N.architecture): \(weight.name) has no gradient")
  }
  let inputGradient = tape.gradient(of: x) ?? .zeros(input.shape)
  let gradients = weights.map { $0.gradient?.copy() ?? .zeros($0.shape) } + [inputGradient]
  func squares(_ tensor: Tensor) -> Double { tensor.values.reduce(0) { $0 + Double($1) * Double($1) } }
  let norm = gradients.reduce(0) { $0 + squares($1) }.squareRoot()
  let count = Double(gradients.reduce(0) { $0 + $1.count }).squareRoot()
  guard norm > 0 else { return broken + ["\(N.architecture): all gradients are zero"] }
  for direction in 0..<3 {
    let steps = gradients.map { gradient in
      Tensor(
        gradient.shape,
        gradient.values.map { Float(Double($0) / norm + (direction == 0 ? 0 : random.normal() / count)) })
    }
    let slope = zip(gradients, steps).reduce(0.0) { sum, pair in
      zip(pair.0.values, pair.1.values).reduce(sum) { $0 + Double($1.0) * Double($1.1) }
    }
    func value(_ scale: Float) -> Double {
      let before = weights.map { $0.value.copy() }
      for (parameter, step) in zip(weights, steps) {
        parameter.update { for i in $0.indices { $0[i] += scale * step.pointer[i] } }
      }
      defer { for (parameter, tensor) in zip(weights, before) { parameter.set(tensor) } }
      let moved = Tensor(input.shape, zip(input.values, steps[weights.count].values).map { $0 + scale * $1 })
      let result = forward(network, Variable(moved), Tape(.evaluation)).value
      return zip(result.values, weighting.values).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
    }
    let h: Float = 2e-3
    let found = (8 * (value(h) - value(-h)) - (value(2 * h) - value(-2 * h))) / (12 * Double(h))
    if abs(found - slope) > 0.02 * abs(slope) + 1e-3 * norm {
      broken.append("\(N.architecture): slope \(found) by differences, \(slope) by gradients")
    }
  }
  return broken
}
