import CKernels
import Foundation
import HSICore
import HSINumerics

/// Blind unmixing of a scene of any size, in two phases: `factorise` finds the endmembers, `BlindFit.deliver` hands
/// out the maps of every pixel.
public enum BlindUnmixing {
  /// Factorises `source`.
  ///
  /// When the scene and the method's working memory fit `context.memory`, the whole scene is factorised in memory.
  /// Otherwise blocks of 8 whole lines, spread evenly (`LineSample`, no randomness), as many as fit, are factorised,
  /// and `deliver` solves every pixel in strips with endmembers and channel weights fixed (`BlindPixelSolver`): the
  /// result of a pixel then does not depend on the height of the strips.
  ///
  /// Negative values are raised to zero and, if asked for, pixels are normalised: in place when the source is a file,
  /// on a copy when it is a `Cube`. Peak memory in core is the scene once (twice for a cube that must change) and
  /// `method.workingBytes`.
  ///
  /// - Parameters:
  ///   - unitLength: divide every pixel by its length over the good channels first, which removes brightness; see
  ///     `RobustStart.normalise` for when it helps and when it harms. Nil: where brightness varies (`BrightnessSpread`).
  ///   - start: how the factorisation begins.
  /// - Throws: `UnmixingError`, `CoreError.memory` when not even one block of lines fits, `CoreError.cancelled`, and
  ///   what the source throws.
  public static func factorise(
    _ source: any StripSource, _ method: any BlindUnmixer, count: Int, unitLength: Bool? = false,
    start: RobustStart = RobustStart(), _ context: RunContext
  ) throws -> BlindFit {
    let claim = context.claimThreads()
    defer { claim.release() }
    let shape = source.shape
    // Before anything is reckoned with the number.
    try RobustStart.check(count: count, bands: shape.bands)
    let inCore =
      needed(method, pixels: shape.pixels, bands: shape.bands, count: count) <= context.memory.bytes
    let scene: Cube
    if inCore {
      scene = try owned(source, unitLength ?? true, context)
    } else {
      scene = try sample(source, method, count: count, context)
    }
    try RobustStart.check(scene, count: count)
    let negatives = RobustStart.clipNegatives(scene.pixels)
    if negatives > 0 {
      let percent = 100 * Double(negatives) / Double(scene.count * shape.bands)
      context.warn(
        "W-NEGATIVE",
        "\(String(format: "%.2g", percent)) % of the values are negative and count as zero in the factorisation"
      )
    }
    let spread = unitLength == nil ? try BrightnessSpread.measure(scene.pixels, count: count) : nil
    let unitLength = unitLength ?? ((spread ?? 0) > BrightnessSpread.limit)
    var kept: [Bool]?
    var lengths: [Float]?
    if unitLength {
      let good = try ChannelHealth(scene.pixels).best(count: count, threshold: start.threshold)
      lengths = RobustStart.normalise(scene.pixels, kept: good)
      kept = good
    }
    let begin = try start.make(scene, count: count, unitLength: unitLength, context)
    var result = try method.unmix(scene, count: count, start: begin, context)
    if let spread {
      result.settings["brightness_spread"] = spread
      result.settings["unit_length"] = unitLength ? 1 : 0
      let percent = (100 * spread).formatted(.number.precision(.fractionLength(spread < 0.1 ? 1 : 0)))
      let pixels =
        unitLength
        ? "pixels of unit length, for brightness varies by \(percent) %"
        : "pixels as they are, for brightness varies by \(percent) % only"
      result.choice = [result.choice, pixels].compactMap { $0 }.joined(separator: " on ")
    }
    let order = sort(&result)
    return BlindFit(
      source: source, scene: inCore ? scene : nil, factorised: scene.count, lengths: inCore ? lengths : nil,
      kept: kept, result: result, start: begin, order: order, unitLength: unitLength)
  }

  /// Bytes for a scene in memory and the method's work on it; `Int.max` for more endmembers than blind methods know.
  public static func needed(_ method: any BlindUnmixer, pixels: Int, bands: Int, count: Int) -> Int {
    guard (0...Int(HSI_NMF_MAX_ENDMEMBERS)).contains(count) else { return .max }
    return pixels * (4 * bands + 8) + method.workingBytes(pixels: pixels, bands: bands, endmembers: count)
  }

  // MARK: - Pixels to factorise

  /// The scene as a cube that may be changed.
  private static func owned(_ source: any StripSource, _ unitLength: Bool, _ context: RunContext) throws -> Cube {
    guard let cube = source as? Cube else {
      return try gather(source, [0..<source.shape.lines], label: "reading", context)
    }
    let values = UnsafeBufferPointer(start: cube.pixels.pointer, count: cube.count * cube.shape.bands)
    guard unitLength || values.contains(where: { $0 < 0 }) else { return cube }
    let copy = PixelMatrix(rows: cube.count, columns: cube.shape.bands)
    copy.pointer.update(from: cube.pixels.pointer, count: values.count)
    return Cube(shape: cube.shape, metadata: cube.metadata, pixels: copy, positions: cube.positions)
  }

  /// The valid pixels of as many evenly spread lines as the budget allows, at their places in the image.
  private static func sample(
    _ source: any StripSource, _ method: any BlindUnmixer, count: Int, _ context: RunContext
  ) throws -> Cube {
    let shape = source.shape
    // A quarter of the budget stays free for reading.
    let room = context.memory.bytes / 4 * 3
    func bytes(_ sample: LineSample) -> Int {
      needed(method, pixels: sample.count * shape.samples, bands: shape.bands, count: count)
    }
    var (low, high) = (0.0, 1.0)
    for _ in 0..<20 {
      let middle = (low + high) / 2
      if bytes(LineSample(lines: shape.lines, keeping: middle)) <= room {
        low = middle
      } else {
        high = middle
      }
    }
    let lines = LineSample(lines: shape.lines, keeping: low)
    guard bytes(lines) <= room else {
      throw CoreError.memory(
        purpose: "\(type(of: method).description.id) on a sample of \(lines.count) lines of \(shape)",
        needed: bytes(lines) / 3 * 4, budget: context.memory.bytes)
    }
    context.warn(
      "W-SAMPLED",
      "the scene exceeds \(context.memory): \(lines.count) of \(shape.lines) lines are factorised, then every pixel solved"
    )
    return try gather(source, lines.ranges, label: "sampling", context)
  }

  /// Bytes of a strip while lines are gathered: small, for it comes on top of the scene.
  private static let gatherBytes = 8 << 20

  /// The valid pixels of some lines, at their places in the image.
  private static func gather(
    _ source: any StripSource, _ ranges: [Range<Int>], label: String, _ context: RunContext
  ) throws -> Cube {
    let shape = source.shape
    let total = ranges.reduce(0) { $0 + $1.count }
    guard shape.pixels <= Int(Int32.max) else {
      throw CoreError.invalidParameter(
        name: "\(option: "window")", value: "\(shape.samples) × \(shape.lines) pixels",
        requirement: "at most \(Int32.max) pixels for blind unmixing")
    }
    let pixels = PixelMatrix(rows: total * shape.samples, columns: shape.bands)
    var positions: [Int32] = []
    positions.reserveCapacity(total * shape.samples)
    var filled = 0
    var lines = 0
    let fitting = gatherBytes / max(1, 4 * shape.samples * shape.bands + source.workingBytesPerLine)
    let height = max(1, fitting / max(1, source.blockLines)) * max(1, source.blockLines)
    let strip = Strip()
    for range in ranges {
      for first in stride(from: range.lowerBound, to: range.upperBound, by: height) {
        try context.checkCancellation()
        let end = min(first + height, range.upperBound)
        try source.read(lines: first..<end, into: strip)
        (pixels.pointer + filled * shape.bands).update(
          from: strip.pixels.pointer, count: strip.count * shape.bands)
        let base = Int32(first * shape.samples)
        for p in strip.positions { positions.append(base + p) }
        filled += strip.count
        lines += end - first
        context.progress.report(phase: label, fraction: Double(lines) / Double(max(1, total)))
      }
    }
    pixels.reshape(rows: filled, columns: shape.bands)
    return Cube(shape: shape, metadata: source.metadata, pixels: pixels, positions: positions)
  }

  // MARK: - Order of endmembers

  /// Sorts endmembers by falling mean abundance (ties: as found) and renumbers them; returns the old places.
  private static func sort(_ result: inout BlindResult) -> [Int] {
    let count = result.endmembers.count
    var sums = [Double](repeating: 0, count: count)
    for n in 0..<result.abundances.rows { for k in 0..<count { sums[k] += Double(result.abundances[n, k]) } }
    let order = (0..<count).sorted { (sums[$1], $0) < (sums[$0], $1) }
    result.endmembers = result.endmembers.selecting(order)
    result.endmembers.names = endmemberNames(count)
    permute(result.abundances, order)
    return order
  }

  /// Reorders the columns of N × K abundances in place.
  static func permute(_ abundances: PixelMatrix, _ order: [Int]) {
    var row = [Float](repeating: 0, count: order.count)
    for n in 0..<abundances.rows {
      let values = abundances.row(n)
      for (k, source) in order.enumerated() { row[k] = values[source] }
      for k in row.indices { values[k] = row[k] }
    }
  }
}
