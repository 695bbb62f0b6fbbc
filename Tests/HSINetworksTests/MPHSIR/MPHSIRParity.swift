import Foundation
import HSITestSupport
import HSITransformer
import Testing

@testable import HSINetworks

/// One fixture of the reference implementation of MP-HSIR, and how its arrays relate to ours.
///
/// Images are `[B, C, H, W]` in the files and `[B, H, W, C]` here. A value may differ by 20 times what single precision costs the
/// reference itself, which its file tells, or by 10⁻⁶ of the largest value.
struct MPHSIRParity {
  let name: String
  let fixture: Fixture
  /// Largest differences relative to the largest value.
  let tolerance, gradientTolerance: Double

  init(_ name: String) throws {
    self.name = name
    let url = try #require(MPHSIRParity.url(name))
    fixture = try Fixture(url)
    let metadata = try WeightFile.open(url.path).metadata
    func noise(_ key: String) -> Double { metadata[key].flatMap(Double.init) ?? 0 }
    tolerance = max(1e-6, 20 * noise("out_fp32_vs_fp64_rel"))
    gradientTolerance = max(1e-6, 20 * noise("grad_fp32_vs_fp64_rel"))
  }

  static func url(_ name: String) -> URL? {
    Bundle.module.url(forResource: "mphsir_" + name, withExtension: "safetensors", subdirectory: "Fixtures")
  }

  /// An array as it is, or `[B, C, H, W]` as `[B, H, W, C]`.
  func array(_ key: String, isImage: Bool = false) -> Tensor {
    let tensor = Tensor(fixture[key].shape, fixture[key].floats)
    guard isImage, tensor.shape.count == 4 else { return tensor }
    return Tape(.inference).permute(Variable(tensor), [0, 2, 3, 1]).value
  }

  /// Integers `[B]` or `[B, k]` as lists of task ids.
  func taskIDs(_ key: String = "in.task_id") -> [[Int]] {
    let ids = fixture[key]
    let each = ids.values.count / ids.shape[0]
    return (0..<ids.shape[0]).map { b in (0..<each).map { Int(ids.values[b * each + $0]) } }
  }

  /// Loads all weights; every name and shape is that of the file, both ways.
  func load(_ store: ParameterStore) {
    for parameter in store.parameters where !parameter.isBuffer {
      guard let array = fixture.tensors["w.\(parameter.name)"] else {
        Issue.record("\(name) lacks \(parameter.name)")
        continue
      }
      #expect(array.shape == parameter.shape, "\(name): \(parameter.name)")
      parameter.set(Tensor(array.shape, array.floats))
    }
    let unknown = fixture.tensors.keys.filter { $0.hasPrefix("w.") && store[String($0.dropFirst(2))] == nil }
    #expect(unknown.isEmpty, "\(name): the network has no \(unknown)")
  }

  /// Compares the output in inference and on a recording tape, and every gradient that the file holds.
  func check(
    _ store: ParameterStore, inputs: [String] = ["x"], isImage: Bool = true, tape: Tape = Tape(.evaluation),
    _ layer: ([Variable], Tape) -> Variable
  ) {
    Exactness.$isRequired.withValue(true) {
      func input(_ name: String) -> Tensor { array("in.\(name)", isImage: isImage) }
      if !tape.isTraining {
        expectOutput(layer(inputs.map { Variable(input($0)) }, Tape(.inference)).value, isImage: isImage)
      }
      store.clearGradients()
      let variables = inputs.map { tape.input(input($0)) }
      let y = layer(variables, tape)
      expectOutput(y.value, isImage: isImage)
      guard fixture.tensors["gout.y"] != nil else { return }
      tape.backward(from: y, gradient: array("gout.y", isImage: isImage).reshaped(y.shape))
      let names = fixture.tensors.keys.filter { $0.hasPrefix("g.") }
      let floor = 1e-4 * names.reduce(0.0) { fixture[$1].values.reduce($0) { max($0, abs($1)) } }
      for name in names.sorted() {
        let parameter = store[String(name.dropFirst(2))]
        let place = inputs.firstIndex { name == "g.in.\($0)" }
        guard let gradient = parameter?.gradient ?? place.flatMap({ tape.gradient(of: variables[$0]) }) else {
          Issue.record("\(self.name): \(name) got no gradient")
          continue
        }
        expect(gradient, array(name, isImage: isImage && place != nil), gradientTolerance, name, floor: floor)
      }
      for parameter in store.parameters where parameter.gradient != nil && names.count > store.trainable.count {
        #expect(fixture.tensors["g.\(parameter.name)"] != nil, "\(name): \(parameter.name) should have no gradient")
      }
    }
  }

  /// `y` in double precision where the file has it.
  func expectOutput(_ tensor: Tensor, isImage: Bool) {
    let key = fixture.tensors["out64.y"] == nil ? "out.y" : "out64.y"
    expect(tensor, array(key, isImage: isImage), tolerance, "y")
  }

  func expect(_ tensor: Tensor, _ reference: Tensor, _ limit: Double, _ label: String, floor: Double = 1e-12) {
    #expect(tensor.count == reference.count, "\(name) \(label): \(tensor.shape) against \(reference.shape)")
    guard tensor.count == reference.count else { return }
    let scale = reference.values.reduce(floor) { max($0, Double(abs($1))) }
    let difference = zip(tensor.values, reference.values).reduce(0.0) { max($0, Double(abs($1.0 - $1.1))) }
    #expect(difference <= limit * scale, "\(name) \(label): \(difference / scale) of the largest value")
  }
}
