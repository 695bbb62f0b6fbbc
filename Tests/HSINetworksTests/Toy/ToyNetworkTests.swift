import Foundation
import HSICore
import HSINetworks
import HSITestSupport
import HSITransformer
import Testing

/// A new network is one folder and one line; everything else follows.
@Suite struct ToyNetworkTests {
  static let registry = Networks.all.appending([
    NetworkEntry(ToyNetwork.self, id: "toy", name: "Two linear layers")
  ])

  private func input(_ shape: [Int]) -> Tensor {
    var random = CounterRandom(seed: 5)
    return Tensor(shape, (0..<shape.reduce(1, *)).map { _ in Float(random.normal()) })
  }

  @Test func contract() throws {
    let network = try #require(try Self.registry.entry("toy").build("toy-wide", 3) as? ToyNetwork)
    #expect(try checkNetwork(network, input: input([7, 6])) { $0($1, $2) } == [])
  }

  /// Saved, described and loaded by the register alone, as `hsi model info` does.
  @Test func filesAndInformation() throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("toy-\(UUID()).safetensors").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let entry = try Self.registry.entry("toy-wide")
    let network = try #require(try entry.build("toy-wide", 3) as? ToyNetwork)
    network.linears.attach(LowRankAdapter.Configuration(rank: 2))
    try Model(network, card: Model<ToyNetwork>.card("toy-wide", network.configuration)).write(
      to: path, overwrite: false)
    let file = try WeightFile.open(path)
    let described = try #require(try Self.registry.recognise(file))
    #expect(described.id == "toy" && described.name == "Two linear layers" && described.task == "denoising")
    #expect(described.configuration == #"{"bands":6,"hidden":9}"#)
    #expect(described.parameters == network.store.parameterCount)
    #expect(try Networks.all.recognise(file) == nil)
    let (loaded, card) = try entry.read(file, nil)
    #expect(card.variant == "toy-wide")
    let x = Variable(input([4, 6]))
    let toy = try #require(loaded as? ToyNetwork)
    #expect(toy(x, Tape(.inference)).value.values == network(x, Tape(.inference)).value.values)
    #expect(throws: TransformerError.self) { try entry.build("toy-huge", 1) }
  }

  /// An image larger than the budget, of more bands than the network: tiles and windows give what the network gives at once.
  @Test func tiles() throws {
    var configuration = ToyNetwork.Configuration()
    configuration.bands = 4
    let map = ToyImageMap(network: ToyNetwork(configuration, seed: 2))
    let shape = CubeShape(lines: 21, samples: 18, bands: 10)
    func run(_ tiles: TiledInference) throws -> (Int, [Float]) {
      let pixels = PixelMatrix(rows: shape.pixels, columns: shape.bands)
      let passes = try tiles.run(
        map, shape, into: .init(pixels, rows: (0..<Int32(shape.pixels)).map { $0 }), held: 0, phase: "toy", RunContext()
      ) { bands, planes in
        for (index, band) in bands.enumerated() {
          for i in 0..<shape.pixels { planes[index * shape.pixels + i] = Float((i * 7 + band * 5) % 23) / 23 }
        }
      }
      return (passes, pixels.values)
    }
    var tiles = TiledInference()
    tiles.bandOverlap = 1
    let whole = try run(tiles)
    (tiles.tile, tiles.tileOverlap) = (8, 3)
    let tiled = try run(tiles)
    #expect(whole.0 == 3 && tiled.0 > 20)
    #expect(zip(whole.1, tiled.1).allSatisfy { abs($0 - $1) < 1e-5 } && Set(whole.1).count > 20)
  }
}
