import HSICore
import HSINumerics
import HSITransformer
import Testing

/// A map whose every result comes from one pixel of its input: tiles and windows cannot change it.
private struct LocalMap: ImageMap {
  var scale = 1
  var granularity = 1
  var bands = 100
  let smallestTile = 8
  let name = "local"

  func windowBands(_ count: Int) -> Int { min(count, bands) }
  func passBytes(bands: Int, rows: Int, columns: Int) -> Int { 4 * bands * rows * columns * (1 + scale * scale) }

  func callAsFunction(_ x: Tensor) -> Tensor {
    precondition(x.shape[1] % granularity == 0 && x.shape[2] % granularity == 0 && x.shape[0] <= bands)
    let (rows, columns) = (x.shape[1] * scale, x.shape[2] * scale)
    let y = Tensor.zeros([x.shape[0], rows, columns])
    for b in 0..<x.shape[0] {
      for row in 0..<rows {
        for column in 0..<columns {
          y.output[(b * rows + row) * columns + column] =
            2 * x.pointer[(b * x.shape[1] + row / scale) * x.shape[2] + column / scale]
        }
      }
    }
    return y
  }
}

@Suite struct TiledInferenceTests {
  private func value(_ band: Int, _ line: Int, _ sample: Int) -> Float {
    Float((line * 31 + sample * 7 + band * 3) % 251) / 251
  }

  /// Runs a map over a made-up image some of whose fine places are not wanted.
  private func run(
    _ map: LocalMap, _ tiles: TiledInference, _ shape: CubeShape, _ context: RunContext = RunContext()
  ) throws -> (passes: Int, values: [Float], places: [Int]) {
    let (lines, samples) = (shape.lines * map.scale, shape.samples * map.scale)
    var (rows, places): ([Int32], [Int]) = ([], [])
    for place in 0..<(lines * samples) {
      rows.append(place % 7 == 3 ? -1 : Int32(places.count))
      if place % 7 != 3 { places.append(place) }
    }
    let pixels = PixelMatrix(rows: places.count, columns: shape.bands)
    let passes = try tiles.run(
      map, shape, into: .init(pixels, rows: rows), held: 0, phase: "mapping", context
    ) { bands, planes in
      for (index, band) in bands.enumerated() {
        for line in 0..<shape.lines {
          for sample in 0..<shape.samples {
            planes[(index * shape.lines + line) * shape.samples + sample] = value(band, line, sample)
          }
        }
      }
    }
    return (passes, pixels.values, places)
  }

  @Test(arguments: [(1, 1), (1, 8), (2, 1), (2, 4), (4, 3)])
  func everyTilingGivesTheImage(_ scale: Int, _ granularity: Int) throws {
    let shape = CubeShape(lines: 29, samples: 21, bands: 9)
    for (tile, overlap, window) in [(nil, 0, 100), (8, 3, 100), (12, 32, 4), (16, 0, 2), (5, 2, 9)] {
      var tiles = TiledInference()
      (tiles.tile, tiles.tileOverlap, tiles.bandOverlap) = (tile, overlap, 1)
      let (passes, values, places) = try run(
        LocalMap(scale: scale, granularity: granularity, bands: window), tiles, shape)
      #expect((passes > 1) == (tile != nil || window < 9), "\(tile ?? 0), \(window)")
      let samples = shape.samples * scale
      for (index, place) in places.enumerated() {
        for band in 0..<shape.bands {
          let expected = 2 * value(band, place / samples / scale, place % samples / scale)
          #expect(abs(values[index * shape.bands + band] - expected) < 1e-5)
        }
      }
    }
  }

  /// Tiles are as large as the budget allows, and no larger: what is promised is what is taken.
  @Test func budget() throws {
    let shape = CubeShape(lines: 96, samples: 80, bands: 6)
    let map = LocalMap(scale: 2, granularity: 4)
    let tiles = TiledInference()
    let whole = try run(map, tiles, shape)
    #expect(whole.passes == 1)
    // Room for the program, what is held, and a tile of about a quarter of the image.
    let pass = map.passBytes(bands: 6, rows: 48, columns: 48)
    let budget = (96 << 20) + tiles.heldBytes(map, shape) + pass
    #expect(budget < (96 << 20) + tiles.heldBytes(map, shape) + map.passBytes(bands: 6, rows: 96, columns: 96))
    let pool = BufferPool()
    let tiled = try BufferPool.$current.withValue(pool) {
      try run(map, tiles, shape, RunContext(memory: MemoryBudget(bytes: budget)))
    }
    // Blocks of the pool are up to an eighth larger than what is asked for.
    let promised = 4 * shape.pixels * 6 + pass
    #expect(tiled.passes > 1 && pool.statistics.peakBytesInUse <= promised + promised / 8)
    #expect(zip(tiled.values, whole.values).allSatisfy { abs($0 - $1) < 1e-5 })
    #expect(
      tiles.workingBytes(map, shape) == tiles.heldBytes(map, shape) + map.passBytes(bands: 6, rows: 8, columns: 8))
  }

  @Test func threadsDoNotMatter() throws {
    var tiles = TiledInference()
    (tiles.tile, tiles.tileOverlap) = (9, 4)
    let results = try [1, 3].map { threads in
      try run(
        LocalMap(scale: 2, granularity: 4, bands: 3), tiles, CubeShape(lines: 20, samples: 17, bands: 7),
        RunContext(threads: threads)
      ).values
    }
    #expect(results[0] == results[1])
  }

  @Test func cancellation() {
    let context = RunContext()
    context.cancellation.cancel()
    #expect(throws: CoreError.self) {
      try run(LocalMap(), TiledInference(), CubeShape(lines: 4, samples: 4, bands: 2), context)
    }
  }
}
