import Foundation
import HSICore
import HSITestSupport
import Testing

@testable import HSIRestoration

/// Every value of the reference's deterministic degradations (see the README of the fixtures of MP-HSIR).
@Suite struct DegradationParityTests {
  private static func fixture(_ name: String) throws -> Fixture {
    try Fixture(#require(Bundle.module.url(forResource: name, withExtension: "safetensors", subdirectory: "Fixtures")))
  }

  /// The cube of `[bands][lines][samples]`.
  private static func cube(_ tensor: Fixture.Tensor) -> Cube {
    let (bands, lines, samples) = (tensor.shape[0], tensor.shape[1], tensor.shape[2])
    let pixels = PixelMatrix(rows: lines * samples, columns: bands)
    for b in 0..<bands {
      for n in 0..<(lines * samples) { pixels[n, b] = Float(tensor.values[b * lines * samples + n]) }
    }
    return Cube(lines: lines, samples: samples, pixels: pixels)
  }

  private static func worst(_ cube: Cube, _ tensor: Fixture.Tensor) -> Double {
    let places = cube.shape.pixels
    guard tensor.shape.suffix(2) == [cube.shape.lines, cube.shape.samples], cube.count == places else {
      return .infinity
    }
    var worst = 0.0
    for b in 0..<cube.shape.bands {
      for n in 0..<places { worst = max(worst, abs(Double(cube.pixels[n, b]) - tensor.values[b * places + n])) }
    }
    return worst
  }

  private static func degraded(_ id: String, _ values: [String: Double], _ scene: Cube) throws -> Cube {
    try Degradations.all.named(id, values).degrade(scene, DegradationTarget(scene.shape, seed: 1), RunContext()).scene
  }

  /// All outputs of the two files, each with what makes it.
  @Test(arguments: ["degradations", "haze"]) func everyOutput(_ file: String) throws {
    let fixture = try Self.fixture(file)
    let scene = Self.cube(fixture["in.x"])
    var unknown: [String] = []
    for (name, tensor) in fixture.tensors where name.hasPrefix("out.") {
      let parts = name.dropFirst(4).split(separator: "_").map(String.init)
      let numbers = parts.compactMap(Double.init)
      let result: Cube
      switch parts.first {
      case "gaussian", "circle", "square":
        result = try Self.degraded("\(parts[0])-blur", ["size": numbers[0]], scene)
      case "motion" where parts[1] == "blur":
        result = try Self.degraded("motion-blur", ["size": numbers[0], "angle": numbers[1]], scene)
      case "motion":
        let side = 2 * Int(numbers[0]) + 1
        let image = PixelMatrix(rows: side * side, columns: 1)
        image[side * side / 2, 0] = 1
        result = try Self.degraded(
          "motion-blur", ["size": numbers[0], "angle": numbers[1]], Cube(lines: side, samples: side, pixels: image))
      case "bicubic": result = try Self.degraded("downsampling", ["factor": numbers[0]], scene)
      case "sr": result = try Self.degraded("downsampling", ["factor": numbers[0], "replicate": 1], scene)
      case "haze":
        let map = fixture["in.cirrus"]
        let cirrus = try Haze.Cirrus(lines: map.shape[0], samples: map.shape[1], values: map.floats)
        result = try Haze(strength: numbers[0], cirrus: cirrus).degrade(
          scene, DegradationTarget(scene.shape, seed: 1), RunContext()
        ).scene
      default:
        unknown.append(name)
        continue
      }
      // Single precision on both sides; cubic weights and their places are rounded in the reference too.
      #expect(Self.worst(result, tensor) < 5e-6, "\(name): \(Self.worst(result, tensor))")
    }
    #expect(unknown.isEmpty, "\(unknown)")
    #expect(fixture.tensors.keys.count { $0.hasPrefix("out.") } == (file == "haze" ? 6 : 19))
  }
}
