import Foundation
import HSITestSupport
import HSITransformer
import Testing

@testable import HSINetworks

/// One fixture of the reference implementation of LESS ViT.
struct LESSParity {
  let name: String
  let fixture: Fixture

  init(_ name: String) throws {
    self.name = name
    fixture = try Fixture(try #require(LESSParity.url(name)))
  }

  static func url(_ name: String) -> URL? {
    Bundle.module.url(forResource: "less_" + name, withExtension: "safetensors", subdirectory: "Fixtures")
  }

  func array(_ key: String) -> Tensor { Tensor(fixture[key].shape, fixture[key].floats) }

  /// A result in double precision where the file has one.
  func result(_ key: String) -> Tensor {
    array(fixture.tensors["out64.\(key)"] == nil ? "out.\(key)" : "out64.\(key)")
  }

  /// Rows of draws.
  func rows(_ key: String) -> [[Float]] {
    let array = fixture[key]
    return (0..<array.shape[0]).map { Array(array.floats[($0 * array.shape[1])..<(($0 + 1) * array.shape[1])]) }
  }

  /// Loads all weights and buffers; every name and shape is that of the file, both ways.
  func load(_ store: ParameterStore) {
    for parameter in store.parameters {
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

  /// The input of a network, its images on a tape; wavelengths of rotary networks lie between 0 and 1.
  func input(_ tape: Tape) -> (input: LESSInput, images: [(name: String, variable: Variable)]) {
    let image = tape.input(array("in.optical"))
    let radar = fixture.tensors["in.radar"].map { tape.input(Tensor($0.shape, $0.floats)) }
    let input = LESSInput(
      image, wavelengths: fixture["in.optical_wv"].floats, radar: radar,
      radarWavelengths: fixture.tensors["in.radar_wv"]?.floats ?? [])
    return (input, [("optical", image)] + (radar.map { [("radar", $0)] } ?? []))
  }

  /// Every gradient that the file has, after a way back: relative to the largest value of its tensor, those below 10⁻⁴ of the largest of
  /// all to that. Gradients of inputs are arranged as the inputs were.
  func checkGradients(
    _ store: ParameterStore, _ images: [(name: String, variable: Variable)], _ tape: Tape, limit: Double = 2e-4,
    arranged: (Tensor) -> Tensor = { $0 }
  ) {
    let names = fixture.tensors.keys.filter { $0.hasPrefix("g.") }
    #expect(!names.isEmpty)
    let floor = 1e-4 * names.reduce(0.0) { fixture[$1].values.reduce($0) { max($0, abs($1)) } }
    for name in names.sorted() {
      let gradient =
        name.hasPrefix("g.w.")
        ? store[String(name.dropFirst(4))]?.gradient
        : images.first { "g.in.\($0.name)" == name }.flatMap { tape.gradient(of: $0.variable) }
      guard let gradient else {
        Issue.record("\(self.name): \(name) got no gradient")
        continue
      }
      expect(gradient, name.hasPrefix("g.in.") ? arranged(array(name)) : array(name), limit, name, floor: floor)
    }
    // Gradients that are zero throughout are not in the file, in some files only those of inputs.
    guard names.contains(where: { $0.hasPrefix("g.w.") }) else { return }
    for parameter in store.parameters where fixture.tensors["g.w.\(parameter.name)"] == nil {
      #expect(parameter.gradient.map { $0.values.allSatisfy { $0 == 0 } } ?? true, "\(name): \(parameter.name)")
    }
  }

  func expect(_ tensor: Tensor, _ reference: Tensor, _ limit: Double, _ label: String, floor: Double = 1e-12) {
    #expect(tensor.count == reference.count, "\(name) \(label): \(tensor.shape) against \(reference.shape)")
    guard tensor.count == reference.count else { return }
    let scale = reference.values.reduce(floor) { max($0, Double(abs($1))) }
    let difference = zip(tensor.values, reference.values).reduce(0.0) { max($0, Double(abs($1.0 - $1.1))) }
    #expect(difference <= limit * scale, "\(name) \(label): \(difference / scale) of the largest value")
  }

  /// A tensor `[B, C, H, W]` with its channels last.
  static func channelsLast(_ tensor: Tensor) -> Tensor {
    Tape(.inference).permute(Variable(tensor), [0, 2, 3, 1]).value
  }
}

extension LESSConfiguration {
  /// The narrow encoder of the fixtures.
  static func narrow(_ change: (inout LESSConfiguration) -> Void = { _ in }) -> LESSConfiguration {
    var configuration = LESSConfiguration()
    (configuration.patch, configuration.width, configuration.depth, configuration.heads) = (4, 32, 2, 4)
    (configuration.channelWidthPerHead, configuration.expansion) = (2, 2)
    // Fixtures give rotary networks wavelengths that are scaled already.
    (configuration.shortestWavelength, configuration.longestWavelength) = (0, 1)
    (configuration.usesRadar, configuration.isCompatible) = (true, true)
    change(&configuration)
    return configuration
  }
}
