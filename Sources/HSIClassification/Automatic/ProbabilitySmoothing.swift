import CKernels
import HSICore
import HSINumerics
import HSITransformer

/// Edge-preserving smoothing of class probabilities: a guided filter whose guide is the first principal component of the scene.
///
/// In the window of radius r around a pixel, over its valid pixels, with the guide I and the probability p of a class,
///
///     a = cov(I, p) / (var I + ε),    b = mean p − a · mean I,    q = mean(a) · I + mean(b),
///
/// where the last two means are over the windows that hold the pixel. q is clipped at 0 and divided by its sum over the classes. The guide
/// runs from 0 to 1 over the training pixels. A probability depends on 2 r pixels around it, so strips of any height give the
/// same. Source: X. Kang, S. Li and J. A. Benediktsson, Spectral–spatial hyperspectral image classification with edge-preserving filtering,
/// IEEE TGRS 52(5), 2014; the filter: K. He, J. Sun and X. Tang, IEEE TPAMI 35(6), 2013.
struct ProbabilitySmoothing: Sendable, Equatable {
  /// Weight of every band in the guide.
  let axis: [Float]
  /// What is added to the weighted sum.
  let offset: Float
  /// Half the side of a window in pixels.
  var radius: Int
  /// Variance of the guide, from 0 to 1, below which a window counts as even.
  let evenness: Float

  /// Pixels on either side that decide about a probability.
  var reach: Int { 2 * radius }

  /// The guide of some pixels (pixels × bands): their first principal component.
  ///
  /// - Throws: `ClassificationError.constantSpectra`.
  init(fittedTo pixels: PixelMatrix, radius: Int = 3, evenness: Float = 0.01) throws {
    let features = try Features.fit(.components(1, whitened: false), pixels)
    let values = features.apply(pixels)
    let range = (0..<values.rows).reduce((Float.infinity, -Float.infinity)) {
      (min($0.0, values[$1, 0]), max($0.1, values[$1, 0]))
    }
    let width = max(range.1 - range.0, .leastNormalMagnitude)
    axis = (features.components?.values ?? []).map { $0 / width }
    let centre = zip(axis, features.mean).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
    offset = Float(-centre - Double(range.0 / width))
    self.radius = radius
    self.evenness = evenness
  }

  /// Bytes per pixel while it is applied.
  func bytesPerPixel(classes: Int, threads: Int) -> Int { 4 * (6 + 4 * threads + 2 * classes) }

  /// The guide of every pixel, in the order of the rows.
  func guide(_ pixels: PixelMatrix) -> [Float] {
    let (source, bands) = (pixels.pointer, pixels.columns)
    let packed = PackedMatrix(transposing: axis, rows: 1, columns: bands)
    var result = [Float](repeating: 0, count: pixels.rows)
    result.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      Parallel.forEachChunk(of: pixels.rows, chunk: Features.chunk) { _, rows in
        packed.multiply(source + rows.lowerBound * bands, rows: rows.count, base + rows.lowerBound)
      }
    }
    return result.map { $0 + offset }
  }

  /// Smoothed probabilities of some of the pixels.
  ///
  /// - Parameters:
  ///   - probabilities: pixels × classes.
  ///   - guide: of the same pixels.
  ///   - positions: their places, `line · samples + sample`, ascending.
  ///   - wanted: the rows that are returned.
  func apply(
    _ probabilities: PixelMatrix, guide: [Float], _ positions: [Int32], lines: Int, samples: Int, wanted: Range<Int>
  ) -> PixelMatrix {
    let (size, classes) = (lines * samples, probabilities.columns)
    let result = PixelMatrix(rows: wanted.count, columns: classes)
    guard size > 0, !positions.isEmpty else { return result }
    // Number of valid pixels, mean and variance of the guide in every window.
    let shared = PixelMatrix(rows: 5, columns: size)
    let (image, counts, means, variances) = (
      shared.pointer, shared.pointer + size, shared.pointer + 2 * size, shared.pointer + 3 * size
    )
    let scratch = shared.pointer + 4 * size
    for pointer in [image, counts, variances] { pointer.update(repeating: 0, count: size) }
    for (row, place) in positions.enumerated() {
      image[Int(place)] = guide[row]
      counts[Int(place)] = 1
      variances[Int(place)] = guide[row] * guide[row]
    }
    hsi_window_sums(image, lines, samples, radius, means, scratch)
    hsi_window_sums(variances, lines, samples, radius, variances, scratch)
    hsi_window_sums(counts, lines, samples, radius, counts, scratch)
    for place in positions.map(Int.init) {
      means[place] /= counts[place]
      variances[place] = max(0, variances[place] / counts[place] - means[place] * means[place])
    }
    let (source, target) = (probabilities.pointer, result.pointer)
    Parallel.forEach(classes) { c in
      withUnsafeTemporaryAllocation(of: Float.self, capacity: 3 * size) { memory in
        guard let slope = memory.baseAddress else { return }
        let (level, own) = (slope + size, slope + 2 * size)
        slope.update(repeating: 0, count: 2 * size)
        for (row, place) in positions.enumerated() {
          let p = source[row * classes + c]
          level[Int(place)] = p
          slope[Int(place)] = p * guide[row]
        }
        hsi_window_sums(level, lines, samples, radius, level, own)
        hsi_window_sums(slope, lines, samples, radius, slope, own)
        own.update(repeating: 0, count: size)
        // Only valid pixels are centres of windows.
        for place in positions.map(Int.init) {
          let mean = level[place] / counts[place]
          let a = (slope[place] / counts[place] - means[place] * mean) / (variances[place] + evenness)
          own[place] = a
          level[place] = mean - a * means[place]
        }
        var next = 0
        for place in 0..<size {
          if next < positions.count, Int(positions[next]) == place { next += 1 } else { level[place] = 0 }
        }
        // `slope` is scratch from here on.
        hsi_window_sums(own, lines, samples, radius, own, slope)
        hsi_window_sums(level, lines, samples, radius, level, slope)
        for row in wanted {
          let place = Int(positions[row])
          target[(row - wanted.lowerBound) * classes + c] =
            max(0, (own[place] * guide[row] + level[place]) / counts[place])
        }
      }
    }
    for row in 0..<result.rows {
      let values = result.row(row)
      let sum = values.reduce(0, +)
      guard sum > 0 else {
        let plain = probabilities.row(wanted.lowerBound + row)
        for c in 0..<classes { values[c] = plain[c] }
        continue
      }
      for c in 0..<classes { values[c] /= sum }
    }
    return result
  }

  // MARK: - Model files

  /// What a model file holds.
  var contents: [(name: String, content: SafetensorsWriter.Content)] {
    [
      ("smoothing.axis", .floats(Tensor([axis.count], axis))),
      ("smoothing.settings", .floats(Tensor([3], [offset, Float(radius), evenness]))),
    ]
  }

  /// Reads what `contents` wrote; nil where the model smooths nothing.
  ///
  /// - Throws: `ClassificationError.badModel`, `TransformerError`.
  init?(_ file: WeightFile) throws {
    guard file["smoothing.axis"] != nil else { return nil }
    axis = try file.vector("smoothing.axis")
    let settings = try file.vector("smoothing.settings", count: 3)
    guard (1...ProbabilitySmoothing.largestRadius).contains(settings[1]), settings[2] > 0 else {
      throw ClassificationError.badModel(path: file.path, reason: "the settings of its smoothing are out of range")
    }
    (offset, radius, evenness) = (settings[0], Int(clamping: Double(settings[1])), settings[2])
  }

  private static let largestRadius: Float = 64
}
