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

  /// Sums of these weights.
  public init(_ weights: Matrix<Double>, axis: SpectralAxis) {
    precondition(weights.columns == axis.count, "\(weights.columns) sums for \(axis.count) bands")
    (self.weights, self.axis) = (weights, axis)
  }

  /// The sums for every pixel: `output` becomes pixels × bands that come out. Cost 2 N L K flops, weights in single precision.
  public func apply(_ pixels: PixelMatrix, into output: PixelMatrix) {
    precondition(pixels.columns == weights.rows, "pixels of \(pixels.columns) bands for weights of \(weights.rows)")
    output.reshape(rows: pixels.rows, columns: axis.count)
    guard axis.count > 0, pixels.rows > 0 else { return }
    var scratch = [Double](repeating: 0, count: hsi_project_scratch_size(weights.rows, weights.columns))
    hsi_project(
      pixels.pointer, weights.rows, pixels.rows, weights.rows, weights.values, weights.columns, output.pointer,
      weights.columns, &scratch)
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
