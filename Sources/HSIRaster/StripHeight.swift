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
