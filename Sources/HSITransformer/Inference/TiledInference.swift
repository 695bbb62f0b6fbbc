import HSICore
import HSINumerics

/// Applies an `ImageMap` to images of any size and number of bands within a memory budget.
///
/// An image of more bands than a pass takes is mapped in overlapping windows of bands; one whose pass does not fit the budget is
/// cut into tiles. Rows and columns of a piece are padded by reflection to the granularity of the network. Pieces are blended
/// linearly where they overlap. What a `PoolingImageMap` pools over the image is collected in a first pass over all tiles, so that tiles
/// change the result only slightly; it takes twice the time. The result does not depend on the number of threads.
///
/// Memory beside the caller's: `heldBytes` while it runs, and `ImageMap.passBytes` of the largest piece.
public struct TiledInference: Sendable {
  /// Pixels that neighbouring tiles share; at most half of a tile.
  public var tileOverlap = 32
  /// Bands that neighbouring windows share; at least one less than a window.
  public var bandOverlap = 16
  /// Largest edge of a tile; nil for what the memory budget allows.
  public var tile: Int?
  /// Whether networks that pool over an image do so over all tiles, in a pass of its own; else over each tile.
  public var poolsTiles = true

  /// Tiles that the budget allows, 32 shared pixels, 16 shared bands.
  public init() {}

  /// What a program with its libraries takes before it holds any data: tiles leave room for it where they can.
  private static let programBytes = 96 << 20

  // MARK: - The memory promise

  /// Bytes of everything but the passes: the result, one window of bands as full images, and the rows of the result's places.
  public func heldBytes(_ map: some ImageMap, _ shape: CubeShape) -> Int {
    shape.pixels * (map.scale * map.scale * (4 * shape.bands + 4) + 4 * map.windowBands(shape.bands))
  }

  /// Bytes that an image needs at the least: `heldBytes` and a pass over the smallest tile.
  public func workingBytes(_ map: some ImageMap, _ shape: CubeShape) -> Int {
    heldBytes(map, shape) + tileBytes(map, edge: map.smallestTile, bands: map.windowBands(shape.bands))
  }

  /// Bytes of a pass over a square tile.
  private func tileBytes(_ map: some ImageMap, edge: Int, bands: Int) -> Int {
    let padded = TiledInference.padded(edge, map)
    return map.passBytes(bands: bands, rows: padded, columns: padded)
  }

  /// The largest edge of a tile whose pass fits the budget of a context beside `held` bytes of the caller and of this.
  private func edge(_ map: some ImageMap, _ shape: CubeShape, held: Int, _ context: RunContext) -> Int {
    let whole = TiledInference.padded(max(shape.lines, shape.samples), map)
    if let tile { return min(max(tile, map.granularity) / map.granularity * map.granularity, whole) }
    let bands = map.windowBands(shape.bands)
    let left = context.memory.bytes - held - heldBytes(map, shape) - TiledInference.programBytes
    var edge = whole
    while edge > map.smallestTile, tileBytes(map, edge: edge, bands: bands) > left {
      edge = max(map.smallestTile, edge * 7 / 8)
    }
    guard edge < whole else { return whole }
    edge = max(map.smallestTile, edge / map.granularity * map.granularity)
    context.logger.info("\(map.name): tiles of \(edge) × \(edge) pixels keep the work within \(context.memory)")
    return edge
  }

  // MARK: - The passes

  /// Where results go: pixels × bands, and for each place of the result's grid the row of its pixel or −1.
  public struct Target: Sendable {
    let pixels: PixelMatrix
    let rows: [Int32]

    /// Results are added to `pixels`, which are to be zero.
    ///
    /// - Parameter rows: `lines · scale × samples · scale` places, row-major.
    public init(_ pixels: PixelMatrix, rows: [Int32]) {
      self.pixels = pixels
      self.rows = rows
    }
  }

  /// Maps an image.
  ///
  /// - Parameters:
  ///   - shape: the image.
  ///   - held: bytes that the caller holds meanwhile.
  ///   - phase: what progress is reported as.
  ///   - fill: writes some bands as full images `[bands, lines, samples]`, no value missing.
  /// - Returns: the number of passes.
  /// - Throws: `CoreError.cancelled`.
  public func run(
    _ map: some ImageMap, _ shape: CubeShape, into target: Target, held: Int, phase: String, _ context: RunContext,
    fill: (Range<Int>, UnsafeMutablePointer<Float>) throws -> Void
  ) throws -> Int {
    let claim = context.claimThreads()
    defer { claim.release() }
    let (lines, samples, scale) = (shape.lines, shape.samples, map.scale)
    precondition(target.rows.count == shape.pixels * scale * scale && target.pixels.columns == shape.bands)
    let window = map.windowBands(shape.bands)
    let edge = edge(map, shape, held: held, context)
    // Tiles begin at multiples of the granularity, so that windows and strides of the network lie as in the whole image.
    let overlap = min(tileOverlap, edge / 2) / map.granularity * map.granularity
    let (height, width) = (TiledInference.padded(lines, map), TiledInference.padded(samples, map))
    let rows = Segments(length: height, size: min(edge, height), overlap: overlap)
    let columns = Segments(length: width, size: min(edge, width), overlap: overlap)
    let spectral = Segments(length: shape.bands, size: window, overlap: min(bandOverlap, window - 1))
    let weights = Weights(rows: rows.scaled(by: scale), columns: columns.scaled(by: scale), bands: spectral)
    let pieces = rows.starts.flatMap { line in columns.starts.map { (line: line, sample: $0) } }
    let pooled = poolsTiles && pieces.count > 1 ? map as? any PoolingImageMap : nil
    let total = pieces.count * spectral.starts.count * (pooled == nil ? 1 : 2)
    var done = 0
    var planes = Tensor(uninitialised: [spectral.size, lines, samples])
    func step() {
      done += 1
      context.progress.report(
        phase: phase, fraction: Double(done) / Double(total), detail: total > 1 ? "piece \(done) of \(total)" : nil)
    }
    for band in spectral.starts {
      try planes.withMutableValues { try fill(band..<(band + spectral.size), $0.baseAddress!) }
      func place(_ piece: (line: Int, sample: Int)) -> Place {
        Place(
          band: band, line: piece.line, sample: piece.sample, bands: spectral.size, lines: rows.size,
          samples: columns.size)
      }
      var pooling: ChannelPooling?
      if let pooled {
        let sums = ChannelPooling()
        for piece in pieces {
          try context.checkCancellation()
          sums.beginPass(line: piece.line, sample: piece.sample, of: (height, width))
          _ = pooled(padded(planes, place(piece), map), sums)
          step()
        }
        sums.complete()
        pooling = sums
      }
      for piece in pieces {
        try context.checkCancellation()
        let image = padded(planes, place(piece), map)
        pooling?.beginPass(line: piece.line, sample: piece.sample, of: (height, width))
        let result = pooling.flatMap { sums in pooled?(image, sums) } ?? map(image)
        blend(result, place(piece), scale, weights, into: target, samples: samples * scale)
        step()
      }
    }
    // What follows in a program has the memory of the passes at its disposal.
    planes = Tensor.zeros([1])
    BufferPool.current.trim()
    return total
  }

  /// A box of the image.
  private struct Place {
    var band, line, sample, bands, lines, samples: Int
  }

  /// The blending weights along the three axes of the result.
  private struct Weights {
    var rows, columns, bands: Segments
  }

  private static func padded(_ extent: Int, _ map: some ImageMap) -> Int {
    (extent + map.granularity - 1) / map.granularity * map.granularity
  }

  /// A box, what lies beyond the image by reflection.
  private func padded(_ planes: Tensor, _ place: Place, _ map: some ImageMap) -> Tensor {
    let (lines, samples) = (planes.shape[1], planes.shape[2])
    let x = Tensor(uninitialised: [place.bands, place.lines, place.samples])
    for b in 0..<place.bands {
      let plane = planes.pointer + b * lines * samples
      for row in 0..<place.lines {
        let from = plane + reflected(place.line + row, lines) * samples
        let to = x.output + (b * place.lines + row) * place.samples
        for column in 0..<place.samples { to[column] = from[reflected(place.sample + column, samples)] }
      }
    }
    return x
  }

  /// Mirror image about the last sample: 0 1 2 3 2 1 …, whatever the distance.
  private func reflected(_ index: Int, _ count: Int) -> Int {
    guard count > 1 else { return 0 }
    let period = 2 * (count - 1)
    let place = index % period
    return place < count ? place : period - place
  }

  /// Adds the result of a box with its weights to the pixels; what came from padding is left out.
  private func blend(
    _ result: Tensor, _ place: Place, _ scale: Int, _ weights: Weights, into target: Target, samples: Int
  ) {
    let (line, sample) = (place.line * scale, place.sample * scale)
    let height = target.rows.count / samples
    let (lines, width) = (min(place.lines * scale, height - line), min(place.samples * scale, samples - sample))
    let (stride, plane) = (result.shape[2], result.shape[1] * result.shape[2])
    let across = (0..<width).map { weights.columns.weight($0, from: sample) }
    let depth = (0..<place.bands).map { weights.bands.weight($0, from: place.band) }
    let (pixels, bands) = (target.pixels, target.pixels.columns)
    Parallel.forEach(lines) { row in
      let factor = weights.rows.weight(row, from: line)
      for column in 0..<width {
        let index = Int(target.rows[(line + row) * samples + sample + column])
        guard index >= 0 else { continue }
        let from = result.pointer + row * stride + column
        let to = pixels.pointer + index * bands + place.band
        let weight = factor * across[column]
        for b in 0..<place.bands { to[b] += depth[b] * weight * from[b * plane] }
      }
    }
  }
}
