import Foundation
import HSICore

/// Values of a detector for all places of an image, in a file that has no name: for a threshold that is known when all of them are.
final class ScoreStore {
  private let file: ScratchFile
  private let samples: Int
  private let columns: Int
  private var line: [Float] = []

  /// Room for an image of some values per place.
  ///
  /// - Throws: `CoreError.cannotWrite`, `.diskFull`.
  init(lines: Int, samples: Int, columns: Int, for output: String) throws {
    (self.samples, self.columns) = (samples, columns)
    file = try ScratchFile(for: output, size: Int.product(lines, samples, columns, 4))
  }

  /// Keeps the values of a strip; places without a pixel get NaN.
  func write(_ strip: ProductStrip, _ values: PixelMatrix) throws {
    let width = samples * columns
    var row = 0
    for index in 0..<strip.window.lines {
      line = [Float](repeating: .nan, count: width)
      let end = (index + 1) * samples
      while row < strip.count, Int(strip.positions[row]) < end {
        let place = (Int(strip.positions[row]) - index * samples) * columns
        for c in 0..<columns { line[place + c] = values[row, c] }
        row += 1
      }
      try line.withUnsafeBytes { try file.write($0, at: (strip.window.line + index) * width * 4) }
    }
  }

  /// Goes through the image some lines at a time, with the places whose first value is not NaN.
  func forEach(lines: Int, _ context: RunContext, _ body: (ProductStrip, PixelMatrix) throws -> Void) throws {
    let width = samples * columns
    let height = max(1, min(lines, (8 << 20) / max(1, 4 * width)))
    for first in stride(from: 0, to: lines, by: height) {
      try context.checkCancellation()
      let count = min(height, lines - first)
      var values = [Float](repeating: 0, count: count * width)
      try values.withUnsafeMutableBytes { try file.read($0, at: first * width * 4) }
      let positions = (0..<(count * samples)).filter { !values[$0 * columns].isNaN }.map { Int32($0) }
      let strip = ProductStrip(
        window: PixelWindow(line: first, sample: 0, lines: count, samples: samples), positions: positions)
      let kept = PixelMatrix(rows: positions.count, columns: columns)
      for (n, place) in positions.enumerated() {
        for c in 0..<columns { kept[n, c] = values[Int(place) * columns + c] }
      }
      try body(strip, kept)
    }
  }
}
