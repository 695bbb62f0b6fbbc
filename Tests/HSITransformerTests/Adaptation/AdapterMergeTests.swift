import Foundation
import HSICore
import HSITestSupport
import Testing

@testable import HSITransformer

@Suite struct AdapterMergeTests {
  /// The fixture's layer as a file: `w.*` without the prefix.
  private func layer(_ name: String, _ change: (String) -> String? = { $0 }) throws -> (
    WeightFile, Fixture, String
  ) {
    let url = try #require(WeightFiles.fixtures?.appendingPathComponent(name + ".safetensors"))
    let fixture = try WeightFile.open(url.path)
    let path = try WeightFiles.temporary("layer.safetensors")
    try SafetensorsWriter.write(
      fixture.tensors.compactMap { tensor in
        guard tensor.name.hasPrefix("w."), let name = change(String(tensor.name.dropFirst(2))) else {
          return nil
        }
        return (name, .stored(tensor))
      }, metadata: [AdapterMerge.alphaKey: "8"], to: path, overwrite: false)
    return (try WeightFile.open(path), try Fixture(url), path)
  }

  private func values(_ result: AdapterMerge.Result, _ name: String) throws -> [Float] {
    guard case .floats(let tensor)? = result.tensors.first(where: { $0.name == name })?.content else {
      throw TransformerError.noTensors(path: name)
    }
    return tensor.values
  }

  /// The folded layer computes what the adapted layer of the reference computed.
  @Test func plainAdapterDisappears() throws {
    let (file, fixture, path) = try layer("lora_linear_plain") { "head." + $0 }
    defer { WeightFiles.remove(path) }
    let result = try AdapterMerge.merge(file)
    #expect(Set(result.tensors.map(\.name)) == ["head.linear.weight", "head.linear.bias"])
    #expect(result.folded == ["head.linear.weight"] && result.gated.isEmpty)
    let matrix = try values(result, "head.linear.weight")
    #expect(zip(matrix, fixture["merged.linear.weight"].floats).allSatisfy { abs($0 - $1) < 1e-6 })
    let (x, bias, y) = (fixture["in.x"].values, fixture["w.linear.bias"].values, fixture["out64.y"].values)
    for row in 0..<10 {
      for out in 0..<20 {
        let sum = (0..<12).reduce(bias[out]) { $0 + Double(matrix[out * 12 + $1]) * x[row * 12 + $1] }
        #expect(abs(sum - y[row * 20 + out]) < 1e-6)
      }
    }
  }

  /// The gate stays; only the residual is folded, leaves zeros, and is not counted twice.
  @Test func gatedAdapterKeepsItsGate() throws {
    let (file, fixture, path) = try layer("lora_linear_gate")
    defer { WeightFiles.remove(path) }
    let result = try AdapterMerge.merge(file)
    #expect(
      Set(result.tensors.map(\.name))
        == [
          "linear.weight", "linear.bias", "lora_down.weight", "lora_up.weight", "lora_gate.weight",
          "lora_residual.weight",
        ])
    #expect(try values(result, "lora_residual.weight").allSatisfy { $0 == 0 })
    #expect(result.gated == ["linear.weight"] && result.folded.isEmpty)
    let expected = zip(fixture["w.linear.weight"].floats, fixture["w.lora_residual.weight"].floats).map(+)
    #expect(try values(result, "linear.weight") == expected)
  }

  /// An adapter file on a base gives what the one file gives; α may be given.
  @Test func adapterFilesAreStacked() throws {
    let (both, _, first) = try layer("lora_linear_plain") { $0.replacing("linear.", with: "") }
    let (base, _, second) = try layer("lora_linear_plain") {
      $0.hasPrefix("lora_") ? nil : $0.replacing("linear.", with: "")
    }
    let (adapter, _, third) = try layer("lora_linear_plain") { $0.hasPrefix("lora_") ? $0 : nil }
    defer { for path in [first, second, third] { WeightFiles.remove(path) } }
    let expected = try values(AdapterMerge.merge(both), "weight")
    #expect(try values(AdapterMerge.merge(base, adapter: adapter), "weight") == expected)
    #expect(try values(AdapterMerge.merge(base, adapter: adapter, alpha: 8), "weight") == expected)
    #expect(try values(AdapterMerge.merge(base, adapter: adapter, alpha: 4), "weight") != expected)
    let error = #expect(throws: TransformerError.self) { try AdapterMerge.merge(base) }
    #expect(error?.identifier == "E-WEIGHTS-ADAPTER")
    #expect(throws: TransformerError.self) { try AdapterMerge.merge(adapter) }
  }

  @Test func unknownAlphaAndWrongShapesAreRefused() throws {
    let json =
      #"{"weight":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},"#
      + #""lora_down.weight":{"dtype":"F32","shape":[1,2],"data_offsets":[16,24]},"#
      + #""lora_up.weight":{"dtype":"F32","shape":[UP],"data_offsets":[24,32]}}"#
    let data = [UInt8](repeating: 0, count: 32)
    let fine = try WeightFiles.readSafetensors(
      WeightFiles.safetensors(json.replacing("UP", with: "2,1"), data: data))
    #expect(throws: CoreError.self) { try AdapterMerge.merge(fine) }
    let wrong = try WeightFiles.readSafetensors(
      WeightFiles.safetensors(json.replacing("UP", with: "1,2"), data: data))
    let error = #expect(throws: TransformerError.self) { try AdapterMerge.merge(wrong, alpha: 1) }
    #expect(error?.problem == "lora_up.weight is [1, 2] in mutant but [2, 1] in the model")
  }
}
