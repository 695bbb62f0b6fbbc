import HSICore
import HSINumerics

/// Lines of a scene with those around them, pixels in place: what detectors with windows work on.
struct Neighbourhood {
  /// Lines held, samples, bands.
  let lines: Int
  let samples: Int
  let bands: Int
  /// First held line in the source.
  let firstLine: Int
  /// Lines × samples × bands, less a common shift; unused where there is no pixel.
  let values: PixelMatrix
  /// Whether a place holds a pixel.
  let isValid: [Bool]

  /// The dual window of the methods here, and what it costs.
  struct Windows: Sendable {
    /// Half sides: the outer window is 2·outer + 1 wide.
    let inner: Int
    let outer: Int

    static func parameters(inner: Double, outer: Double) -> [ParameterDescription] {
      [
        ParameterDescription("inner", inner, in: 1...199, "Side of the window around a pixel that is left out, odd."),
        ParameterDescription("outer", outer, in: 3...201, "Side of the window that the background is taken from, odd."),
      ]
    }

    /// - Throws: `CoreError.invalidParameter` for even sides or an inner window that is not inside the outer one.
    init(_ parameters: MethodParameters) throws {
      func half(_ name: String) throws -> Int {
        let side = parameters.value(name)
        guard side == side.rounded(), Int(clamping: side) % 2 == 1 else {
          throw CoreError.invalidParameter(name: name, value: "\(side)", requirement: "an odd whole number")
        }
        return Int(clamping: side) / 2
      }
      (inner, outer) = (try half("inner"), try half("outer"))
      guard inner < outer else {
        throw CoreError.invalidParameter(
          name: "inner", value: "\(2 * inner + 1)", requirement: "less than outer, which is \(2 * outer + 1)")
      }
    }
  }

  /// Goes through a source strip by strip, each with `radius` lines above and below.
  ///
  /// - Parameters:
  ///   - shift: taken off every pixel, which keeps sums small.
  ///   - body: the neighbourhood, and which lines of the source are to be done.
  /// - Throws: the errors of reading; `CoreError.memory`, `.cancelled`.
  static func forEach(
    _ source: any StripSource, radius: Int, shift: [Float], _ context: RunContext,
    _ body: (Neighbourhood, Range<Int>, Strip) throws -> Void
  ) throws {
    let (shape, bands) = (source.shape, source.shape.bands)
    let perLine = shape.samples * (bands * 8 + 16) + source.workingBytesPerLine
    let room = context.memory.bytes / 2
    let least = Int.product(perLine, 2 * radius + 1)
    guard least <= max(room, 64 << 20) else {
      throw CoreError.memory(
        purpose: "\(2 * radius + 1) lines of \(shape.samples) samples × \(bands) bands", needed: .product(2, least),
        budget: context.memory.bytes)
    }
    let height = max(1, min(shape.lines, min(room, 256 << 20) / max(perLine, 1) - 2 * radius))
    let (strip, own) = (Strip(), Strip())
    context.progress.report(phase: "detecting", fraction: 0)
    for start in stride(from: 0, to: shape.lines, by: height) {
      try context.checkCancellation()
      let lines = start..<min(start + height, shape.lines)
      let held = max(0, lines.lowerBound - radius)..<min(shape.lines, lines.upperBound + radius)
      try source.read(lines: held, into: strip)
      let values = PixelMatrix(rows: held.count * shape.samples, columns: bands)
      var isValid = [Bool](repeating: false, count: held.count * shape.samples)
      own.positions.removeAll(keepingCapacity: true)
      own.window = PixelWindow(line: lines.lowerBound, sample: 0, lines: lines.count, samples: shape.samples)
      let offset = (lines.lowerBound - held.lowerBound) * shape.samples
      for n in 0..<strip.count {
        let place = Int(strip.positions[n])
        isValid[place] = true
        let (from, to) = (strip.pixels.pointer + n * bands, values.pointer + place * bands)
        for b in 0..<bands { to[b] = from[b] - shift[b] }
        if place >= offset, place < offset + lines.count * shape.samples { own.positions.append(Int32(place - offset)) }
      }
      try body(
        Neighbourhood(
          lines: held.count, samples: shape.samples, bands: bands, firstLine: held.lowerBound, values: values,
          isValid: isValid), lines, own)
      context.progress.report(phase: "detecting", fraction: Double(lines.upperBound) / Double(shape.lines))
    }
  }

  /// Places of the valid pixels of a rectangle of held lines and samples, clipped; those of `hole` left out.
  func places(
    lines: ClosedRange<Int>, samples range: ClosedRange<Int>,
    hole: (lines: ClosedRange<Int>, samples: ClosedRange<Int>)? = nil
  )
    -> [Int]
  {
    var places: [Int] = []
    let (top, bottom) = (max(0, lines.lowerBound), min(self.lines - 1, lines.upperBound))
    let (left, right) = (max(0, range.lowerBound), min(samples - 1, range.upperBound))
    guard top <= bottom, left <= right else { return [] }
    for line in top...bottom {
      for sample in left...right {
        if let hole, hole.lines.contains(line), hole.samples.contains(sample) { continue }
        let place = line * samples + sample
        if isValid[place] { places.append(place) }
      }
    }
    return places
  }
}
