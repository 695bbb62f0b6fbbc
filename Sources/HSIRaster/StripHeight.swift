import HSICore

/// How many lines are worked on at a time.
enum StripHeight {
  /// Lines of `bytesPerLine` that an eighth of the memory budget holds, at most `most` bytes: a multiple of `unit`, the
  /// lines of a row of blocks, where one fits, and one line at least.
  static func lines(bytesPerLine: Int, unit: Int, most: Int = 64 << 20, _ context: RunContext) -> Int {
    let room = max(1, min(context.memory.bytes / 8, most) / max(1, bytesPerLine))
    return room >= unit ? room / unit * unit : room
  }
}

/// A part of some lines: whole lines, or a piece of a single one where a line is longer than what may be held at a time.
struct StripPiece: Equatable {
  /// Lines from the top.
  var lines: Range<Int>
  /// Samples from the left.
  var samples: Range<Int>

  /// Cuts lines into parts, in the order of the lines and from left to right.
  ///
  /// - Parameters:
  ///   - height: lines that are wanted at a time.
  ///   - bytesPerPixel: what a pixel takes while it is worked on.
  ///   - room: bytes that a part may take; a part has a pixel at least.
  static func of(
    _ lines: Range<Int>, samples: Range<Int>, height: Int, bytesPerPixel: Int, room: Int
  ) -> some Sequence<StripPiece> {
    let wide = max(1, room / max(1, bytesPerPixel))
    let fits = samples.count <= wide
    let (height, width) = fits ? (max(1, min(height, wide / max(1, samples.count))), samples.count) : (1, wide)
    return stride(from: lines.lowerBound, to: lines.upperBound, by: height).lazy.flatMap { top in
      stride(from: samples.lowerBound, to: samples.upperBound, by: max(1, width)).lazy.map { left in
        StripPiece(
          lines: top..<min(lines.upperBound, top + height), samples: left..<min(samples.upperBound, left + width))
      }
    }
  }
}
