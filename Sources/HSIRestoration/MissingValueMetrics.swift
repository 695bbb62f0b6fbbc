import Foundation
import HSICore
import HSINumerics

/// How near restored values are to their reference where they were missing, and nowhere else.
///
/// All figures are of the data with `Options.range` brought to [0, 1], over the values that are NaN in the degraded cube, in pixels
/// that all three cubes hold. Bands that were missing entirely have figures of their own, PSNR and SSIM band by band: published tables
/// of missing bands judge these only. Sums are double precision and independent of threads. Cost 3 N L.
public struct MissingValueMetrics: Sendable {
  /// Figures of one band.
  public struct Band: Sendable, Hashable {
    /// Values that were missing and have been restored.
    public var values = 0
    /// Values that were missing and still are; they count in no figure.
    public var left = 0
    /// Whether every value of the band was missing.
    public var isEntire = false
    /// Σ (t − o)² over `values`.
    public var squares = 0.0
    /// Structural similarity, of bands that were missing entirely; nil where no 7 × 7 window is wholly there.
    public var ssim: Double?

    /// Root mean square error, nil without values.
    public var rmse: Double? { values > 0 ? (squares / Double(values)).squareRoot() : nil }
    /// `10 log₁₀(1 / MSE)` in dB, nil without values, ∞ where they are the same.
    public var psnr: Double? { values > 0 ? -10 * log10(squares / Double(values)) : nil }
  }

  /// Pixels in all three cubes.
  public let pixels: Int
  /// One entry per band.
  public let bands: [Band]

  /// Values that were missing and have been restored.
  public var values: Int { bands.reduce(0) { $0 + $1.values } }
  /// Values that were missing and still are.
  public var left: Int { bands.reduce(0) { $0 + $1.left } }
  /// Root mean square error over all values that were missing; nil where none has been restored.
  public var rmse: Double? {
    values > 0 ? (bands.reduce(0) { $0 + $1.squares } / Double(values)).squareRoot() : nil
  }
  /// `20 log₁₀(1 / rmse)` in dB.
  public var psnr: Double? { rmse.map { -20 * log10($0) } }
  /// The bands that were missing entirely and have values now.
  public var entireBands: [Band] { bands.filter { $0.isEntire && $0.values > 0 } }
  /// Mean of their PSNR in dB; nil where there is none.
  public var mpsnr: Double? { MissingValueMetrics.mean(entireBands.map(\.psnr)) }
  /// Mean of their structural similarity; nil where there is none.
  public var mssim: Double? { MissingValueMetrics.mean(entireBands.map(\.ssim)) }

  private static func mean(_ values: [Double?]) -> Double? {
    let found = values.compactMap { $0 }
    return found.isEmpty || found.count < values.count ? nil : found.reduce(0, +) / Double(found.count)
  }

  /// Compares three cubes of the same size.
  ///
  /// - Parameters:
  ///   - result: the restored cube; NaN where a value is still missing.
  ///   - reference: the cube that it should equal.
  ///   - degraded: NaN where values were missing; its other values play no part.
  /// - Throws: `RestorationError.shapeMismatch`, `.tooFewPixels` where the cubes have no pixel in common; `CoreError.invalidParameter` for
  ///   an SSIM range that is not positive.
  public init(
    _ result: Cube, reference: Cube, degraded: Cube, options: RestorationMetrics.Options = .init()
  ) throws {
    for cube in [result, degraded] where cube.shape != reference.shape {
      throw RestorationError.shapeMismatch(first: cube.shape.description, second: reference.shape.description)
    }
    let (given, before) = (result.rowOfPlace(), degraded.rowOfPlace())
    let rows = reference.positions.enumerated().compactMap { row, place -> (Int, Int, Int)? in
      let (a, b) = (given[Int(place)], before[Int(place)])
      return a >= 0 && b >= 0 ? (row, Int(a), Int(b)) : nil
    }
    guard !rows.isEmpty else {
      throw RestorationError.tooFewPixels(purpose: "a comparison of pixels valid in all files")
    }
    pixels = rows.count
    let count = reference.shape.bands
    let (low, inverse, clamps) = (options.range.low, 1 / options.range.width, options.clamps)
    var found = [Band](repeating: Band(), count: count)
    found.withUnsafeMutableBufferPointer { found in
      let found = found
      Parallel.forEach(count) { band in
        var sums = Band()
        for (row, a, b) in rows where degraded.pixels.pointer[b * count + band].isNaN {
          let truth = Double(reference.pixels.pointer[row * count + band])
          let value = Double(result.pixels.pointer[a * count + band])
          guard truth.isFinite else { continue }
          guard value.isFinite else {
            sums.left += 1
            continue
          }
          var restored = (value - low) * inverse
          if clamps { restored = min(max(restored, 0), 1) }
          let difference = (truth - low) * inverse - restored
          sums.squares += difference * difference
          sums.values += 1
        }
        sums.isEntire = rows.allSatisfy { degraded.pixels.pointer[$0.2 * count + band].isNaN }
        found[band] = sums
      }
    }
    let entire = found.indices.filter { found[$0].isEntire && found[$0].values > 0 }
    for band in entire {
      let judged = try RestorationMetrics(
        result.columns([band]).finitePixels(), reference: reference.columns([band]).finitePixels(), options: options)
      found[band].ssim = judged.ssimPerBand.first
    }
    bands = found
  }
}
