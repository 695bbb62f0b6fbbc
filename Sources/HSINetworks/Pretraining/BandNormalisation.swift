import HSICore
import HSITransformer

/// How the bands of a scene are brought to [0, 1] for networks that see any set of bands: each clipped at two standard deviations
/// around its mean over the valid pixels,
///
///     z_b = clip((x_b − (m_b − 2 s_b)) / (4 s_b), 0, 1)
///
/// A band without variation becomes ½. Source: the published data sets of arXiv 2605.18541.
public struct BandNormalisation: Codable, Hashable, Sendable {
  /// Mean of each band.
  public var means: [Double]
  /// Standard deviation of each band.
  public var deviations: [Double]

  /// As many deviations as means.
  public init(means: [Double], deviations: [Double]) {
    precondition(means.count == deviations.count, "\(means.count) means, \(deviations.count) deviations")
    (self.means, self.deviations) = (means, deviations)
  }

  /// That of the valid pixels of a scene, which is read once. Pixels with a value that is not finite do not count.
  ///
  /// - Throws: `CoreError.memory`, `.cancelled`, the errors of reading.
  public init(_ source: any StripSource, _ context: RunContext) throws {
    var moments = Moments(bands: source.shape.bands)
    try source.forEachStrip(context, label: "statistics of bands") { moments.add($0.pixels) }
    self = moments.normalisation
  }

  /// That of pixels × bands.
  public init(_ pixels: PixelMatrix) {
    var moments = Moments(bands: pixels.columns)
    moments.add(pixels)
    self = moments.normalisation
  }

  /// Number of bands.
  public var count: Int { means.count }

  /// The value of a band; NaN stays NaN.
  public func callAsFunction(_ value: Float, band: Int) -> Float {
    let (mean, deviation) = (means[band], deviations[band])
    guard deviation > 0 else { return value.isNaN ? value : 0.5 }
    let scaled = (Double(value) - (mean - 2 * deviation)) / (4 * deviation)
    return scaled.isNaN ? .nan : Float(min(max(scaled, 0), 1))
  }

  /// Images `[…, C, H, W]` of as many bands.
  public func callAsFunction(_ images: Tensor) -> Tensor {
    let rank = images.shape.count
    precondition(rank >= 3 && images.shape[rank - 3] == count, "\(images.shape) with \(count) means")
    let plane = images.shape[rank - 2] * images.shape[rank - 1]
    return Tensor(images.shape, images.values.enumerated().map { self($1, band: $0 / plane % count) })
  }

  /// The same for other bands of the same quantity: mean and deviation interpolated over the wavelength; beyond the ends those of
  /// the last band. Nil where one of the axes has no wavelengths.
  public func interpolated(from axis: SpectralAxis, to target: SpectralAxis) -> BandNormalisation? {
    guard let own = axis.wavelengths, let wanted = target.wavelengths, own.count == count, count > 0 else { return nil }
    let order = own.indices.sorted { (own[$0], $0) < (own[$1], $1) }
    func value(_ list: [Double], at wavelength: Double) -> Double {
      guard let above = order.firstIndex(where: { own[$0] >= wavelength }) else { return list[order[count - 1]] }
      guard above > 0 else { return list[order[0]] }
      let (low, high) = (order[above - 1], order[above])
      let gap = own[high] - own[low]
      let share = gap > 0 ? (wavelength - own[low]) / gap : 1
      return list[low] + share * (list[high] - list[low])
    }
    return BandNormalisation(
      means: wanted.map { value(means, at: $0) }, deviations: wanted.map { value(deviations, at: $0) })
  }

  /// The median over bands of how far the means of two lie apart, in deviations of this one: what tells another scale of numbers.
  public func distance(to other: BandNormalisation) -> Double {
    let distances = means.indices.filter { deviations[$0] > 0 }
      .map { abs(means[$0] - other.means[$0]) / deviations[$0] }.sorted()
    return distances.isEmpty ? 0 : distances[distances.count / 2]
  }

  /// Sums of differences to one pixel, so that nothing cancels.
  private struct Moments {
    private var count = 0
    private var shift: [Double] = []
    private var sum, square: [Double]

    init(bands: Int) {
      sum = [Double](repeating: 0, count: bands)
      square = sum
    }

    mutating func add(_ pixels: PixelMatrix) {
      let bands = sum.count
      for row in 0..<pixels.rows {
        let pixel = pixels.pointer + row * bands
        guard (0..<bands).allSatisfy({ pixel[$0].isFinite }) else { continue }
        if shift.isEmpty { shift = (0..<bands).map { Double(pixel[$0]) } }
        count += 1
        for b in 0..<bands {
          let difference = Double(pixel[b]) - shift[b]
          sum[b] += difference
          square[b] += difference * difference
        }
      }
    }

    var normalisation: BandNormalisation {
      guard count > 0 else {
        let zeros = [Double](repeating: 0, count: sum.count)
        return BandNormalisation(means: zeros, deviations: zeros)
      }
      let n = Double(count)
      return BandNormalisation(
        means: sum.indices.map { shift[$0] + sum[$0] / n },
        deviations: sum.indices.map { max(square[$0] / n - (sum[$0] / n) * (sum[$0] / n), 0).squareRoot() })
    }
  }
}
