/// Some full-width lines of a cube in memory: the valid pixels only, with their positions.
///
/// `pixels` is `count × bands`, physical units (scale and offset applied). `positions[i]` is the place of valid
/// pixel `i` in the window, row-major (`line · samples + sample`), ascending.
public final class Strip {
  /// The rectangle that the strip covers, in the coordinates of its source.
  public var window: PixelWindow
  /// Valid pixels × bands.
  public let pixels: PixelMatrix
  /// Places of the valid pixels in the window, ascending.
  public var positions: [Int32]

  /// An empty strip, to be filled by a source.
  public init() {
    window = PixelWindow(line: 0, sample: 0, lines: 0, samples: 0)
    pixels = PixelMatrix(rows: 0, columns: 0)
    positions = []
  }

  /// Number of valid pixels.
  public var count: Int { pixels.rows }
  /// Values per pixel.
  public var bands: Int { pixels.columns }
}

/// Anything that yields a cube strip by strip: a file, a cube in memory, a simulation.
///
/// Methods read pixels through this protocol only; they never see a file format. Lines and samples are those of the
/// region offered (a window of a file starts at 0, 0 here), bands those offered (usually the good ones). A source is
/// used by one thread at a time.
public protocol StripSource: AnyObject {
  /// Size of what is offered.
  var shape: CubeShape { get }
  /// Metadata of what is offered: one entry per offered band, georeference of the offered window.
  var metadata: CubeMetadata { get }
  /// Strip heights that are multiples of this read fastest.
  var blockLines: Int { get }
  /// Bytes that the source needs per line beside the strip itself, while reading.
  var workingBytesPerLine: Int { get }
  /// Fills `strip` with the valid pixels of `lines`.
  func read(lines: Range<Int>, into strip: Strip) throws
}

extension StripSource {
  /// The strip height that keeps one strip (and `extraBytesPerPixel` of the caller's work) within a quarter of the
  /// budget and not above 64 MiB of pixels: a multiple of `blockLines` where possible, at least 1.
  public func stripLines(_ budget: MemoryBudget, extraBytesPerPixel: Int = 0) -> Int {
    let perLine = shape.samples * (shape.bands * 4 + 5 + extraBytesPerPixel) + workingBytesPerLine
    let room = min(budget.bytes / 4, 64 << 20)
    let lines = max(1, min(shape.lines, room / max(1, perLine)))
    return lines >= blockLines ? lines / blockLines * blockLines : lines
  }

  /// Calls `body` with every strip from the first line to the last, reusing one strip's memory.
  ///
  /// - Parameters:
  ///   - context: memory budget, progress and cancellation.
  ///   - label: name of the phase in the progress display.
  ///   - extraBytesPerPixel: what `body` itself needs per pixel.
  public func forEachStrip(
    _ context: RunContext, label: String, extraBytesPerPixel: Int = 0, _ body: (Strip) throws -> Void
  ) throws {
    let perLine = shape.samples * (shape.bands * 4 + 5 + extraBytesPerPixel) + workingBytesPerLine
    // What is made of a line takes as much again.
    guard perLine <= max(context.memory.bytes / 2, 64 << 20) else {
      throw CoreError.memory(
        purpose: "one line of \(shape.samples) samples × \(shape.bands) bands", needed: .product(2, perLine),
        budget: context.memory.bytes)
    }
    let height = stripLines(context.memory, extraBytesPerPixel: extraBytesPerPixel)
    let strip = Strip()
    var line = 0
    context.progress.report(phase: label, fraction: 0)
    while line < shape.lines {
      try context.checkCancellation()
      let end = min(line + height, shape.lines)
      try read(lines: line..<end, into: strip)
      try body(strip)
      line = end
      context.progress.report(phase: label, fraction: Double(line) / Double(shape.lines))
    }
  }

  /// Reads everything into memory.
  ///
  /// - Throws: `CoreError.memory` when the pixels alone exceed the budget; `.invalidParameter` for more pixels than places can be
  ///   numbered.
  public func load(_ context: RunContext, label: String = "reading") throws -> Cube {
    let bytes = Int.product(shape.lines, shape.samples, Int.sum(Int.product(shape.bands, 4), 4))
    guard bytes <= context.memory.bytes else {
      throw CoreError.memory(
        purpose: "holding \(shape) in memory", needed: bytes, budget: context.memory.bytes)
    }
    guard shape.pixels <= Int(Int32.max) else {
      throw CoreError.invalidParameter(
        name: "\(option: "window")", value: "\(shape.samples) × \(shape.lines) pixels",
        requirement: "at most \(Int32.max) pixels for work that holds them all")
    }
    let pixels = PixelMatrix(rows: shape.pixels, columns: shape.bands)
    var positions: [Int32] = []
    positions.reserveCapacity(shape.pixels)
    var count = 0
    try forEachStrip(context, label: label) { strip in
      (pixels.pointer + count * shape.bands).update(
        from: strip.pixels.pointer, count: strip.count * shape.bands)
      let base = Int32(strip.window.line * shape.samples)
      for p in strip.positions { positions.append(base + p) }
      count += strip.count
    }
    pixels.reshape(rows: count, columns: shape.bands)
    return Cube(shape: shape, metadata: metadata, pixels: pixels, positions: positions)
  }
}

/// A cube in memory: its valid pixels (`count × bands`, physical units) and their places in the image.
public final class Cube: StripSource {
  public let shape: CubeShape
  public let metadata: CubeMetadata
  /// Valid pixels × bands.
  public let pixels: PixelMatrix
  /// Places of the valid pixels in the image (`line · samples + sample`), ascending.
  public let positions: [Int32]

  /// A cube of valid pixels.
  public init(shape: CubeShape, metadata: CubeMetadata, pixels: PixelMatrix, positions: [Int32]) {
    precondition(pixels.rows == positions.count && pixels.columns == shape.bands)
    self.shape = shape
    self.metadata = metadata
    self.pixels = pixels
    self.positions = positions
  }

  /// A cube all of whose pixels are valid; `pixels` is `lines · samples × bands`.
  public convenience init(lines: Int, samples: Int, pixels: PixelMatrix, metadata: CubeMetadata? = nil) {
    precondition(pixels.rows == lines * samples)
    self.init(
      shape: CubeShape(lines: lines, samples: samples, bands: pixels.columns),
      metadata: metadata ?? CubeMetadata(bands: pixels.columns), pixels: pixels,
      positions: (0..<Int32(lines * samples)).map { $0 })
  }

  /// Number of valid pixels.
  public var count: Int { positions.count }
  public var blockLines: Int { 1 }
  public var workingBytesPerLine: Int { 0 }

  public func read(lines: Range<Int>, into strip: Strip) throws {
    let low = lowerBound(Int32(lines.lowerBound * shape.samples))
    let high = lowerBound(Int32(lines.upperBound * shape.samples))
    strip.window = PixelWindow(line: lines.lowerBound, sample: 0, lines: lines.count, samples: shape.samples)
    strip.pixels.reshape(rows: high - low, columns: shape.bands)
    strip.pixels.pointer.update(from: pixels.pointer + low * shape.bands, count: (high - low) * shape.bands)
    let base = Int32(lines.lowerBound * shape.samples)
    strip.positions.removeAll(keepingCapacity: true)
    for i in low..<high { strip.positions.append(positions[i] - base) }
  }

  private func lowerBound(_ position: Int32) -> Int {
    var (low, high) = (0, positions.count)
    while low < high {
      let middle = (low + high) / 2
      if positions[middle] < position { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
