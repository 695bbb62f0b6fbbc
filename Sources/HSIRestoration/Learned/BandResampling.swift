import HSICore
import HSINumerics

/// Spectra on a smaller or larger number of equally spaced bands, and changes made there brought back.
///
///     y = R x            hat functions of the width of the coarser spacing, their weights summing to 1
///     x' = x + U (y' − y)   straight lines between the bands of y
///
/// What y does not hold of x stays as it is: x' = x where y' = y.
struct BandResampling: Sendable {
  /// Bands of the scene, and of y.
  let bands, count: Int
  /// Per band of y the first band of x that it takes and its weights.
  private let down: [(first: Int, weights: [Float])]
  /// Per band of x the band of y to its left and the share of the one to its right.
  private let up: [(left: Int, share: Float)]

  init(bands: Int, count: Int) {
    (self.bands, self.count) = (bands, count)
    let step = count > 1 ? Double(bands - 1) / Double(count - 1) : 0
    let width = max(step, 1)
    down = (0..<count).map { index in
      let place = count > 1 ? Double(index) * step : Double(bands - 1) / 2
      let first = max(0, Int(clamping: (place - width).rounded(.down)))
      let last = min(bands - 1, Int(clamping: (place + width).rounded(.up)))
      let weights = (first...last).map { max(0, 1 - abs(Double($0) - place) / width) }
      let sum = weights.reduce(0, +)
      return (first, weights.map { Float($0 / sum) })
    }
    up = (0..<bands).map { band in
      guard step > 0, count > 1 else { return (0, 0) }
      let place = Double(band) / step
      let left = min(Int(place), count - 2)
      return (left, Float(place - Double(left)))
    }
  }

  /// y of all rows.
  func apply(to pixels: PixelMatrix) -> PixelMatrix {
    precondition(pixels.columns == bands)
    let result = PixelMatrix(rows: pixels.rows, columns: count)
    Parallel.forEachChunk(of: pixels.rows, chunk: 1024) { _, rows in
      for row in rows {
        let (x, y) = (pixels.pointer + row * bands, result.pointer + row * count)
        for (index, part) in down.enumerated() {
          var sum: Float = 0
          for (offset, weight) in part.weights.enumerated() { sum += weight * x[part.first + offset] }
          y[index] = sum
        }
      }
    }
    return result
  }

  /// Adds to x what became of y.
  func carry(from y: PixelMatrix, to changed: PixelMatrix, into pixels: PixelMatrix) {
    precondition(pixels.columns == bands && y.columns == count && changed.columns == count)
    Parallel.forEachChunk(of: pixels.rows, chunk: 1024) { _, rows in
      for row in rows {
        let (before, after) = (y.pointer + row * count, changed.pointer + row * count)
        let x = pixels.pointer + row * bands
        for (band, part) in up.enumerated() {
          let right = min(part.left + 1, count - 1)
          let left = after[part.left] - before[part.left]
          x[band] += left + part.share * (after[right] - before[right] - left)
        }
      }
    }
  }
}
