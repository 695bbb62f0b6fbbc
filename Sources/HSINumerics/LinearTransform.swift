import CKernels
import HSICore

/// A linear map of spectra to components and back: `z = A (y − m)`, `ŷ = m + B z`.
///
/// A is components × bands, B bands × components. Where there are as many components as bands that vary, B undoes A; with fewer ŷ is the
/// part of y that they hold. Applied in single precision, so that the way there and back is exact to about 1e-6 of the values.
///
/// ```swift
/// let statistics = try SceneStatistics(scene, context, precision: .double)
/// let transform = try LinearTransform.principalComponents(statistics, count: 10)
/// let components = PixelMatrix(rows: scene.count, columns: transform.components)
/// transform.apply(scene.pixels, into: components)
/// ```
public struct LinearTransform: Sendable {
  /// m, one value per band.
  public let mean: [Double]
  /// A, components × bands.
  public let forward: Matrix<Double>
  /// B, bands × components.
  public let inverse: Matrix<Double>
  /// Variance of every component in the scene that the transform was fitted on (N in the denominator).
  public let variances: [Double]

  private let (there, back): (PackedMatrix, PackedMatrix)

  /// Pixels that are computed at a time.
  private static let chunk = 256

  /// A map of these matrices.
  public init(mean: [Double], forward: Matrix<Double>, inverse: Matrix<Double>, variances: [Double]) {
    precondition(
      forward.columns == mean.count && inverse.rows == mean.count && inverse.columns == forward.rows
        && variances.count == forward.rows, "matrices of a transform do not fit")
    (self.mean, self.forward, self.inverse, self.variances) = (mean, forward, inverse, variances)
    there = PackedMatrix(transposing: forward.values.map(Float.init), rows: forward.rows, columns: forward.columns)
    back = PackedMatrix(transposing: inverse.values.map(Float.init), rows: inverse.rows, columns: inverse.columns)
  }

  /// Bands of a spectrum.
  public var bands: Int { mean.count }
  /// Number of components.
  public var components: Int { forward.rows }

  /// The map to the first components only.
  public func truncated(to count: Int) -> LinearTransform {
    let kept = Array(0..<max(0, min(count, components)))
    return LinearTransform(
      mean: mean, forward: forward.selecting(rows: kept), inverse: inverse.selecting(columns: kept),
      variances: kept.map { variances[$0] })
  }

  /// Components of pixels: `output` becomes pixels × components. Cost 2 N L p flops.
  public func apply(_ pixels: PixelMatrix, into output: PixelMatrix) {
    precondition(pixels.columns == bands, "pixels of \(pixels.columns) bands for a transform of \(bands)")
    output.reshape(rows: pixels.rows, columns: components)
    guard components > 0 else { return }
    let (source, target, width) = (pixels.pointer, output.pointer, components)
    let shift = mean.map(Float.init)
    Parallel.forEachChunk(of: pixels.rows, chunk: LinearTransform.chunk) { _, rows in
      withUnsafeTemporaryAllocation(of: Float.self, capacity: rows.count * bands) { centred in
        guard let centred = centred.baseAddress else { return }
        hsi_shift_rows(source + rows.lowerBound * bands, bands, rows.count, bands, shift, centred)
        there.multiply(centred, rows: rows.count, target + rows.lowerBound * width)
      }
    }
  }

  /// Spectra of components: `output` becomes pixels × bands. Cost 2 N L p flops.
  public func invert(_ values: PixelMatrix, into output: PixelMatrix) {
    precondition(values.columns == components, "\(values.columns) components for a transform of \(components)")
    output.reshape(rows: values.rows, columns: bands)
    let (source, target, width) = (values.pointer, output.pointer, components)
    let shift = mean.map(Float.init)
    Parallel.forEachChunk(of: values.rows, chunk: LinearTransform.chunk) { _, rows in
      let place = target + rows.lowerBound * bands
      hsi_repeat_row(shift, rows.count, bands, place, bands)
      if width > 0 { back.multiply(source + rows.lowerBound * width, rows: rows.count, place, accumulating: true) }
    }
  }

  // MARK: - Fits

  /// Principal components: eigenvectors of the covariance by descending eigenvalue, the entry of largest magnitude of each positive.
  ///
  /// - Parameters:
  ///   - statistics: in double precision where trailing components matter.
  ///   - count: at most so many.
  ///   - whitened: components are divided by their deviation; those whose variance is below 1e-12 of the first are left out.
  /// - Throws: `NumericsError.singular` where the eigenvalues are not found.
  /// Cost 9 L³. Source: H. Hotelling, Analysis of a complex of statistical variables into principal components, J. Educ. Psychol. 24, 1933.
  public static func principalComponents(
    _ statistics: SceneStatistics, count: Int, whitened: Bool = false
  ) throws -> LinearTransform {
    let eigen = try statistics.covariance.symmetricEigen()
    let bands = statistics.mean.count
    let floor = 1e-12 * max(eigen.values.first ?? 0, 0)
    let possible = whitened ? eigen.values.prefix { $0 > floor }.count : bands
    let kept = max(0, min(count, possible))
    let variances = eigen.values.prefix(kept).map { max(0, $0) }
    let deviations = variances.map { whitened ? $0.squareRoot() : 1 }
    return LinearTransform(
      mean: statistics.mean,
      forward: Matrix(rows: kept, columns: bands) { eigen.vectors[$1, $0] / deviations[$0] },
      inverse: Matrix(rows: bands, columns: kept) { eigen.vectors[$0, $1] * deviations[$1] },
      variances: whitened ? [Double](repeating: 1, count: kept) : Array(variances))
  }

  /// Minimum noise fractions: components by descending share of signal, in which the noise has unit variance.
  ///
  /// Bands are brought to unit deviation first, so that units do not matter, and bands that do not vary are left out (B z is 0 there, so
  /// that they come back as their mean). Then `NoiseFractions` of covariance and noise.
  ///
  /// - Parameters:
  ///   - statistics: in double precision.
  ///   - noise: covariance of the noise, L × L, as `NeighbourNoise` or `NoiseEstimate` tells it.
  ///   - count: at most so many.
  /// - Throws: `NumericsError.singular`, also where no band has noise.
  /// Cost 30 L³.
  public static func noiseFractions(
    _ statistics: SceneStatistics, noise: Matrix<Double>, count: Int
  ) throws -> LinearTransform {
    let bands = statistics.mean.count
    let varying = (0..<bands).filter { band in
      let variance = statistics.covariance[band, band]
      // What rounding alone can make of a constant band.
      return variance > 1e-12 * statistics.mean[band] * statistics.mean[band]
    }
    let deviation = varying.map { statistics.covariance[$0, $0].squareRoot() }
    func scaled(_ matrix: Matrix<Double>) -> Matrix<Double> {
      Matrix(rows: varying.count, columns: varying.count) {
        matrix[varying[$0], varying[$1]] / (deviation[$0] * deviation[$1])
      }
    }
    let fractions = try NoiseFractions(covariance: scaled(statistics.covariance), noise: scaled(noise))
    let kept = max(0, min(count, varying.count))
    var forward = Matrix<Double>(rows: kept, columns: bands)
    var inverse = Matrix<Double>(rows: bands, columns: kept)
    for (place, band) in varying.enumerated() {
      for k in 0..<kept {
        forward[k, band] = fractions.directions[place, k] / deviation[place]
        inverse[band, k] = fractions.spectra[place, k] * deviation[place]
      }
    }
    return LinearTransform(
      mean: statistics.mean, forward: forward, inverse: inverse, variances: Array(fractions.values.prefix(kept)))
  }
}
