import HSICore

/// Lines of a GeoTIFF that wait until a row of its blocks is complete: in memory, or in a scratch file where a row is larger than
/// its share of the budget. Either way they are handed on in the same parts and the same order.
final class TileRow {
  /// A part of a row that is ready: samples of some bands, whole blocks wide.
  struct Part {
    var bytes: UnsafeMutableRawPointer
    var samples: Range<Int>
    var bands: Range<Int>
    /// Bytes from one pixel, line and band to the next.
    var strides: (pixel: Int, line: Int, band: Int)
  }

  /// Bytes that are handed on at a time, or a block.
  static let partBytes = 16 << 20

  private let shape: CubeShape
  private let type: SampleType
  private let rows: Int
  private let blockSamples: Int
  private let isPixelInterleaved: Bool
  private let path: String
  private let isHeld: Bool
  private let block = StoredBlock()
  private var scratch: ScratchFile?

  /// A row of `rows` lines of an image.
  ///
  /// - Parameters:
  ///   - blockSamples: width of a block.
  ///   - room: bytes that a row may take in memory.
  init(
    path: String, shape: CubeShape, type: SampleType, rows: Int, blockSamples: Int, isPixelInterleaved: Bool, room: Int
  ) {
    (self.path, self.shape, self.type, self.rows) = (path, shape, type, rows)
    self.blockSamples = max(1, min(blockSamples, shape.samples))
    self.isPixelInterleaved = isPixelInterleaved || shape.bands == 1
    isHeld = Int.product(rows, shape.samples, shape.bands, type.size) <= room
  }

  private var interleave: Interleave { isPixelInterleaved ? .bip : .bsq }

  /// Takes some lines, or a part of one.
  ///
  /// - Parameters:
  ///   - first: line of the block where they begin.
  ///   - place: line of the row where they go.
  ///   - samples: samples of the image that the block holds.
  /// - Throws: the errors of `ScratchFile`.
  func put(_ source: StoredBlock, first: Int, lines: Int, at place: Int, samples: Range<Int>) throws {
    if isHeld {
      if place == 0, samples.lowerBound == 0 {
        block.prepare(type: type, interleave: interleave, lines: rows, samples: shape.samples, bands: shape.bands)
      }
      block.copySamples(
        from: source, first: first, to: place, lines: lines, samples: samples.count, bands: shape.bands,
        targetSample: samples.lowerBound)
      return
    }
    let (width, size) = (shape.samples, type.size)
    let file = try scratch ?? ScratchFile(for: path, size: .product(rows, width, shape.bands, size))
    scratch = file
    let pixel = shape.bands * size
    let pieces = StripPiece.of(
      0..<lines, samples: samples, height: lines, bytesPerPixel: pixel, room: TileRow.partBytes)
    for piece in pieces {
      let (count, height) = (piece.samples.count, piece.lines.count)
      block.prepare(type: type, interleave: interleave, lines: height, samples: count, bands: shape.bands)
      block.copySamples(
        from: source, first: first + piece.lines.lowerBound, lines: height, samples: count, bands: shape.bands,
        sample: piece.samples.lowerBound - samples.lowerBound)
      let start = UnsafeRawPointer(block.bytes.baseAddress!)
      func write(_ from: Int, _ bytes: Int, at offset: Int) throws {
        try file.write(UnsafeRawBufferPointer(start: start + from, count: bytes), at: offset)
      }
      // Whole lines lie behind one another in the file as in the block.
      let (runs, run) = count == width ? (1, height) : (height, 1)
      let top = place + piece.lines.lowerBound
      for i in 0..<runs {
        let at = (top + i) * width + piece.samples.lowerBound
        if isPixelInterleaved {
          try write(i * count * pixel, run * count * pixel, at: at * pixel)
        } else {
          for b in 0..<shape.bands {
            try write((b * height + i) * count * size, run * count * size, at: (b * rows * width + at) * size)
          }
        }
      }
    }
  }

  /// Hands on the lines that were put.
  ///
  /// - Parameter lines: lines of the row, fewer than `rows` at the end of the image.
  func deliver(lines: Int, _ body: (Part) throws -> Void) throws {
    if isHeld, let bytes = block.bytes.baseAddress {
      return try TileRow.parts(
        of: bytes, strides: (block.pixelStride, block.lineStride, block.bandStride), lines: lines, self, body)
    }
    guard let file = scratch else { return }
    let (width, size) = (shape.samples, type.size)
    try forEachPart(lines) { samples, bands in
      let pixel = bands.count * size
      block.prepare(type: type, interleave: .bip, lines: lines, samples: samples.count, bands: bands.count)
      let target = block.bytes.baseAddress!
      let plane = isPixelInterleaved ? 0 : bands.lowerBound * rows * width
      let (runs, run) = samples.count == width ? (1, lines) : (lines, 1)
      for i in 0..<runs {
        try file.read(
          UnsafeMutableRawBufferPointer(
            start: target + i * samples.count * pixel, count: run * samples.count * pixel),
          at: (plane + i * width + samples.lowerBound) * pixel)
      }
      try body(
        Part(
          bytes: target, samples: samples, bands: bands,
          strides: (block.pixelStride, block.lineStride, block.bandStride)))
    }
  }

  /// Hands on lines that lie in memory as they are.
  static func parts(
    of bytes: UnsafeMutableRawPointer, strides: (pixel: Int, line: Int, band: Int), lines: Int, _ row: TileRow,
    _ body: (Part) throws -> Void
  ) throws {
    try row.forEachPart(lines) { samples, bands in
      try body(
        Part(
          bytes: bytes + samples.lowerBound * strides.pixel + bands.lowerBound * strides.band, samples: samples,
          bands: bands, strides: strides))
    }
  }

  /// The parts of a row in the order of the blocks in the file: all bands of some columns, or some columns of a band.
  private func forEachPart(_ lines: Int, _ body: (_ samples: Range<Int>, _ bands: Range<Int>) throws -> Void) rethrows {
    let together = isPixelInterleaved ? shape.bands : 1
    let blocks = max(1, TileRow.partBytes / max(1, Int.product(lines, blockSamples, together, type.size)))
    let step = Int.product(blocks, blockSamples)
    for band in stride(from: 0, to: shape.bands, by: together) {
      for left in stride(from: 0, to: shape.samples, by: step) {
        try body(left..<min(shape.samples, Int.sum(left, step)), band..<(band + together))
      }
    }
  }
}
