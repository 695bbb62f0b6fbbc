import Foundation
import HSICore
import HSINetworks
import HSINumerics
import HSITestSupport
import HSITransformer
import Testing

@testable import HSIRestoration

@Suite(.serialized) struct HSDTDenoiserTests {
  /// A small network with random weights, whose attention and feed-forward paths are not nearly zero.
  private func model(bands: Int = 7) -> HSDTModel {
    var configuration = HSDTConfiguration()
    configuration.channels = 4
    configuration.layers = 3
    configuration.samples = [1]
    configuration.bands = bands
    let network = HSDT(configuration, seed: 5)
    var random = CounterRandom(seed: 9)
    for parameter in network.store.parameters where parameter.name.contains("attn.") {
      parameter.update { for i in $0.indices { $0[i] += Float(0.2 * random.normal()) } }
    }
    return HSDTModel(network, card: HSDTModel.card("test", configuration))
  }

  private func scene(lines: Int, samples: Int, bands: Int, missing: Set<Int> = []) -> Cube {
    let shape = CubeShape(lines: lines, samples: samples, bands: bands)
    let places = (0..<shape.pixels).filter { !missing.contains($0) }
    let pixels = PixelMatrix(rows: places.count, columns: bands)
    var random = CounterRandom(seed: 1)
    for (row, place) in places.enumerated() {
      let (line, sample) = (place / samples, place % samples)
      for b in 0..<bands {
        pixels[row, b] = Float(
          1000 + 200 * Double((line * 3 + sample * 2 + b * 5) % 40) / 40 + 20 * random.normal())
      }
    }
    return Cube(
      shape: shape, metadata: CubeMetadata(bands: bands), pixels: pixels, positions: places.map { Int32($0) })
  }

  @Test func scaleAndOffsetOfTheSceneDoNotMatter() throws {
    let denoiser = HSDTDenoiser(model())
    let scene = scene(lines: 13, samples: 10, bands: 7)
    let shifted = PixelMatrix(rows: scene.count, columns: 7)
    for i in 0..<(scene.count * 7) { shifted.pointer[i] = 4 * scene.pixels.pointer[i] - 1024 }
    let a = try denoiser.restore(scene, noise: nil, RunContext()).scene
    let b = try denoiser.restore(scene.replacingPixels(by: shifted), noise: nil, RunContext()).scene
    for i in 0..<(scene.count * 7) {
      #expect(abs(4 * a.pixels.pointer[i] - 1024 - b.pixels.pointer[i]) < 0.5)
    }
  }

  @Test func missingPixelsStayMissingAndDoNotSpread() throws {
    let denoiser = HSDTDenoiser(model())
    let whole = scene(lines: 16, samples: 16, bands: 7)
    let holes = scene(lines: 16, samples: 16, bands: 7, missing: [5, 6, 7, 100, 255])
    let result = try denoiser.restore(holes, noise: nil, RunContext()).scene
    #expect(result.positions == holes.positions)
    #expect(result.pixels.values.allSatisfy { $0.isFinite })
    // A NaN pixel is handed on, and its neighbours are what they are where it is missing.
    let damaged = PixelMatrix(rows: whole.count, columns: 7)
    damaged.pointer.update(from: whole.pixels.pointer, count: whole.count * 7)
    damaged[100, 3] = .nan
    let restored = try denoiser.restore(whole.replacingPixels(by: damaged), noise: nil, RunContext()).scene
    #expect(restored.pixels[100, 3].isNaN)
    for row in 0..<whole.count where row != 100 {
      for b in 0..<7 { #expect(restored.pixels[row, b].isFinite) }
    }
  }

  @Test(arguments: [1, 3, 7, 12, 20]) func anyNumberOfBands(_ bands: Int) throws {
    let scene = scene(lines: 9, samples: 6, bands: bands)
    for handling in HSDTDenoiser.BandHandling.allCases {
      var denoiser = HSDTDenoiser(model())
      denoiser.bandHandling = handling
      denoiser.tiles.bandOverlap = 3
      let result = try denoiser.restore(scene, noise: nil, RunContext()).scene
      #expect(result.shape == scene.shape)
      #expect(result.pixels.values.allSatisfy { $0.isFinite })
    }
  }

  @Test func tilesDifferLittleFromTheWholeImage() throws {
    let scene = scene(lines: 96, samples: 80, bands: 7)
    var denoiser = HSDTDenoiser(model())
    let whole = try denoiser.restore(scene, noise: nil, RunContext()).scene
    denoiser.tiles.tile = 64
    let tiled = try denoiser.restore(scene, noise: nil, RunContext())
    #expect(tiled.facts["tiles"] == 4)
    var removed = 0.0
    var difference = 0.0
    for i in 0..<(scene.count * 7) {
      removed += pow2(whole.pixels.pointer[i] - scene.pixels.pointer[i])
      difference += pow2(whole.pixels.pointer[i] - tiled.scene.pixels.pointer[i])
    }
    // The pooled features of a tile are not those of the image: the difference is bounded, not zero.
    #expect((difference / removed).squareRoot() < 0.1)
  }

  /// The bundled weights on a noisy scene: seams of tiles are far below what the noise was.
  @Test func seamsOfTheBundledWeights() throws {
    let clean = scene(lines: 96, samples: 80, bands: 31)
    let noise = NoiseRealisation(.gaussian(30), bands: 31, samples: 80, seed: 2)
    let range = try DataRange(low: 1000, high: 1200)
    noise.add(to: clean.pixels, positions: clean.positions, window: clean.shape.window, range: range)
    var denoiser = try HSDTDenoiser(weights: nil)
    let whole = try denoiser.restore(clean, noise: nil, RunContext()).scene
    denoiser.tiles.tile = 64
    let tiled = try denoiser.restore(clean, noise: nil, RunContext()).scene
    var (removed, difference) = (0.0, 0.0)
    for i in 0..<(clean.count * 31) {
      removed += pow2(whole.pixels.pointer[i] - clean.pixels.pointer[i])
      difference += pow2(whole.pixels.pointer[i] - tiled.pixels.pointer[i])
    }
    #expect(
      (difference / removed).squareRoot() < 0.15 && difference > 0, "\((difference / removed).squareRoot())")
  }

  @Test func threadsDoNotMatter() throws {
    let scene = scene(lines: 20, samples: 12, bands: 9)
    let results = try [1, 2, 5].map { threads in
      try HSDTDenoiser(model()).restore(scene, noise: nil, RunContext(threads: threads)).scene.pixels.values
    }
    #expect(results[0] == results[1] && results[0] == results[2])
  }

  @Test func memoryIsWhatWasSaid() throws {
    let scene = scene(lines: 64, samples: 64, bands: 31)
    for name in ["hsdt-s", "hsdt-m", "hsdt-l"] {
      let configuration = try #require(HSDTConfiguration(named: name))
      let denoiser = HSDTDenoiser(HSDTModel(HSDT(configuration), card: HSDTModel.card(name, configuration)))
      let pool = BufferPool()
      try BufferPool.$current.withValue(pool) { _ = try denoiser.restore(scene, noise: nil, RunContext()) }
      let used = pool.statistics.peakBytesInUse
      #expect(
        used <= denoiser.workingBytes(scene.shape),
        "\(name): \(used) of \(denoiser.workingBytes(scene.shape))")
    }
  }

  /// A small file whose card names a network of gigabytes is refused before anything is built.
  @Test func aCardCannotClaimMoreThanTheFileHas() throws {
    var claimed = HSDTConfiguration()
    claimed.channels = 256
    claimed.layers = 16
    claimed.samples = [1, 2, 3, 4, 5]
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("hsi-\(UUID()).safetensors").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try SafetensorsWriter.write(
      [("tail.weight", .floats(Tensor.zeros([1, 256, 3, 3, 3])))], card: HSDTModel.card("hsdt", claimed),
      to: path,
      overwrite: false)
    let pool = BufferPool()
    BufferPool.$current.withValue(pool) {
      #expect(throws: TransformerError.self) { try HSDTModel.read(path) }
    }
    #expect(pool.statistics.peakBytesInUse < 1 << 20)
  }

  @Test func aConstantSceneComesBackUnchanged() throws {
    let pixels = PixelMatrix(rows: 4, columns: 3, values: [Float](repeating: 2, count: 12))
    let cube = Cube(
      shape: CubeShape(lines: 2, samples: 2, bands: 3), metadata: CubeMetadata(bands: 3), pixels: pixels,
      positions: [0, 1, 2, 3])
    let result = try HSDTDenoiser(model()).restore(cube, noise: nil, RunContext())
    #expect(result.unchanged != nil)
    #expect(result.scene.pixels.values == pixels.values)
  }

  private func pow2(_ x: Float) -> Double { Double(x) * Double(x) }
}
