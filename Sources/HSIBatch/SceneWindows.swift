import HSICore

/// The windows that one raster is cut into, from the upper left, line by line.
struct SceneWindows: Sendable {
  /// Width and height of a window; those at the right and lower edges are smaller.
  let size: (samples: Int, lines: Int)
  /// Pixels by which a window is made larger on all sides, as far as the raster goes.
  var overlap = 0

  /// Largest extent of a window.
  private static let largest = 1 << 30

  /// `2048`, or `1024x256`: width and height in pixels.
  ///
  /// - Throws: a `TemplateProblem`.
  init(_ text: String) throws {
    let parts = text.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
    guard (1...2).contains(parts.count), let samples = parts[0], let lines = parts[parts.count - 1],
      (1...SceneWindows.largest).contains(samples), (1...SceneWindows.largest).contains(lines)
    else { throw TemplateProblem(detail: "`\(text)` is no size of windows: 2048, or 1024x256 (width and height)") }
    size = (samples, lines)
  }

  /// A window with its overlap, and the window within that.
  func grown(_ window: PixelWindow, lines: Int, samples: Int) -> (all: PixelWindow, core: PixelWindow) {
    let (top, left) = (max(0, window.line - overlap), max(0, window.sample - overlap))
    let bottom = min(lines, window.line + window.lines + overlap)
    let right = min(samples, window.sample + window.samples + overlap)
    return (
      PixelWindow(line: top, sample: left, lines: bottom - top, samples: right - left),
      PixelWindow(
        line: window.line - top, sample: window.sample - left, lines: window.lines, samples: window.samples)
    )
  }

  /// Number of windows of a raster.
  func count(lines: Int, samples: Int) -> Int {
    Int.product((lines - 1) / size.lines + 1, (samples - 1) / size.samples + 1)
  }

  /// The windows with their names, `0003-0011` for the fourth row and twelfth column.
  func windows(lines: Int, samples: Int) -> [(name: String, window: PixelWindow)] {
    let (rows, columns) = ((lines - 1) / size.lines + 1, (samples - 1) / size.samples + 1)
    func name(_ number: Int, of count: Int) -> String {
      let digits = max(4, "\(count - 1)".count)
      let text = "\(number)"
      return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
    return (0..<rows).flatMap { row in
      (0..<columns).map { column in
        let (line, sample) = (row * size.lines, column * size.samples)
        return (
          name(row, of: rows) + "-" + name(column, of: columns),
          PixelWindow(
            line: line, sample: sample, lines: min(size.lines, lines - line),
            samples: min(size.samples, samples - sample))
        )
      }
    }
  }
}
