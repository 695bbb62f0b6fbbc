import HSICore
import HSINumerics

/// An image at 1/factor of its size: every pixel is the mean of `factor × factor` pixels, so that nothing aliases. A
/// result is valid only where all of these are; a remainder at the right and bottom is left out.
enum AreaZoom {
  /// - Parameters:
  ///   - pixels: lines · samples × bands, invalid pixels included.
  ///   - isValid: one flag per pixel.
  static func shrink(
    _ pixels: PixelMatrix, isValid: [Bool], lines: Int, samples: Int, factor: Int
  ) -> (pixels: PixelMatrix, isValid: [Bool], lines: Int, samples: Int) {
    let (height, width, bands) = (lines / factor, samples / factor, pixels.columns)
    let result = PixelMatrix(rows: height * width, columns: bands)
    var valid = [Bool](repeating: true, count: height * width)
    for row in 0..<(height * factor) {
      for column in 0..<(width * factor) where !isValid[row * samples + column] {
        valid[row / factor * width + column / factor] = false
      }
    }
    let share = 1 / Float(factor * factor)
    Parallel.forEach(height) { row in
      for column in 0..<width {
        let out = result.pointer + (row * width + column) * bands
        for i in 0..<factor {
          for j in 0..<factor {
            let source = pixels.pointer + ((row * factor + i) * samples + column * factor + j) * bands
            for b in 0..<bands { out[b] += source[b] * share }
          }
        }
      }
    }
    return (result, valid, height, width)
  }
}
