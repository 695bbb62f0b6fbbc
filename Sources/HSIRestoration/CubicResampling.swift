import HSICore
import HSINumerics

/// Resampling of an image by cubic convolution with a = −0.75, without smoothing beforehand; beyond its borders the image goes on
/// as its last value.
///
/// Cost 8 L flops per value of either pass. Source: R. G. Keys, Cubic convolution interpolation for digital image processing,
/// IEEE TASSP 29(6), 1981.
struct CubicResampling {
  /// Where the pixels of the two grids lie.
  enum Grid {
    /// Both grids cover the same area: pixel i lies at (i + ½) n / m − ½.
    case area
    /// The corner pixels of both grids coincide: pixel i lies at i (n − 1) / (m − 1).
    case corners
  }

  /// Size of the image and of the result.
  let lines, samples, newLines, newSamples: Int
  /// Per line (sample) of the result four places and weights.
  private let vertical, horizontal: [(place: Int, weight: Float)]

  init(lines: Int, samples: Int, newLines: Int, newSamples: Int, _ grid: Grid) {
    (self.lines, self.samples, self.newLines, self.newSamples) = (lines, samples, newLines, newSamples)
    vertical = CubicResampling.taps(lines, newLines, grid)
    horizontal = CubicResampling.taps(samples, newSamples, grid)
  }

  /// The place on the old axis of pixel `index` of the new one.
  static func place(_ index: Int, _ count: Int, _ newCount: Int, _ grid: Grid) -> Double {
    switch grid {
    case .area: (Double(index) + 0.5) * Double(count) / Double(newCount) - 0.5
    case .corners: newCount > 1 ? Double(index) * Double(count - 1) / Double(newCount - 1) : 0
    }
  }

  private static func taps(_ count: Int, _ newCount: Int, _ grid: Grid) -> [(place: Int, weight: Float)] {
    func weight(_ distance: Double) -> Double {
      let (a, t) = (-0.75, abs(distance))
      if t <= 1 { return ((a + 2) * t - (a + 3)) * t * t + 1 }
      return t < 2 ? a * (((t - 5) * t + 8) * t - 4) : 0
    }
    return (0..<newCount).flatMap { index in
      let place = place(index, count, newCount, grid)
      let first = Int(clamping: place.rounded(.down)) - 1
      return (first..<(first + 4)).map {
        (min(max($0, 0), count - 1), Float(weight(place - Double($0))))
      }
    }
  }

  /// The nearest old pixel of every new one: lines and samples.
  static func nearest(_ count: Int, _ newCount: Int, _ grid: Grid) -> [Int] {
    (0..<newCount).map { min(max(Int(clamping: place($0, count, newCount, grid).rounded()), 0), count - 1) }
  }

  /// An image (lines · samples × bands) on the new grid (newLines · newSamples × bands).
  func apply(to image: PixelMatrix) -> PixelMatrix {
    let bands = image.columns
    let wide = PixelMatrix(rows: lines * newSamples, columns: bands)
    let result = PixelMatrix(rows: newLines * newSamples, columns: bands)
    let (source, middle, out) = (image.pointer, wide.pointer, result.pointer)
    Parallel.forEach(lines) { line in
      for sample in 0..<newSamples {
        let target = middle + (line * newSamples + sample) * bands
        for tap in horizontal[(4 * sample)..<(4 * sample + 4)] where tap.weight != 0 {
          let row = source + (line * samples + tap.place) * bands
          for b in 0..<bands { target[b] += tap.weight * row[b] }
        }
      }
    }
    Parallel.forEach(newLines) { line in
      let width = newSamples * bands
      let target = out + line * width
      for tap in vertical[(4 * line)..<(4 * line + 4)] where tap.weight != 0 {
        let row = middle + tap.place * width
        for i in 0..<width { target[i] += tap.weight * row[i] }
      }
    }
    return result
  }
}
