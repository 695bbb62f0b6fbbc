import HSICore
import HSINetworks
import HSITestSupport
import Testing

@testable import HSIRestoration

/// Every restorer of the register keeps the contract, and so do two new ones that are each one type and one line.
@Suite(.serialized) struct RestorerContractTests {
  static let registry = RestorerRegistry(
    Restorers.all.entries.filter { $0.description.id != MPHSIRRestorer.description.id } + [
      RestorerEntry(MPHSIRRestorer.description) {
        try MPHSIRRestorer(TinyMPHSIR.model(), task: MPHSIRTask.allCases[Int($0.value("task"))])
      },
      RestorerEntry(GridDoubling.description) { _ in GridDoubling() },
      RestorerEntry(MeanFilling.description) { _ in MeanFilling() },
    ])

  @Test(arguments: registry.descriptions.map(\.id)) func contract(_ id: String) throws {
    let scene = SyntheticScene.noisy(SyntheticScene.clean(lines: 18, samples: 20, bands: 8), sigma: 0.05)
    #expect(try checkRestorer(Self.registry.named(id), scene: scene) == [])
  }

  /// The checker finds what is broken.
  @Test func brokenPromisesAreFound() throws {
    struct Careless: Restorer {
      let description = MethodDescription(id: "careless", name: "", task: .denoise, citation: "", cost: "", advice: "")
      let fills: RestorationFill = [.values]
      func workingBytes(_ shape: CubeShape) -> Int { 0 }
      func restore(_ scene: Cube, noise: NoiseLevels?, _ context: RunContext) -> RestoredScene {
        RestoredScene(scene: scene)
      }
    }
    let scene = SyntheticScene.noisy(SyntheticScene.clean(lines: 6, samples: 6, bands: 4), sigma: 0.05)
    let broken = try checkRestorer(Careless(), scene: scene)
    for word in ["value is not filled", "1000 bytes", "cancelled", "no memory"] {
      #expect(broken.contains { $0.contains(word) }, "\(word): \(broken)")
    }
    #expect(broken.count == 4, "\(broken)")
  }

  @Test func namesAreUnique() {
    let names = Restorers.all.descriptions.flatMap { [$0.id] + $0.aliases }
    #expect(Set(names).count == names.count)
    let classical = Restorers.all.entries.filter { $0.models.isEmpty && $0.description.task == .denoise }
    #expect(Restorers.classical.descriptions.map(\.id) == classical.map(\.description.id))
    #expect(
      Restorers.classical.descriptions.map(\.id)
        == ["pca", "mnf", "hyres", "fasthyde", "fasthymix", "fasthyde-nlb", "fasthymix-nlb", "destripe"])
  }

  /// Values of the refined grid are those of the coarse one, and its places on the map are where they were.
  @Test func aFinerGrid() throws {
    let plain = SyntheticScene.clean(lines: 3, samples: 4, bands: 2)
    var metadata = plain.metadata
    metadata.georeference = Georeference(crs: nil, mapping: .affine([100, 10, 0, 200, 0, -10]))
    let scene = Cube(shape: plain.shape, metadata: metadata, pixels: plain.pixels, positions: plain.positions)
    let result = try Self.registry.named("double").restore(scene, noise: nil, RunContext()).scene
    #expect(result.shape == CubeShape(lines: 6, samples: 8, bands: 2) && result.count == 48)
    let corners = [(0, 0), (0, 1), (1, 0), (1, 1)].compactMap {
      result.metadata.georeference?.coordinates(line: 2 * 2 + $0.0, sample: 2 * 3 + $0.1)
    }
    let centre = try #require(scene.metadata.georeference?.coordinates(line: 2, sample: 3))
    #expect(corners.count == 4 && corners.map(\.x).reduce(0, +) / 4 == centre.x)
    #expect(corners.map(\.y).reduce(0, +) / 4 == centre.y)
    for band in 0..<2 { #expect(result.pixels[4 * 8 + 6, band] == scene.pixels[2 * 4 + 3, band]) }
  }

  @Test func missingValuesAreFilled() throws {
    let scene = SyntheticScene.clean(lines: 3, samples: 4, bands: 3)
    scene.pixels[5, 1] = .nan
    let result = try Self.registry.named("meanfill").restore(scene, noise: nil, RunContext())
    #expect(result.facts["filled"] == 1)
    let others = (0..<12).filter { $0 != 5 }.map { scene.pixels[$0, 1] }
    #expect(abs(result.scene.pixels[5, 1] - others.reduce(0, +) / 11) < 1e-6)
    for n in 0..<12 where n != 5 { for b in 0..<3 { #expect(result.scene.pixels[n, b] == scene.pixels[n, b]) } }
  }
}

/// A restorer that changes the grid: every pixel becomes two by two.
struct GridDoubling: Restorer {
  static let description = MethodDescription(
    id: "double", name: "Nearest neighbour ×2", task: .denoise, citation: "", cost: "4 N L", advice: "A test.")

  var description: MethodDescription { Self.description }
  var scale: Int { 2 }
  func workingBytes(_ shape: CubeShape) -> Int { 4 * shape.pixels * (shape.bands * 4 + 4) }

  func restore(_ scene: Cube, noise: NoiseLevels?, _ context: RunContext) throws -> RestoredScene {
    try context.checkCancellation()
    try requireMemory(for: scene.shape, pixels: scene.count, context)
    var places: [(fine: Int32, row: Int)] = []
    let (samples, width) = (scene.shape.samples, 2 * scene.shape.samples)
    for (row, position) in scene.positions.enumerated() {
      let (line, sample) = (Int(position) / samples, Int(position) % samples)
      for (i, j) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        places.append((Int32((2 * line + i) * width + 2 * sample + j), row))
      }
    }
    places.sort { $0.fine < $1.fine }
    let pixels = PixelMatrix(
      rows: places.count, columns: scene.shape.bands, values: places.flatMap { Array(scene.pixels.row($0.row)) })
    return RestoredScene(
      scene: Cube(
        shape: shape(of: scene.shape), metadata: scene.metadata.rescaled(by: 2), pixels: pixels,
        positions: places.map(\.fine)))
  }
}

/// A restorer that fills: missing values, bands and pixels take the mean of their band (0 where it has none).
struct MeanFilling: Restorer {
  static let description = MethodDescription(
    id: "meanfill", name: "Band means", task: .denoise, citation: "", cost: "N L", advice: "A test.")

  var description: MethodDescription { Self.description }
  var fills: RestorationFill { [.values, .bands, .pixels] }
  func workingBytes(_ shape: CubeShape) -> Int { shape.pixels * (shape.bands * 4 + 4) }

  func restore(_ scene: Cube, noise: NoiseLevels?, _ context: RunContext) throws -> RestoredScene {
    try context.checkCancellation()
    try requireMemory(for: scene.shape, pixels: scene.count, context)
    let (bands, grid) = (scene.shape.bands, scene.rowOfPlace())
    let means = (0..<bands).map { band -> Float in
      let values = (0..<scene.count).map { scene.pixels[$0, band] }.filter(\.isFinite)
      return values.isEmpty ? 0 : values.reduce(0, +) / Float(values.count)
    }
    let result = PixelMatrix(rows: scene.shape.pixels, columns: bands)
    var filled = 0
    for (place, row) in grid.enumerated() {
      for band in 0..<bands {
        let value = row >= 0 ? scene.pixels[Int(row), band] : .nan
        result[place, band] = value.isFinite ? value : means[band]
        if !value.isFinite { filled += 1 }
      }
    }
    return RestoredScene(
      scene: Cube(
        shape: scene.shape, metadata: scene.metadata, pixels: result,
        positions: (0..<Int32(scene.shape.pixels)).map { $0 }),
      facts: ["filled": Double(filled)])
  }
}
