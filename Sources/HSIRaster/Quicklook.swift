import HSICore

/// A colour picture of three bands of a scene.
public enum Quicklook {
  /// Which bands to show as red, green and blue, and why.
  public struct BandChoice: Hashable, Sendable {
    /// Three band indices, 0-based.
    public var bands: [Int]
    /// `user`, `header`, `natural colour`, `infrared`, `variance` or `grey`.
    public var reason: String

    /// A choice and its reason.
    public init(bands: [Int], reason: String) {
      self.bands = bands
      self.reason = reason
    }
  }

  /// Natural colour and short-wave infrared composites, nm.
  static let natural = [650.0, 550.0, 470.0]
  static let infrared = [2200.0, 1650.0, 850.0]
  /// How far the nearest good band may be from the wanted wavelength, nm.
  public static let tolerance = 50.0

  /// The bands to show: the file's own choice, else the good bands nearest to 650/550/470 nm, else 2200/1650/850 nm,
  /// else nil (then `highestVariance` decides).
  public static func bands(_ metadata: CubeMetadata) -> BandChoice? {
    if metadata.bands < 3 { return BandChoice(bands: [0, 0, 0], reason: "grey") }
    if let rgb = metadata.defaultRGB, rgb.count == 3, rgb.allSatisfy({ (0..<metadata.bands).contains($0) }) {
      return BandChoice(bands: rgb, reason: "header")
    }
    for (wanted, reason) in [(natural, "natural colour"), (infrared, "infrared")] {
      if let bands = nearest(wanted, in: metadata.axis, within: tolerance) {
        return BandChoice(bands: bands, reason: reason)
      }
    }
    return nil
  }

  /// The good bands nearest to the wanted wavelengths; nil where one of them is farther than `tolerance` away.
  public static func nearest(_ wanted: [Double], in axis: SpectralAxis, within tolerance: Double) -> [Int]? {
    guard let wavelengths = axis.wavelengths else { return nil }
    let bands = wanted.compactMap { axis.nearestGoodBand(to: $0) }
    guard bands.count == wanted.count,
      zip(bands, wanted).allSatisfy({ abs(wavelengths[$0] - $1) <= tolerance })
    else { return nil }
    return bands
  }

  /// The three good bands of highest relative signal variance, one from each third of the file, blue first: the last
  /// resort for scenes without wavelengths. Reads the scene once.
  ///
  /// Signal is what a band shares with its neighbours in the file: the smaller covariance with them over the squared
  /// mean. Noise, however large, counts for nothing.
  public static func highestVariance(_ source: any StripSource, _ context: RunContext) throws -> BandChoice {
    let claim = context.claimThreads()
    defer { claim.release() }
    let bands = source.shape.bands
    var (sum, count) = ([Double](repeating: 0, count: bands), 0.0)
    // Products with the next band; with itself where there is only one.
    var products = [Double](repeating: 0, count: bands)
    try source.forEachStrip(context, label: "choosing bands") { strip in
      // Every 16th pixel is plenty for a ranking.
      for n in stride(from: 0, to: strip.count, by: 16) {
        let row = strip.pixels.row(n)
        for b in 0..<bands where row[b].isFinite {
          sum[b] += Double(row[b])
          let next = row[min(b + 1, bands - 1)]
          if next.isFinite { products[b] += Double(row[b]) * Double(next) }
        }
        count += 1
      }
    }
    guard count > 0 else { return BandChoice(bands: [0, 0, 0], reason: "grey") }
    let good = source.metadata.axis.goodBands
    let ranked = (good.isEmpty ? Array(0..<bands) : good).map { b -> (Double, Int) in
      let mean = sum[b] / count
      let neighbours = bands == 1 ? [0] : [b - 1, b].filter { $0 >= 0 && $0 < bands - 1 }
      let shared = neighbours.map { k in
        products[k] / count - sum[k] / count * (sum[min(k + 1, bands - 1)] / count)
      }
      return (mean == 0 ? 0 : (shared.min() ?? 0) / (mean * mean), b)
    }
    // Spread over the spectrum: the best band of each third.
    let third = max(1, (ranked.count + 2) / 3)
    let best = stride(from: 0, to: ranked.count, by: third).map { start in
      ranked[start..<min(ranked.count, start + third)].max { ($0.0, -$0.1) < ($1.0, -$1.1) }!.1
    }
    let three = (best + [best.last ?? 0, best.last ?? 0]).prefix(3)
    return BandChoice(bands: Array(three.reversed()), reason: "variance")
  }

  /// Renders a source that offers one band (grey) or three (red, green, blue).
  ///
  /// Each band is stretched linearly between two percentiles of its valid pixels, or between `limits`; invalid pixels
  /// are transparent. Percentiles are exact up to 4 million pixels; above, every s-th pixel counts. Larger scenes than
  /// `longestSide` are shown by every s-th line and sample. Memory: 4 bytes per shown pixel and band.
  /// - Parameters:
  ///   - stretch: lower and upper percentile, 0…100.
  ///   - given: values that become black and white, one range per band, in place of percentiles.
  public static func render(
    _ source: any StripSource, stretch: ClosedRange<Double> = 2...98,
    limits given: [ClosedRange<Float>]? = nil,
    longestSide: Int = 8192, _ context: RunContext
  ) throws -> RGBImage {
    let claim = context.claimThreads()
    defer { claim.release() }
    let shape = source.shape
    let step = step(shape, longestSide: longestSide)
    let (width, height) = ((shape.samples + step - 1) / step, (shape.lines + step - 1) / step)
    let values = try shown(source, step: step, context)
    let limits = given ?? (0..<shape.bands).map { percentiles(values, band: $0, stretch) }
    var image = RGBImage(width: width, height: height)
    image.pixels.withUnsafeMutableBufferPointer { pixels in
      for n in 0..<(width * height) {
        let row = values.row(n)
        guard row.allSatisfy(\.isFinite) else { continue }
        for c in 0..<3 {
          let b = shape.bands == 1 ? 0 : c
          let span = limits[b].upperBound - limits[b].lowerBound
          let fraction = span > 0 ? (row[b] - limits[b].lowerBound) / span : 0.5
          pixels[4 * n + c] = UInt8(max(0, min(255, (fraction * 255).rounded())))
        }
        pixels[4 * n + 3] = 255
      }
    }
    return image
  }

  /// The values between which `render` would stretch, to show another source of the same bands in the same colours.
  public static func limits(
    _ source: any StripSource, stretch: ClosedRange<Double> = 2...98, longestSide: Int = 8192,
    _ context: RunContext
  ) throws -> [ClosedRange<Float>] {
    let values = try shown(source, step: step(source.shape, longestSide: longestSide), context)
    return (0..<source.shape.bands).map { percentiles(values, band: $0, stretch) }
  }

  /// Scene pixels per picture pixel.
  public static func step(_ shape: CubeShape, longestSide: Int) -> Int {
    max(1, (max(shape.lines, shape.samples) + longestSide - 1) / longestSide)
  }

  /// Every `step`-th pixel of every `step`-th line, NaN where it is not valid.
  private static func shown(_ source: any StripSource, step: Int, _ context: RunContext) throws -> PixelMatrix {
    let shape = source.shape
    precondition(shape.bands == 1 || shape.bands == 3, "one band or three")
    let (width, height) = ((shape.samples + step - 1) / step, (shape.lines + step - 1) / step)
    let values = PixelMatrix(rows: width * height, columns: shape.bands)
    for i in 0..<(width * height * shape.bands) { values.pointer[i] = .nan }
    try source.forEachStrip(context, label: "quicklook") { strip in
      for (n, position) in strip.positions.enumerated() {
        let line = strip.window.line + Int(position) / shape.samples
        let sample = Int(position) % shape.samples
        guard line % step == 0, sample % step == 0 else { continue }
        let target = values.pointer + (line / step * width + sample / step) * shape.bands
        for b in 0..<shape.bands { target[b] = strip.pixels.pointer[n * shape.bands + b] }
      }
    }
    return values
  }

  private static func percentiles(
    _ values: PixelMatrix, band: Int, _ stretch: ClosedRange<Double>
  ) -> ClosedRange<Float> {
    let step = max(1, values.rows / 4_000_000)
    var sorted: [Float] = []
    for n in Swift.stride(from: 0, to: values.rows, by: step) where values[n, band].isFinite {
      sorted.append(values[n, band])
    }
    guard !sorted.isEmpty else { return 0...0 }
    sorted.sort()
    func at(_ percent: Double) -> Float {
      sorted[max(0, min(sorted.count - 1, Int(clamping: (percent / 100 * Double(sorted.count - 1)).rounded())))]
    }
    let low = at(stretch.lowerBound)
    return low...max(low, at(stretch.upperBound))
  }
}
