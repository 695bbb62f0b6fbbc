import HSICore
import HSINumerics

/// Work on the pixels of a strip line by line, in parallel.
enum StripLines {
  /// Calls `body` with every line of the image that has pixels in the strip, and their rows.
  static func forEach(_ positions: [Int32], _ window: PixelWindow, _ body: (_ line: Int, _ rows: Range<Int>) -> Void) {
    guard !positions.isEmpty else { return }
    var starts = [Int](repeating: positions.count, count: window.lines + 1)
    var next = 0
    for line in 0..<window.lines {
      starts[line] = next
      while next < positions.count, Int(positions[next]) < (line + 1) * window.samples { next += 1 }
    }
    Parallel.forEach(window.lines) { line in
      let rows = starts[line]..<starts[line + 1]
      if !rows.isEmpty { body(window.line + line, rows) }
    }
  }
}
