import HSICore
import HSINetworks
import HSINumerics
import HSIRestoration
import HSITransformer
import Testing

@Suite struct TrainingPatchesTests {
  static func recipe(bands: Int = 4, size: Int = 8) -> TrainingPatches.Recipe {
    var recipe = TrainingPatches.Recipe()
    recipe.bands = bands
    recipe.size = size
    recipe.bandStride = bands
    recipe.scales = [.init(factor: 1, stride: 8), .init(factor: 2, stride: 4)]
    return recipe
  }

  /// A scene whose value tells line, sample and band; some pixels are missing.
  static func scene(lines: Int, samples: Int, bands: Int, missing: Set<Int> = []) -> Cube {
    let places = (0..<(lines * samples)).filter { !missing.contains($0) }
    let pixels = PixelMatrix(rows: places.count, columns: bands)
    for (row, place) in places.enumerated() {
      for b in 0..<bands { pixels[row, b] = Float(place * bands + b) }
    }
    return Cube(
      shape: CubeShape(lines: lines, samples: samples, bands: bands), metadata: CubeMetadata(bands: bands),
      pixels: pixels, positions: places.map { Int32($0) })
  }

  static func copy(_ patches: TrainingPatches, _ index: Int, epoch: Int?) -> [Float] {
    var values = [Float](repeating: -1, count: patches.valuesPerPatch)
    values.withUnsafeMutableBufferPointer { patches.copy(index, epoch: epoch, to: $0.baseAddress!) }
    return values
  }

  /// The count of HSDT's recipe: 256 + 225 + 49 patches of a 1024 × 1024 image.
  @Test func countsOfTheRecipe() throws {
    let scene = Cube(
      lines: 1024, samples: 1024,
      pixels: {
        let pixels = PixelMatrix(rows: 1024 * 1024, columns: 1)
        pixels.pointer[0] = 1
        return pixels
      }())
    var recipe = TrainingPatches.Recipe()
    recipe.bands = 1
    let patches = try TrainingPatches([scene], recipe: recipe)
    #expect(patches.count == 530)
    #expect((0..<3).map { s in patches.places.filter { $0.scale == s }.count } == [256, 225, 49])
  }

  /// Full-size patches hold exactly the pixels of their place, scaled to [0, 1]; half-size ones means of four.
  @Test func valuesAreThoseOfThePlace() throws {
    let (lines, samples, bands) = (26, 33, 9)
    let patches = try TrainingPatches(
      [Self.scene(lines: lines, samples: samples, bands: bands)], recipe: Self.recipe())
    let top = Float(lines * samples * bands - 1)
    #expect(patches.places.contains { $0.scale == 1 })
    for (index, place) in patches.places.enumerated() {
      let values = Self.copy(patches, index, epoch: nil)
      for b in 0..<4 {
        for row in 0..<8 {
          for column in 0..<8 {
            let factor = place.scale + 1
            let (line, sample) = (factor * (place.line + row), factor * (place.sample + column))
            var mean: Float = 0
            for i in 0..<factor {
              for j in 0..<factor {
                mean += Float(((line + i) * samples + sample + j) * bands + place.firstBand + b)
              }
            }
            mean /= Float(factor * factor) * top
            #expect(abs(values[(b * 8 + row) * 8 + column] - mean) < 1e-6)
          }
        }
      }
    }
  }

  /// Full coverage of what is possible, and never an invalid pixel: against a check pixel by pixel.
  @Test(arguments: 0..<4) func invalidPixelsAreAvoided(seed: Int) throws {
    let (lines, samples) = (40, 37)
    var random = CounterRandom(seed: UInt64(seed))
    let missing = Set((0..<4).map { _ in random.index(below: lines * samples) })
    let recipe = Self.recipe()
    let patches = try TrainingPatches(
      [Self.scene(lines: lines, samples: samples, bands: 4, missing: missing)], recipe: recipe)
    var expected: [[Int]] = []
    for (index, scale) in recipe.scales.enumerated() {
      for line in stride(from: 0, through: lines / scale.factor - 8, by: scale.stride) {
        for sample in stride(from: 0, through: samples / scale.factor - 8, by: scale.stride) {
          let isFree = !missing.contains { place in
            let (l, s) = (place / samples / scale.factor, place % samples / scale.factor)
            return (line..<(line + 8)).contains(l) && (sample..<(sample + 8)).contains(s)
          }
          if isFree { expected.append([index, line, sample]) }
        }
      }
    }
    #expect(patches.places.map { [$0.scale, $0.line, $0.sample] } == expected)
    #expect(expected.count < 30)
  }

  @Test func bandWindows() throws {
    var recipe = Self.recipe()
    recipe.scales = [.init(factor: 1, stride: 8)]
    recipe.bandSteps = [1, 3]
    let patches = try TrainingPatches([Self.scene(lines: 8, samples: 8, bands: 11)], recipe: recipe)
    #expect(
      patches.places.map { [$0.firstBand, $0.bandStep] } == [[0, 1], [4, 1], [7, 1], [0, 3], [1, 3]])
    let values = Self.copy(patches, 4, epoch: nil)
    let bands = (0..<4).map { (values[$0 * 64] * Float(64 * 11 - 1)).rounded() }
    #expect(bands == [1, 4, 7, 10])
    #expect(throws: RestorationError.self) {
      try TrainingPatches([Self.scene(lines: 8, samples: 8, bands: 3)], recipe: recipe)
    }
    let exact = try TrainingPatches([Self.scene(lines: 8, samples: 8, bands: 4)], recipe: recipe)
    #expect(exact.count == 1)
  }

  /// Patch and epoch decide everything: order, augmentation and noise seed.
  @Test func patchesArePureFunctions() throws {
    let scene = Self.scene(lines: 40, samples: 40, bands: 9)
    let (a, b) = (
      try TrainingPatches([scene], recipe: Self.recipe(), seed: 3),
      try TrainingPatches([scene], recipe: Self.recipe(), seed: 3)
    )
    #expect(a.order(epoch: 4) == b.order(epoch: 4) && a.order(epoch: 4) != a.order(epoch: 5))
    #expect(a.order(epoch: 4).sorted() == Array(0..<a.count))
    for index in [0, 7, a.count - 1] {
      #expect(Self.copy(a, index, epoch: 6) == Self.copy(b, index, epoch: 6))
      var expected = [Float](repeating: 0, count: a.valuesPerPatch)
      expected.withUnsafeMutableBufferPointer {
        PatchSymmetry(seed: 3, epoch: 6, patch: index)
          .apply(Self.copy(a, index, epoch: nil), to: $0.baseAddress!, bands: 4, size: 8)
      }
      #expect(Self.copy(a, index, epoch: 6) == expected)
    }
    let seeds = Set((0..<10).flatMap { e in (0..<a.count).map { a.noiseSeed($0, epoch: e) } })
    #expect(seeds.count == 10 * a.count)
  }

  @Test func unusableScenesAndRecipes() throws {
    let constant = Cube(lines: 8, samples: 8, pixels: PixelMatrix(rows: 64, columns: 4))
    #expect(throws: RestorationError.self) { try TrainingPatches([constant], recipe: Self.recipe()) }
    var recipe = Self.recipe()
    recipe.bandStride = 0
    #expect(throws: CoreError.self) {
      try TrainingPatches([Self.scene(lines: 8, samples: 8, bands: 4)], recipe: recipe)
    }
    let small = try TrainingPatches([Self.scene(lines: 7, samples: 90, bands: 4)], recipe: Self.recipe())
    #expect(small.count == 0 && small.order(epoch: 0).isEmpty)
  }
}
