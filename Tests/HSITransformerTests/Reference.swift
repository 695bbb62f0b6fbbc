import Foundation
import HSICore
import HSITestSupport
import Testing

@testable import HSITransformer

/// An array in double precision, for scalar references of operations.
struct Reference {
  var shape: [Int]
  var values: [Double]

  init(_ shape: [Int], _ values: [Double]) {
    self.shape = shape
    self.values = values
    precondition(values.count == shape.reduce(1, *))
  }
  init(zeros shape: [Int]) { self.init(shape, [Double](repeating: 0, count: shape.reduce(1, *))) }
  init(_ tensor: Tensor) { self.init(tensor.shape, tensor.values.map { Double($0) }) }
  /// Normal values that single precision holds exactly.
  init(_ shape: [Int], seed: UInt64, scale: Double = 1) {
    var random = CounterRandom(seed: seed, stream: 77)
    self.init(shape, (0..<shape.reduce(1, *)).map { _ in Double(Float(scale * random.normal())) })
  }

  var tensor: Tensor { Tensor(shape, values.map { Float($0) }) }
  var count: Int { values.count }
  var last: Int { shape[shape.count - 1] }
  var rows: Int { count / last }

  func map(_ body: (Double) -> Double) -> Reference { Reference(shape, values.map(body)) }
  static func + (a: Reference, b: Reference) -> Reference { Reference(a.shape, zip(a.values, b.values).map(+)) }
  static func * (a: Reference, b: Reference) -> Reference { Reference(a.shape, zip(a.values, b.values).map(*)) }

  /// `x Wᵀ + b` of the last axis.
  func linear(_ weight: Reference, _ bias: Reference? = nil) -> Reference {
    let (input, output) = (weight.shape[1], weight.shape[0])
    var y = Reference(zeros: shape.dropLast() + [output])
    for row in 0..<rows {
      for o in 0..<output {
        var sum = bias?.values[o] ?? 0
        for i in 0..<input { sum += values[row * input + i] * weight.values[o * input + i] }
        y.values[row * output + o] = sum
      }
    }
    return y
  }

  /// A range of the last axis.
  func columns(_ range: Range<Int>) -> Reference {
    Reference(
      shape.dropLast() + [range.count],
      (0..<rows).flatMap { values[($0 * last + range.lowerBound)..<($0 * last + range.upperBound)] })
  }

  /// Softmax of the last axis.
  var softmax: Reference {
    var y = self
    for row in 0..<rows {
      let range = (row * last)..<((row + 1) * last)
      let largest = values[range].max() ?? 0
      let sum = values[range].reduce(0) { $0 + exp($1 - largest) }
      for i in range { y.values[i] = exp(values[i] - largest) / sum }
    }
    return y
  }

  /// A cross-correlation of `[B, D, H, W, C]` with `[out, in, kd, kh, kw]`, zero padding, stride in the plane; with
  /// `depthwise` the filters are `[C, 1, kd, kh, kw]`.
  func convolved(_ w: Reference, bias: Reference? = nil, stride: Int = 1, padding: Int? = nil, depthwise: Bool = false)
    -> Reference
  {
    let (batch, depth, rows, columns, input) = (shape[0], shape[1], shape[2], shape[3], shape[4])
    let (output, kd, kh, kw) = (w.shape[0], w.shape[2], w.shape[3], w.shape[4])
    let pad = padding ?? kh / 2
    let (outRows, outColumns) = ((rows + 2 * pad - kh) / stride + 1, (columns + 2 * pad - kw) / stride + 1)
    var y = Reference(zeros: [batch, depth, outRows, outColumns, output])
    var index = 0
    for b in 0..<batch {
      for d in 0..<depth {
        for r in 0..<outRows {
          for c in 0..<outColumns {
            for o in 0..<output {
              var sum = bias?.values[o] ?? 0
              for z in 0..<kd where (0..<depth).contains(d + z - kd / 2) {
                for u in 0..<kh where (0..<rows).contains(r * stride + u - pad) {
                  for v in 0..<kw where (0..<columns).contains(c * stride + v - pad) {
                    let start =
                      (((b * depth + d + z - kd / 2) * rows + r * stride + u - pad) * columns + c * stride + v - pad)
                      * input
                    if depthwise {
                      sum += values[start + o] * w.values[((o * kd + z) * kh + u) * kw + v]
                    } else {
                      for i in 0..<input {
                        sum += values[start + i] * w.values[(((o * input + i) * kd + z) * kh + u) * kw + v]
                      }
                    }
                  }
                }
              }
              y.values[index] = sum
              index += 1
            }
          }
        }
      }
    }
    return y
  }
}

func gelu(_ x: Double) -> Double { 0.5 * x * erfc(-x / 2.0.squareRoot()) }
func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

/// The values that a reference is given: inputs in order, and parameters by name.
struct Point {
  var inputs: [Reference]
  var parameters: [String: Reference]
  subscript(index: Int) -> Reference { inputs[index] }
  subscript(name: String) -> Reference { parameters[name] ?? Reference(zeros: [0]) }
}

/// Compares a layer on the tape with a scalar double-precision reference: outputs, and the gradients of all inputs and
/// trainable parameters with central differences of the reference.
struct GradientCheck {
  var mode = Tape.Mode.evaluation
  var tolerance = 2e-4
  var outputTolerance = 2e-5
  /// Entries of each array whose derivative is compared.
  var entries = 24
  var step = 1e-4
  var location = Testing.SourceLocation(fileID: #fileID, filePath: #filePath, line: #line, column: 1)

  init(_ mode: Tape.Mode = .evaluation, tolerance: Double = 2e-4, location: SourceLocation = #_sourceLocation) {
    self.mode = mode
    self.tolerance = tolerance
    self.location = location
  }

  func callAsFunction(
    _ store: ParameterStore = ParameterStore(), inputs: [Reference], constants: Set<Int> = [],
    _ layer: ([Variable], Tape) -> Variable, reference: (Point) -> Reference
  ) {
    let point = Point(
      inputs: inputs,
      parameters: Dictionary(uniqueKeysWithValues: store.parameters.map { ($0.name, Reference($0.value)) }))
    let expected = reference(point)
    let plain = layer(inputs.map { Variable($0.tensor) }, Tape(mode == .training ? .training : .inference, seed: 5))
    compare(plain.value.values, expected.values, outputTolerance, "output")
    for parameter in store.parameters { parameter.set(point[parameter.name].tensor) }
    store.clearGradients()
    let tape = Tape(mode, seed: 5)
    let variables = inputs.enumerated().map { constants.contains($0) ? Variable($1.tensor) : tape.input($1.tensor) }
    let y = layer(variables, tape)
    compare(y.value.values, expected.values, outputTolerance, "recorded output")
    #expect(y.shape == expected.shape, sourceLocation: location)
    let weights = Reference(expected.shape, seed: 99)
    tape.backward(from: y, gradient: weights.tensor)
    for parameter in store.parameters { parameter.set(point[parameter.name].tensor) }
    func slope(_ change: (inout Point, Double) -> Void) -> Double {
      func value(_ delta: Double) -> Double {
        var moved = point
        change(&moved, delta)
        return zip(reference(moved).values, weights.values).reduce(0) { $0 + $1.0 * $1.1 }
      }
      return (value(step) - value(-step)) / (2 * step)
    }
    for (i, input) in inputs.enumerated() {
      guard !constants.contains(i) else {
        #expect(tape.gradient(of: variables[i]) == nil, sourceLocation: location)
        continue
      }
      guard let gradient = tape.gradient(of: variables[i]) else {
        Issue.record("input \(i) got no gradient", sourceLocation: location)
        continue
      }
      let places = sample(input.count, seed: UInt64(i))
      let numeric = places.map { k in slope { $0.inputs[i].values[k] += $1 } }
      compare(places.map { gradient.values[$0] }, numeric, tolerance, "gradient of input \(i)")
    }
    for parameter in store.parameters where !parameter.isBuffer {
      guard parameter.isTrainable else {
        #expect(parameter.gradient == nil, "\(parameter.name) is frozen", sourceLocation: location)
        continue
      }
      guard let gradient = parameter.gradient else {
        Issue.record("\(parameter.name) got no gradient", sourceLocation: location)
        continue
      }
      let places = sample(parameter.value.count, seed: UInt64(parameter.name.count))
      let numeric = places.map { k in slope { $0.parameters[parameter.name]?.values[k] += $1 } }
      compare(places.map { gradient.values[$0] }, numeric, tolerance, "gradient of \(parameter.name)")
    }
  }

  private func sample(_ count: Int, seed: UInt64) -> [Int] {
    guard count > entries else { return Array(0..<count) }
    var random = CounterRandom(seed: seed, stream: 3)
    return (0..<entries).map { _ in random.index(below: count) }
  }

  private func compare(_ found: [Float], _ expected: [Double], _ limit: Double, _ label: String) {
    #expect(found.count == expected.count, "\(label)", sourceLocation: location)
    guard found.count == expected.count else { return }
    let size = expected.reduce(1e-3) { max($0, abs($1)) }
    let difference = zip(found, expected).reduce(0.0) { max($0, abs(Double($1.0) - $1.1)) }
    #expect(difference <= limit * size, "\(label): \(difference / size) of the largest", sourceLocation: location)
  }
}

/// A fixture of the networks to come, and how its arrays relate to ours (channels last).
struct LayerFixture {
  let name: String
  let fixture: Fixture

  init(_ name: String) throws {
    self.name = name
    let url = try #require(WeightFiles.fixtures?.appendingPathComponent(name + ".safetensors"))
    fixture = try Fixture(url)
  }

  /// `[B, C, …]` to `[B, …, C]` where `isImage`.
  func array(_ key: String, isImage: Bool) -> Tensor {
    let array = fixture[key]
    let plain = Tensor(array.shape, array.floats)
    guard isImage, array.shape.count > 2 else { return plain }
    return Permutation.apply(plain, [0] + Array(2..<array.shape.count) + [1])
  }

  func load(_ store: ParameterStore) throws {
    for parameter in store.parameters {
      guard let array = fixture.tensors["w.\(parameter.name)"] else {
        if !parameter.isBuffer { Issue.record("\(name) lacks \(parameter.name)") }
        continue
      }
      #expect(array.values.count == parameter.value.count, "\(name): \(parameter.name)")
      parameter.set(Tensor(array.shape, array.floats))
    }
    let unknown = fixture.tensors.keys.filter { $0.hasPrefix("w.") && store[String($0.dropFirst(2))] == nil }
    #expect(unknown.isEmpty, "\(name): the layer has no \(unknown)")
  }

  /// Outputs against `out64` (or `out`), gradients of inputs and weights against `g.…`, statistics against `after.…`. Gradients
  /// below `gradientFloor` of the largest one are held to that.
  func check(
    _ store: ParameterStore, inputs: [String] = ["x"], output: String = "y", isImage: Bool = false,
    mode: Tape.Mode = .evaluation, tolerance: Double = 1e-5, gradientTolerance: Double = 2e-4,
    gradientFloor: Double = 1e-4, _ layer: ([Variable], Tape) -> Variable
  ) throws {
    try load(store)
    let reference = array(
      fixture.tensors["out64.\(output)"] == nil ? "out.\(output)" : "out64.\(output)", isImage: isImage)
    if mode != .training {
      let plain = layer(inputs.map { Variable(array("in.\($0)", isImage: isImage)) }, Tape(.inference))
      expect(plain.value, reference, tolerance, "inference")
    }
    let tape = Tape(mode)
    let variables = inputs.map { tape.input(array("in.\($0)", isImage: isImage)) }
    let y = layer(variables, tape)
    expect(y.value, reference, tolerance, "output")
    guard fixture.tensors["gout.\(output)"] != nil else { return }
    tape.backward(from: y, gradient: array("gout.\(output)", isImage: isImage).reshaped(y.shape))
    let largest = fixture.tensors.filter { $0.key.hasPrefix("g.") }.reduce(0.0) {
      $1.value.values.reduce($0) { max($0, abs($1)) }
    }
    var compared = 0
    for (variable, input) in zip(variables, inputs) where fixture.tensors["g.in.\(input)"] != nil {
      guard let gradient = tape.gradient(of: variable) else {
        Issue.record("\(name): no gradient of \(input)")
        continue
      }
      expect(
        gradient, array("g.in.\(input)", isImage: isImage), gradientTolerance, "g.in.\(input)",
        floor: gradientFloor * largest)
      compared += 1
    }
    for parameter in store.parameters where !parameter.isBuffer {
      guard let reference = fixture.tensors["g.w.\(parameter.name)"] ?? fixture.tensors["g.\(parameter.name)"] else {
        continue
      }
      guard let gradient = parameter.gradient else {
        if reference.values.contains(where: { $0 != 0 }) { Issue.record("\(name): no gradient of \(parameter.name)") }
        continue
      }
      expect(
        gradient, Tensor(reference.shape, reference.floats), gradientTolerance, "g.\(parameter.name)",
        floor: gradientFloor * largest)
      compared += 1
    }
    #expect(compared == fixture.tensors.keys.filter { $0.hasPrefix("g.") }.count, "\(name): every gradient is compared")
    for parameter in store.parameters where parameter.isBuffer {
      guard let after = fixture.tensors["after.\(parameter.name)"] else { continue }
      expect(parameter.value, Tensor(after.shape, after.floats), 1e-5, "after.\(parameter.name)")
    }
  }

  func expect(_ tensor: Tensor, _ reference: Tensor, _ limit: Double, _ label: String, floor: Double = 1e-6) {
    #expect(tensor.count == reference.count, "\(name) \(label): \(tensor.shape) against \(reference.shape)")
    guard tensor.count == reference.count else { return }
    let scale = reference.values.reduce(floor) { max($0, Double(abs($1))) }
    let difference = zip(tensor.values, reference.values).reduce(0.0) { max($0, Double(abs($1.0 - $1.1))) }
    #expect(difference <= limit * scale, "\(name) \(label): \(difference / scale) of the largest value")
  }
}
