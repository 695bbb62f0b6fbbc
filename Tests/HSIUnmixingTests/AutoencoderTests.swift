import Foundation
import HSICore
import HSINetworks
import HSINumerics
import HSITestSupport
import Testing

@testable import HSITransformer
@testable import HSIUnmixing

/// The unmixing autoencoder: the network and its loss against `autoencoder_reference.py`, the method on scenes.
@Suite(.serialized) struct AutoencoderTests {
  @Test("Abundances, loss and slopes are those of the reference, with holes and a channel left out")
  func reference() throws {
    let fixture = try MethodFixtures.load("autoencoder")
    let shape = fixture["scores"].shape
    let (lines, samples, components) = (shape[0], shape[1], shape[2])
    let count = fixture["prior"].shape[2]
    let bands = fixture["spectra"].shape[1]
    let network = UnmixingAutoencoder(
      .init(
        components: components, bands: bands, endmembers: count, width: fixture["weight.encoder.spatial.bias"].shape[0])
    )
    for parameter in network.store.parameters {
      let values = fixture["weight." + parameter.name]
      #expect(values.shape == parameter.shape)
      parameter.set(Tensor(parameter.shape, values.values.map(Float.init)))
    }
    let rows = fixture["valid"].values.indices.filter { fixture["valid"].values[$0] > 0 }
    func valid(_ name: String, _ width: Int) -> [Float] {
      rows.flatMap { n in (0..<width).map { Float(fixture[name].values[n * width + $0]) } }
    }
    let pixels = PixelMatrix(rows: rows.count, columns: bands, values: valid("spectra", bands))
    let scene = Cube(
      shape: CubeShape(lines: lines, samples: samples, bands: bands), metadata: CubeMetadata(bands: bands),
      pixels: pixels,
      positions: rows.map { Int32($0) })
    let tiles = SceneTiles(
      scene, scores: valid("scores", components), components: components, prior: valid("prior", count), count: count)
    let task = AutoencoderTask(
      network, tiles, pixels: rows.count, kept: fixture["kept"].values.map { $0 > 0 }, mean: fixture["mean"].values,
      rms: fixture["rms"].values[0], floor: 0,
      .init(steps: 20, side: 16, volume: fixture["lambda"].values[0], rate: 1e-3, tolerance: 0, seed: 1))
    let expected = fixture["loss"].values[0]
    try Exactness.$isRequired.withValue(true) {
      let input = tiles.input(SceneTiles.Tile(line: 0, sample: 0, lines: lines, samples: samples))
      let found = network.abundances(Variable(input.scores), prior: input.prior, Tape(.inference)).value.values
      #expect(MethodFixtures.distance(found.map(Double.init), fixture["abundances"].values) < 2e-6)
      #expect(abs(task.loss() - expected) < 1e-6)
      let loss = try task.loss(of: TrainingBatch(step: 0, steps: 20, epoch: 0, index: 0), RunContext())
      #expect(abs(Double(loss.value.value.scalar) - expected) < 1e-6)
      loss.tape.backward(from: loss.value)
    }
    for parameter in network.store.parameters {
      let slopes = try #require(parameter.gradient).values.map(Double.init)
      let wanted = fixture["slope." + parameter.name].values
      let largest = wanted.map(abs).max() ?? 0
      #expect(MethodFixtures.distance(slopes, wanted) < 2e-5 * max(1, largest) + 1e-4 * largest, "\(parameter.name)")
    }
  }

  @Test("The network keeps the contract of networks")
  func contract() throws {
    let network = UnmixingAutoencoder(.init(components: 3, bands: 5, endmembers: 3, width: 4), seed: 1)
    var random = CounterRandom(seed: 3)
    let input = Tensor([1, 4, 5, 3], (0..<60).map { _ in Float(random.normal()) })
    let broken = try checkNetwork(network, input: input) { $0.spectra($0.abundances($1, prior: nil, $2), $2) }
    #expect(broken.isEmpty, "\(broken)")
  }

  @Test("Brightness does not count: a scene in the light and half in the shade has the same abundances")
  func brightness() throws {
    let scene = SmallScene()
    let pixels = PixelMatrix(rows: scene.cube.count, columns: 36, values: scene.cube.pixels.values)
    for n in 0..<pixels.rows where n % 20 > 9 { for l in 0..<36 { pixels[n, l] *= 0.5 } }
    let shaded = Cube(lines: 24, samples: 20, pixels: pixels)
    let fit = try BlindUnmixingTests.collect(
      shaded, CNNAEU(["iterations": 100]), count: 3, unitLength: true, RunContext(seed: 1))
    let plain = try BlindUnmixingTests.collect(
      scene.cube, CNNAEU(["iterations": 100]), count: 3, unitLength: true, RunContext(seed: 1))
    #expect(scene.error(fit.abundances) < 1.2 * scene.error(plain.abundances) + 0.005)
    #expect(fit.fit.settings["components"] == 8)
  }

  @Test("A bad channel does not reach the network, and its values are those of least squares")
  func badChannels() throws {
    let (clean, dirty) = (SmallScene(), SmallScene(bad: [4, 20]))
    let method = try CNNAEU(["iterations": 100])
    let one = try BlindUnmixingTests.collect(clean.cube, method, count: 3)
    let two = try BlindUnmixingTests.collect(dirty.cube, method, count: 3)
    #expect(abs(dirty.error(two.abundances) - clean.error(one.abundances)) < 0.01)
    #expect(two.fit.endmembers.values.allSatisfy { $0.isFinite && $0 >= 0 })
  }

  @Test("Another seed draws other weights, the same one the same")
  func seeds() throws {
    let scene = SmallScene()
    let method = try CNNAEU(["iterations": 20])
    func run(_ seed: UInt64) throws -> [Float] {
      try BlindUnmixingTests.collect(scene.cube, method, count: 3, RunContext(seed: seed)).abundances
    }
    let (first, again, other) = try (run(3), run(3), run(4))
    #expect(first == again && first != other)
  }

  @Test("One line, one sample, two bands, holes everywhere but in a few places", arguments: [true, false])
  func edges(unitLength: Bool) throws {
    let method = try CNNAEU(["iterations": 5])
    func run(_ cube: Cube, _ count: Int) throws {
      let found = try BlindUnmixingTests.collect(cube, method, count: count, unitLength: unitLength)
      #expect(found.abundances.count == cube.count * count)
      #expect(found.abundances.allSatisfy { $0 >= 0 && $0 <= 1.00001 })
    }
    try run(SmallScene(lines: 1, samples: 60).cube, 3)
    try run(SmallScene(lines: 60, samples: 1).cube, 3)
    try run(SmallScene(bands: 2, count: 2).cube, 2)
    let scene = SmallScene()
    let few = Array(stride(from: 0, to: scene.cube.count, by: 37))
    let pixels = PixelMatrix(rows: few.count, columns: 36)
    for (i, n) in few.enumerated() { for l in 0..<36 { pixels[i, l] = scene.cube.pixels[n, l] } }
    try run(
      Cube(
        shape: scene.cube.shape, metadata: scene.cube.metadata, pixels: pixels,
        positions: few.map { scene.cube.positions[$0] }), 3)
  }

  @Test("Scenes of nothing are refused")
  func refusals() throws {
    let constant = PixelMatrix(rows: 30, columns: 6, values: [Float](repeating: 0.3, count: 180))
    #expect(throws: UnmixingError.self) {
      try CNNAEU().unmix(Cube(lines: 5, samples: 6, pixels: constant), count: 3, start: nil, RunContext())
    }
    let tiny = PixelMatrix(rows: 3, columns: 6, values: (0..<18).map { Float($0) })
    #expect(throws: UnmixingError.self) {
      try CNNAEU().unmix(Cube(lines: 1, samples: 3, pixels: tiny), count: 3, start: nil, RunContext())
    }
  }

  @Test("A gap between lines stays one line wide; squares cover every valid pixel once")
  func tiles() {
    let samples = 7
    let positions: [Int32] = [3, 4, 5, 14, 20, 70, 71, 80, 340]
    let pixels = PixelMatrix(rows: positions.count, columns: 2, values: (0..<18).map { Float($0) })
    let scene = Cube(
      shape: CubeShape(lines: 60, samples: samples, bands: 2), metadata: CubeMetadata(bands: 2), pixels: pixels,
      positions: positions)
    let values = (0..<positions.count).map { Float($0) + 1 }
    let tiles = SceneTiles(scene, scores: values, components: 1, prior: values, count: 1)
    // Lines 0, 2, 10, 11 and 48: 0, gap, 2, gap, 10, 11, gap, 48.
    #expect(tiles.lines == 8)
    for side in [1, 2, 3, 64] {
      let seen = tiles.squares(of: side).flatMap { tiles.valid($0).rows }.sorted()
      #expect(seen == Array(0..<positions.count))
    }
    let all = tiles.input(SceneTiles.Tile(line: 0, sample: 0, lines: 8, samples: samples)).scores.values
    #expect(all.filter { $0 > 0 } == values)
    #expect(all[7..<14].allSatisfy { $0 == 0 })
    for n in positions.indices {
      let square = tiles.square(of: 3, about: n)
      #expect(tiles.valid(square).rows.contains(n) && square.lines == 3 && square.samples == 3)
    }
    #expect(tiles.squares(of: 1, limit: 4).count == 4)
  }

  /// Converged is what hardly falls any more, not what ran to its end.
  @Test func convergenceIsMeasured() throws {
    #expect(CNNAEU.isSteady([1]) && CNNAEU.isSteady([]))
    let falling = (0...100).map { 2 - 0.01 * Double($0) }
    #expect(!CNNAEU.isSteady(falling))
    #expect(CNNAEU.isSteady(falling + Array(repeating: 1, count: 20)))
  }
}
