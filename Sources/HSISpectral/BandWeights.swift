import CKernels
import HSICore
import HSINumerics

/// Bands that are weighted sums of those of a scene: `value_k = Σ_i scene_i · weights[i, k]`.
///
/// Resampling, smoothing, derivatives and band picks are such sums; all are applied by one product.
///
/// ```swift
/// let smooth = try SavitzkyGolay(window: 9, degree: 2).weights(scene.metadata.axis)
/// let result = PixelMatrix(rows: scene.count, columns: smooth.axis.count)
/// smooth.apply(scene.pixels, into: result)
/// ```
public struct BandWeights: Sendable {
  /// Bands of the scene × bands that come out.
  public let weights: Matrix<Double>
  /// The bands that come out.
  public let axis: SpectralAxis

  /// First band and number of bands of every group of 16 that come out, and the weights of the groups one after the other: bands of
  /// instruments, filters and picks take few bands of a scene beside each other.
  private let first, count: [UInt32]
  private let packed: [Float]

  /// Pixels that are computed at a time.
  private static let chunk = 512

  /// Sums of these weights.
  public init(_ weights: Matrix<Double>, axis: SpectralAxis) {
    precondition(weights.columns == axis.count, "\(weights.columns) sums for \(axis.count) bands")
    (self.weights, self.axis) = (weights, axis)
    var (first, count, packed): ([UInt32], [UInt32], [Float]) = ([], [], [])
    let group = Int(HSI_BAND_GROUP)
    for start in stride(from: 0, to: weights.columns, by: group) {
      let columns = start..<min(start + group, weights.columns)
      let used = (0..<weights.rows).filter { row in columns.contains { weights[row, $0] != 0 } }
      let bands = (used.first ?? 0)..<((used.last ?? -1) + 1)
      first.append(UInt32(bands.lowerBound))
      count.append(UInt32(bands.count))
      for band in bands {
        for column in start..<(start + group) {
          packed.append(columns.contains(column) ? Float(weights[band, column]) : 0)
        }
      }
    }
    (self.first, self.count, self.packed) = (first, count, packed)
  }

  /// The sums for every pixel: `output` becomes pixels × bands that come out. Cost 2 N K times the bands that 16 neighbouring sums take
  /// part in; weights and sums in single precision.
  public func apply(_ pixels: PixelMatrix, into output: PixelMatrix) {
    precondition(pixels.columns == weights.rows, "pixels of \(pixels.columns) bands for weights of \(weights.rows)")
    output.reshape(rows: pixels.rows, columns: axis.count)
    let (source, target, bands, columns) = (pixels.pointer, output.pointer, pixels.columns, axis.count)
    Parallel.forEachChunk(of: pixels.rows, chunk: BandWeights.chunk) { _, rows in
      hsi_band_sums(
        source + rows.lowerBound * bands, bands, rows.count, first, count, columns, packed,
        target + rows.lowerBound * columns, columns)
    }
  }

  /// The sums for one spectrum, in double precision.
  public func apply(_ spectrum: [Double]) -> [Double] {
    (0..<weights.columns).map { k in (0..<weights.rows).reduce(0) { $0 + spectrum[$1] * weights[$1, k] } }
  }
}

/// The bands of an axis in order of wavelength, cut where bands are missing.
struct BandSegments {
  /// 0-based bands of each segment, ascending by wavelength.
  let segments: [[Int]]

  /// A step of more than this many median steps, of all and of the six around it, is a gap.
  static let gap = 2.5

  /// - Throws: `SpectralError.inconsistent` for an axis without wavelengths.
  init(_ axis: SpectralAxis, purpose: String) throws {
    let places = try axis.places(for: purpose)
    let order = axis.ascending.filter { axis.good[$0] && places[$0].isFinite && places[$0] > 0 }
    let steps = zip(order, order.dropFirst()).map { places[$1] - places[$0] }
    func limit(_ steps: some Sequence<Double>) -> Double {
      let sorted = steps.filter { $0 > 0 }.sorted()
      return sorted.isEmpty ? .infinity : BandSegments.gap * sorted[sorted.count / 2]
    }
    let overall = limit(steps)
    var result: [[Int]] = order.isEmpty ? [] : [[order[0]]]
    for (place, band) in order.enumerated().dropFirst() {
      // Sampling differs between detectors: a gap stands out among the steps beside it, too.
      let local = limit(steps[max(0, place - 4)..<min(steps.count, place + 3)])
      if steps[place - 1] > max(overall, local) {
        result.append([band])
      } else {
        result[result.count - 1].append(band)
      }
    }
    segments = result
  }
}

extension SpectralAxis {
  /// The wavelengths, for work that cannot do without.
  ///
  /// - Throws: `SpectralError.inconsistent`.
  func places(for purpose: String) throws -> [Double] {
    guard let wavelengths else {
      throw SpectralError.inconsistent(
        name: purpose, reason: "the scene has no wavelengths",
        advice: "give them with \(option: "wavelengths") or \(option: "sensor")")
    }
    return wavelengths
  }
}
