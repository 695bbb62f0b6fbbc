import HSICore
import HSINumerics

/// A scene as a degradation predictor sees it: bands, size and range of values are always the same, for training and in use.
enum PredictorImage {
  /// Shares of the values that lie below what stands for 0, and above what stands for 1.
  private static let outside = 0.005

  /// The parts of a scene that a predictor looks at: at most four times four squares of its size, spread evenly, in the resolution of
  /// the scene; the whole where that is smaller. Noise, blur and repeated pixels show between neighbours, which the reduction of a large
  /// scene to a small picture would mix or part.
  static func windows(_ shape: CubeShape, size: Int) -> [PixelWindow] {
    func starts(_ extent: Int) -> [Int] {
      guard extent > size else { return [0] }
      let count = min(4, (extent + size - 1) / size)
      return (0..<count).map { $0 * (extent - size) / (count - 1) }
    }
    let (lines, samples) = (min(size, shape.lines), min(size, shape.samples))
    return starts(shape.lines).flatMap { line in
      starts(shape.samples).map { PixelWindow(line: line, sample: $0, lines: lines, samples: samples) }
    }
  }

  /// Bands of a scene that has more than a predictor: spread evenly, each as it is. Means of several bands would have less noise.
  static func bands(of count: Int, to wanted: Int) -> [Int] {
    guard count > wanted else { return Array(0..<count) }
    guard wanted > 1 else { return [count / 2] }
    return (0..<wanted).map { (2 * $0 * (count - 1) + wanted - 1) / (2 * (wanted - 1)) }
  }

  /// The picture of an image (a row of values for every place): `size · size` rows of `bands` values in about [0, 1].
  ///
  /// More bands are thinned out, fewer are interpolated (`BandResampling`); other sizes are interpolated bilinearly; values are brought to
  /// [0, 1] by their half-percent and 99.5 percent quantiles and kept within [−1, 2].
  ///
  /// - Returns: nil where all values are nearly one.
  static func picture(_ image: PixelMatrix, lines: Int, samples: Int, bands: Int, size: Int) -> PixelMatrix? {
    var picture = image
    if image.columns > bands {
      let chosen = PredictorImage.bands(of: image.columns, to: bands)
      picture = PixelMatrix(rows: image.rows, columns: bands)
      for row in 0..<image.rows {
        for (i, band) in chosen.enumerated() { picture[row, i] = image[row, band] }
      }
    } else if image.columns < bands {
      picture = BandResampling(bands: image.columns, count: bands).apply(to: image)
    }
    if lines != size || samples != size { picture = resized(picture, lines: lines, samples: samples, size: size) }
    return normalised(picture)
  }

  /// Bilinear interpolation, pixels being areas; beyond the centres of the outermost pixels their values.
  static func resized(_ image: PixelMatrix, lines: Int, samples: Int, size: Int) -> PixelMatrix {
    func places(_ extent: Int) -> [(first: Int, second: Int, share: Float)] {
      (0..<size).map {
        let place = min(max((Double($0) + 0.5) * Double(extent) / Double(size) - 0.5, 0), Double(extent - 1))
        let first = min(Int(place), extent - 1)
        return (first, min(first + 1, extent - 1), Float(place - Double(first)))
      }
    }
    let (rows, columns, bands) = (places(lines), places(samples), image.columns)
    let result = PixelMatrix(rows: size * size, columns: bands)
    Parallel.forEach(size) { line in
      let y = rows[line]
      for (sample, x) in columns.enumerated() {
        func pixel(_ line: Int, _ sample: Int) -> UnsafeMutablePointer<Float> {
          image.pointer + (line * samples + sample) * bands
        }
        let (a, b) = (pixel(y.first, x.first), pixel(y.first, x.second))
        let (c, d) = (pixel(y.second, x.first), pixel(y.second, x.second))
        let target = result.pointer + (line * size + sample) * bands
        for band in 0..<bands {
          let (upper, lower) = (a[band] + x.share * (b[band] - a[band]), c[band] + x.share * (d[band] - c[band]))
          target[band] = upper + y.share * (lower - upper)
        }
      }
    }
    return result
  }

  private static func normalised(_ picture: PixelMatrix) -> PixelMatrix? {
    // Every 13th value: neither a divisor of usual numbers of bands nor of sizes.
    let count = picture.rows * picture.columns
    let sorted = stride(from: 0, to: count, by: count > 20_000 ? 13 : 1).map { picture.pointer[$0] }.sorted()
    let skipped = Int(clamping: outside * Double(sorted.count))
    let (low, high) = (sorted[skipped], sorted[sorted.count - 1 - skipped])
    guard low.isFinite, high.isFinite, high - low > 1e-6 * max(abs(low), abs(high)) else { return nil }
    let (result, factor) = (PixelMatrix(rows: picture.rows, columns: picture.columns), 1 / (high - low))
    for i in 0..<count { result.pointer[i] = min(max((picture.pointer[i] - low) * factor, -1), 2) }
    return result
  }
}
