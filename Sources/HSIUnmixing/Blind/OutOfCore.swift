import HSICore
import HSINumerics

/// Blind unmixing of a scene that exceeds the memory budget: factorise a fixed sample of whole lines, then solve
/// every pixel in strips with the endmembers found.
struct OutOfCore {
  private let source: any StripSource
  private let method: any BlindUnmixer
  private let count: Int
  private let options: BlindOptions
  private let context: RunContext
  private let lines: LineSample

  /// - Throws: `CoreError.memory` when not even one block of lines fits the budget.
  init(
    _ source: any StripSource, _ method: any BlindUnmixer, count: Int, options: BlindOptions, _ context: RunContext
  ) throws {
    self.source = source
    self.method = method
    self.count = count
    self.options = options
    self.context = context
    let shape = source.shape
    // A quarter of the budget stays free for reading.
    let room = context.memory.bytes / 4 * 3
    func bytes(_ sample: LineSample) -> Int {
      BlindUnmixing.needed(method, pixels: sample.count * shape.samples, bands: shape.bands, count: count)
    }
    var (low, high) = (0.0, 1.0)
    for _ in 0..<20 {
      let middle = (low + high) / 2
      if bytes(LineSample(lines: shape.lines, keeping: middle)) <= room { low = middle } else { high = middle }
    }
    lines = LineSample(lines: shape.lines, keeping: low)
    guard bytes(lines) <= room else {
      throw CoreError.memory(
        purpose: "\(type(of: method).description.id) on a sample of \(lines.count) lines of \(shape)",
        needed: bytes(lines) / 3 * 4, budget: context.memory.bytes)
    }
  }

  func run(_ deliver: (UnmixedStrip) throws -> Void) throws -> BlindSummary {
    var sample: Cube? = try load()
    guard let scene = sample else { throw CoreError.cancelled }
    let sampled = scene.count
    context.logger.info(
      "the scene exceeds \(context.memory): factorising \(sampled) pixels of \(lines.count) lines, then solving all")
    let prepared = try BlindUnmixing.prepare(scene, count: count, options, context)
    let start = try options.start.make(scene, count: count, unitLength: options.unitLength, context)
    let result = try method.unmix(scene, count: count, start: start, context)
    sample = nil
    let (order, endmembers) = BlindUnmixing.sorted(result.endmembers, result.abundances)
    let solver = try result.pixelSolver ?? WeightedPixelSolver(result.endmembers, result.channelWeights)

    let residual = Residual(endmembers)
    let abundances = PixelMatrix(rows: 0, columns: count)
    var totals = BlindUnmixing.Totals(count: count)
    var negatives = 0
    try source.forEachStrip(context, label: "abundances", extraBytesPerPixel: 40 * count + 60) { strip in
      negatives += RobustStart.clipNegatives(strip.pixels)
      if let kept = prepared.kept { RobustStart.normalise(strip.pixels, kept: kept) }
      let guidance = try solver.solve(strip.pixels, into: abundances)
      BlindUnmixing.permute(abundances, order)
      let rmse = residual.rmse(strip.pixels, abundances)
      totals.add(abundances, rmse)
      try deliver(
        UnmixedStrip(
          window: strip.window, positions: strip.positions, abundances: abundances, rmse: rmse, guidance: guidance))
    }
    return totals.summary(endmembers, result, start, sampled: sampled, options, negatives: negatives)
  }

  /// The valid pixels of the chosen lines, at their places in the image.
  private func load() throws -> Cube {
    let shape = source.shape
    let pixels = PixelMatrix(rows: lines.count * shape.samples, columns: shape.bands)
    var positions: [Int32] = []
    var filled = 0
    let strip = Strip()
    for (i, range) in lines.ranges.enumerated() {
      try context.checkCancellation()
      try source.read(lines: range, into: strip)
      (pixels.pointer + filled * shape.bands).update(from: strip.pixels.pointer, count: strip.count * shape.bands)
      let base = Int32(range.lowerBound * shape.samples)
      for p in strip.positions { positions.append(base + p) }
      filled += strip.count
      context.progress.report(phase: "sampling", fraction: Double(i + 1) / Double(lines.ranges.count))
    }
    pixels.reshape(rows: filled, columns: shape.bands)
    return Cube(shape: shape, metadata: source.metadata, pixels: pixels, positions: positions)
  }
}

/// FCLS with the channel weights of a factorisation: for blind methods that name no solver of their own.
struct WeightedPixelSolver: BlindPixelSolver {
  private let solver: any AbundanceSolver

  init(_ endmembers: SpectralLibrary, _ weights: [Double]?) throws {
    solver = try FCLS().prepare(endmembers, weights: weights)
  }

  func solve(_ pixels: PixelMatrix, into abundances: PixelMatrix) throws -> [Float]? {
    try solver.solve(pixels, into: abundances)
    return nil
  }
}
