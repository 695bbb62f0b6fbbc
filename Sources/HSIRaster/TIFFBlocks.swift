import Foundation
import HSICore
import HSINumerics
import Synchronization

/// The samples of a local GeoTIFF read past GDAL, on all threads: what is not packed straight from its place in the file, ZSTD and
/// DEFLATE a block at a time per thread. Which blocks those are is `TIFFLayout`'s knowledge; a block that is not what it should be
/// is left to GDAL, which knows what to say.
///
/// Memory: a block unpacked and packed per thread, and a row of blocks where requests are lower than blocks. Results do not depend on the number of threads.
final class TIFFBlocks {
  /// A part of the image that one thread reads.
  private struct Piece {
    /// Its block, the first of several for strips that lie behind one another.
    var block: Int
    /// First byte of the first of its lines, from the left border of the block; nil for packed blocks.
    var start: Int?
    var lines: Range<Int>
    var samples: Range<Int>
    /// First line and sample of the block.
    var origin: (line: Int, sample: Int)
    /// Bands of the request that it holds.
    var bands: Range<Int>
  }

  /// Where samples go: the block of the request.
  struct Target {
    var base: UnsafeMutableRawPointer
    var strides: (line: Int, pixel: Int, band: Int)
    var window: PixelWindow
    let bands: [Int]
    /// Bands that follow one another in the file.
    let runs: [(position: Int, band: Int, count: Int)]

    init(base: UnsafeMutableRawPointer, strides: (line: Int, pixel: Int, band: Int), window: PixelWindow, bands: [Int])
    {
      (self.base, self.strides, self.window, self.bands) = (base, strides, window, bands)
      runs = ENVIReader.runs(bands)
    }

    func place(_ line: Int, _ sample: Int, _ band: Int) -> UnsafeMutableRawPointer {
      base + (line - window.line) * strides.line + (sample - window.sample) * strides.pixel + band * strides.band
    }
  }

  private static let pieceBytes = 1 << 20

  let layout: TIFFLayout
  private let file: ByteSource
  /// Most codecs at a time.
  private let most: Int
  private let idle = Mutex<[BlockCodec]>([])

  /// Blocks of which a part was asked for: the next request may want the lines below. In the order in which they came.
  private struct Held {
    var blocks: [Int: BlockSamples] = [:]
    var order: [Int] = []
  }

  private let held = Mutex(Held())
  /// Most of them: a row of blocks, as far as the budget goes.
  private let mostHeld: Int
  /// A sample of a block that was not written, once it is known; whoever has it is the only one that asks GDAL.
  private let missing = Mutex<[UInt8]>([])

  /// The blocks of a file; nil where they are not understood, or are others than GDAL sees, or larger than a share of the budget.
  init?(_ path: String, shape: CubeShape, rasters: Int, sampleSize: Int, context: RunContext) {
    guard !path.hasPrefix("/vsi"), let file = try? ByteSource(path), let layout = TIFFLayout(file),
      layout.lines == shape.lines, layout.samples == shape.samples, layout.bands == rasters,
      layout.sampleSize == sampleSize, BlockCodec.knows(layout.codec)
    else { return nil }
    most = layout.codec == .none ? .max : context.memory.bytes / 8 / max(1, BlockCodec.size(layout))
    guard most > 0 else { return nil }
    let row = Int.product(layout.blocksAcross, layout.hasPlanes ? layout.bands : 1)
    mostHeld = layout.codec == .none ? 0 : min(row, context.memory.bytes / 8 / max(1, BlockCodec.size(layout) / 2))
    (self.file, self.layout) = (file, layout)
  }

  /// Reads a window.
  ///
  /// - Parameter other: reads a part (window, bands of the request) into its place some other way; on the calling thread, one at a time.
  func read(_ target: Target, _ other: (PixelWindow, Range<Int>) throws -> Void) throws {
    let pieces = plan(target)
    let threads = max(1, min(Parallel.threads, most, pieces.count))
    let left = Mutex<[Int]>([])
    Parallel.forEach(pieces.count, threads: threads) { i in
      if !self.read(pieces[i], target) { left.withLock { $0.append(i) } }
    }
    let rest = left.withLock { $0.sorted() }
    guard !rest.isEmpty else { return }
    try missing.withLock { missing in try self.finish(rest.map { pieces[$0] }, target, &missing, other) }
  }

  /// Fills what was not written, and leaves the rest to GDAL.
  private func finish(
    _ pieces: [Piece], _ target: Target, _ missing: inout [UInt8], _ other: (PixelWindow, Range<Int>) throws -> Void
  ) throws {
    for piece in pieces {
      let part = PixelWindow(
        line: piece.lines.lowerBound, sample: piece.samples.lowerBound, lines: piece.lines.count,
        samples: piece.samples.count)
      guard isUnwritten(piece.block) else {
        try other(part, piece.bands)
        continue
      }
      if missing.isEmpty {
        try other(PixelWindow(line: part.line, sample: part.sample, lines: 1, samples: 1), piece.bands)
        let first = target.place(part.line, part.sample, piece.bands.lowerBound)
        missing = Array(UnsafeRawBufferPointer(start: first, count: layout.sampleSize))
      }
      fill(piece, target, missing)
    }
  }

  private func isUnwritten(_ block: Int) -> Bool { layout.offsets[block] == 0 && layout.counts[block] == 0 }

  private func fill(_ piece: Piece, _ target: Target, _ missing: [UInt8]) {
    let row = missing.count * piece.bands.count * piece.samples.count
    let values = [UInt8](unsafeUninitializedCapacity: row) { buffer, filled in
      for i in 0..<row { buffer[i] = missing[i % missing.count] }
      filled = row
    }
    values.withUnsafeBytes { values in
      for line in piece.lines {
        target.place(line, piece.samples.lowerBound, piece.bands.lowerBound)
          .copyMemory(from: values.baseAddress!, byteCount: row)
      }
    }
  }

  // MARK: - What is read by whom

  private func plan(_ target: Target) -> [Piece] {
    let window = target.window
    let columns = window.sample / layout.blockSamples...(window.sample + window.samples - 1) / layout.blockSamples
    let rows = window.line / layout.blockLines...(window.line + window.lines - 1) / layout.blockLines
    let pixel = layout.bandsTogether * layout.sampleSize
    let pitch = layout.blockSamples * pixel
    var pieces: [Piece] = []
    for plane in 0..<(layout.hasPlanes ? target.bands.count : 1) {
      let bands = layout.hasPlanes ? plane..<(plane + 1) : 0..<target.bands.count
      let first = layout.hasPlanes ? target.bands[plane] * layout.blocksDown * layout.blocksAcross : 0
      for row in rows {
        let top = row * layout.blockLines
        let lines = max(top, window.line)..<min(top + layout.blockLines, window.line + window.lines)
        for column in columns {
          let block = first + row * layout.blocksAcross + column
          let left = column * layout.blockSamples
          let samples = max(left, window.sample)..<min(left + layout.blockSamples, window.sample + window.samples)
          var piece = Piece(
            block: block, start: nil, lines: lines, samples: samples, origin: (top, left), bands: bands)
          guard layout.codec == .none else {
            pieces.append(piece)
            continue
          }
          let begin = layout.offsets[block]
          // Too short for what it should hold: GDAL's matter.
          let isWhole = begin > 0 && layout.counts[block] >= layout.height(ofRow: row) * pitch
          if isWhole, let last = pieces.last, let from = last.start, from > 0, last.bands == bands, !layout.isTiled,
            last.lines.upperBound == top, from + last.lines.count * pitch == begin, lines.lowerBound == top,
            (last.lines.count + lines.count) * pitch <= TIFFBlocks.pieceBytes
          {
            pieces[pieces.count - 1].lines = last.lines.lowerBound..<lines.upperBound
            continue
          }
          let height = isWhole ? max(1, TIFFBlocks.pieceBytes / max(1, pitch)) : lines.count
          for line in stride(from: lines.lowerBound, to: lines.upperBound, by: height) {
            piece.lines = line..<min(lines.upperBound, line + height)
            piece.start = isWhole ? begin + (line - top) * pitch : 0
            pieces.append(piece)
          }
        }
      }
    }
    return pieces
  }

  // MARK: - A thread's work

  /// False where GDAL has to read it.
  private func read(_ piece: Piece, _ target: Target) -> Bool {
    guard !isUnwritten(piece.block) else { return false }
    if let start = piece.start { return start > 0 && copy(piece, start, target) }
    let height = layout.height(ofRow: piece.origin.line / layout.blockLines)
    let isPart = piece.lines.count < height
    if isPart, let block = held.withLock({ $0.blocks[piece.block] }) {
      scatter(block, piece, target)
      return true
    }
    let codec = idle.withLock { $0.popLast() } ?? BlockCodec(layout)
    defer { idle.withLock { $0.append(codec) } }
    guard codec.unpack(piece.block, rows: height, from: file) else { return false }
    scatter(codec.samples, piece, target)
    if isPart, mostHeld > 0 {
      let block = codec.samples
      codec.samples = BlockSamples(layout)
      held.withLock { held in
        if held.blocks.updateValue(block, forKey: piece.block) == nil { held.order.append(piece.block) }
        while held.order.count > mostHeld { held.blocks[held.order.removeFirst()] = nil }
      }
    }
    return true
  }

  /// Puts the lines of a block where they belong.
  private func scatter(_ block: BlockSamples, _ piece: Piece, _ target: Target) {
    guard let samples = block.bytes.baseAddress else { return }
    let pixel = layout.bandsTogether * layout.sampleSize
    let pitch = layout.blockSamples * pixel
    let left = (piece.samples.lowerBound - piece.origin.sample) * pixel
    for line in piece.lines {
      gather(samples + (line - piece.origin.line) * pitch + left, piece, line, target)
    }
  }

  /// Copies what is not packed.
  private func copy(_ piece: Piece, _ start: Int, _ target: Target) -> Bool {
    let pixel = layout.bandsTogether * layout.sampleSize
    let pitch = layout.blockSamples * pixel
    let row = piece.samples.count * pixel
    let skip = (piece.samples.lowerBound - piece.origin.sample) * pixel
    func place(_ line: Int) -> UnsafeMutableRawPointer {
      target.place(line, piece.samples.lowerBound, piece.bands.lowerBound)
    }
    do {
      guard takesAll(target) else {
        let scratch = UnsafeMutableRawPointer.allocate(byteCount: row, alignment: 64)
        defer { scratch.deallocate() }
        for line in piece.lines {
          try file.read(scratch, count: row, offset: start + (line - piece.lines.lowerBound) * pitch + skip)
          gather(scratch, piece, line, target)
        }
        return true
      }
      if row == pitch, target.strides.line == row {
        try file.read(place(piece.lines.lowerBound), count: row * piece.lines.count, offset: start)
      } else if row == pitch {
        var parts = piece.lines.map { iovec(iov_base: place($0), iov_len: row) }
        try file.read(&parts, offset: start)
      } else {
        for line in piece.lines {
          try file.read(place(line), count: row, offset: start + (line - piece.lines.lowerBound) * pitch + skip)
        }
      }
      return true
    } catch {
      return false
    }
  }

  /// Whether pixels go to the target as they are.
  private func takesAll(_ target: Target) -> Bool {
    layout.bandsTogether == 1 || target.bands.count == layout.bands && target.runs.count == 1
  }

  /// Puts the pixels of a line where they belong, the bands that are wanted of each.
  private func gather(_ line: UnsafeMutableRawPointer, _ piece: Piece, _ number: Int, _ target: Target) {
    let size = layout.sampleSize
    let pixel = layout.bandsTogether * size
    let to = target.place(number, piece.samples.lowerBound, piece.bands.lowerBound)
    guard !takesAll(target) else {
      to.copyMemory(from: line, byteCount: piece.samples.count * pixel)
      return
    }
    for run in target.runs {
      let (from, into) = (line + run.band * size, to + run.position * size)
      for j in 0..<piece.samples.count {
        (into + j * target.strides.pixel).copyMemory(from: from + j * pixel, byteCount: run.count * size)
      }
    }
  }
}
