import HSICore

/// Number, mean and deviation of the spectra of some groups of pixels, in one pass over a scene.
///
/// Welford's recurrence in double precision, pixels in the order of the file: the result depends on neither strips nor
/// threads. B. P. Welford, Technometrics 4(3), 1962.
struct GroupStatistics {
  let bands: Int
  private(set) var counts: [Int]
  private var means: [Double]
  private var squares: [Double]

  init(groups: Int, bands: Int) {
    self.bands = bands
    counts = [Int](repeating: 0, count: groups)
    means = [Double](repeating: 0, count: groups * bands)
    squares = means
  }

  mutating func add(_ spectrum: UnsafeMutableBufferPointer<Float>, to group: Int) {
    counts[group] += 1
    let (n, base) = (Double(counts[group]), group * bands)
    for band in 0..<bands {
      let value = Double(spectrum[band])
      let difference = value - means[base + band]
      means[base + band] += difference / n
      squares[base + band] += difference * (value - means[base + band])
    }
  }

  /// Mean spectrum of a group that has pixels.
  func mean(_ group: Int) -> ArraySlice<Double> { means[(group * bands)..<((group + 1) * bands)] }

  /// Standard deviation (of the sample, n − 1) of a group; NaN for one pixel.
  func deviation(_ group: Int) -> [Double] {
    let count = counts[group]
    guard count > 1 else { return [Double](repeating: .nan, count: bands) }
    return squares[(group * bands)..<((group + 1) * bands)].map { ($0 / Double(count - 1)).squareRoot() }
  }
}
