import Foundation
import HSICore
import HSINumerics
import Testing

@testable import HSIRestoration

/// The kernel of a blur, from the scene alone.
@Suite(.serialized) struct KernelEstimateTests {
  /// Fields whose spectra fall as |f|^−2.4, two spectra mixed, and a little noise.
  private static func scene(lines: Int = 44, samples: Int = 48) -> Cube {
    let (count, bands) = (lines * samples, 4)
    var random = CounterRandom(seed: 7, stream: 3)
    let fields = (0..<2).map { _ -> [Double] in
      var field = [Double](repeating: 0, count: count)
      for _ in 0..<400 {
        // Waves of random direction, phase and length; amplitudes follow the power law.
        let length = exp(log(0.012) + random.uniform() * (log(0.5) - log(0.012)))
        let (angle, phase) = (2 * Double.pi * random.uniform(), 2 * Double.pi * random.uniform())
        let (fy, fx) = (length * sin(angle), length * cos(angle))
        let amplitude = pow(length, -0.2)
        for place in 0..<count {
          field[place] +=
            amplitude * cos(2 * .pi * (fy * Double(place / samples) + fx * Double(place % samples)) + phase)
        }
      }
      return field
    }
    let pixels = PixelMatrix(rows: count, columns: bands)
    for n in 0..<count {
      for b in 0..<bands {
        let share = Double(b) / 3
        pixels[n, b] = Float(50 + (1 - share) * fields[0][n] + share * fields[1][n])
      }
    }
    return Cube(lines: lines, samples: samples, pixels: pixels)
  }

  nonisolated(unsafe) private static let sharp = scene()

  private func blurred(_ kind: String, _ values: [String: Double]) throws -> Cube {
    let scene = try RestorationScene.degraded(kind, values.merging(["mirror": 1]) { $1 }, Self.sharp)
    return SyntheticScene.noisy(scene, sigma: 0.01)
  }

  @Test(arguments: [
    ("square-blur", ["size": 5.0], BlurKernel.Kind.square), ("motion-blur", ["size": 11, "angle": 45], .motion),
    ("gaussian-blur", ["size": 13, "sigma": 1.6], .gaussian),
  ]) func findsTheKernel(name: String, values: [String: Double], kind: BlurKernel.Kind) throws {
    let scene = try blurred(name, values)
    let found = try KernelEstimate(scene, RunContext(threads: 1))
    #expect(found.values["kind"] == Double(kind.rawValue), "\(found)")
    for (key, value) in values where key != "sigma" && kind != .gaussian {
      #expect(found.values[key] == value, "\(found)")
    }
    if kind == .gaussian { #expect(abs((found.values["sigma"] ?? 0) - 1.6) < 0.25, "\(found)") }
    #expect(found.margin > KernelEstimate.leastMargin, "\(found)")
    guard kind == .square else { return }
    let again = try KernelEstimate(scene, RunContext(threads: 3))
    #expect(again.margin == found.margin && again.name == found.name)
  }

  @Test func aSharpSceneIsRefused() throws {
    do {
      let found = try KernelEstimate(SyntheticScene.noisy(Self.sharp, sigma: 0.01), RunContext())
      Issue.record("\(found)")
    } catch let error as RestorationError { #expect(error.identifier == "E-KERNEL-UNKNOWN") }
  }

  @Test func smallAndConstantScenesAreRefused() {
    let small = SyntheticScene.clean(lines: 31, samples: 40, bands: 3)
    #expect(throws: RestorationError.self) { try KernelEstimate(small, RunContext()) }
    let constant = Cube(
      lines: 40, samples: 40, pixels: PixelMatrix(rows: 1600, columns: 2, values: [Float](repeating: 1, count: 3200)))
    #expect(throws: RestorationError.self) { try KernelEstimate(constant, RunContext()) }
    let lost = Cube(
      lines: 40, samples: 40, pixels: PixelMatrix(rows: 1600, columns: 2, values: [Float](repeating: .nan, count: 3200))
    )
    #expect(throws: RestorationError.self) { try KernelEstimate(lost, RunContext()) }
  }

  /// |K|² by the plain sum of the transform.
  @Test func powerOfAKernel() throws {
    let kernel = try BlurKernel(.motion, size: 5, angle: 20)
    let power = TileSpectrum.power(of: kernel, tile: 12)
    for (y, x) in [(0, 0), (3, 5), (11, 2), (6, 6)] {
      var (re, im) = (0.0, 0.0)
      for i in 0..<5 {
        for j in 0..<5 {
          let phase = -2 * Double.pi * Double(y * (i - 2) + x * (j - 2)) / 12
          re += Double(kernel.weights[5 * i + j]) / kernel.sum * cos(phase)
          im += Double(kernel.weights[5 * i + j]) / kernel.sum * sin(phase)
        }
      }
      #expect(abs(power[y * 12 + x] - re * re - im * im) < 1e-9)
    }
    #expect(abs(power[0] - 1) < 1e-9)
  }

  /// White noise behind a Hann window is white still, and costs least at its own level.
  @Test func theModelOfATile() {
    let (places, law) = (TileSpectrum.places(tile: 16), TileSpectrum.powerLaw(0, tile: 16))
    let flat = TileSpectrum.model([Double](repeating: 1, count: 256), law, at: places, tile: 16)
    #expect(flat.allSatisfy { abs($0 - 1) < 1e-12 } && flat.count == TileSpectrum.places(tile: 16).count)
    // A single line leaks ⅔ · ⅔ into itself and ⅙ · ⅔ into its neighbours.
    var line = [Double](repeating: 0, count: 256)
    line[5 * 16 + 4] = 1
    let leaked = TileSpectrum.model(line, law, at: places, tile: 16)
    for (place, expected) in [(5 * 16 + 4, 4.0 / 9), (4 * 16 + 4, 1.0 / 9), (6 * 16 + 5, 1.0 / 36), (8 * 16 + 4, 0)] {
      let found = places.firstIndex(of: place).map { leaked[$0] }
      #expect(abs((found ?? -1) - expected) < 1e-12)
    }
  }

  @Test func weightsOfAnySize() throws {
    let (kernel, sum) = try BlurKernel.normalised([1, 3], lines: 1, samples: 2)
    #expect(sum == 4 && kernel.size == 3)
    #expect(kernel.weights == [0, 0, 0, 0.25, 0.75, 0, 0, 0, 0])
    let (square, _) = try BlurKernel.normalised([1, 2, 1, 2, 4, 2, 1, 2, 1], lines: 3, samples: 3)
    #expect(square.weights[4] == 0.25 && square.sum == 1)
    for bad in [[1, -1], [0, 0], [1, .nan], [1, .infinity]] {
      #expect(throws: CoreError.self) { try BlurKernel.normalised(bad, lines: 1, samples: 2) }
    }
    #expect(throws: CoreError.self) {
      try BlurKernel.normalised([Double](repeating: 1, count: 257), lines: 1, samples: 257)
    }
  }
}
