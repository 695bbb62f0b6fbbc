import Foundation
import HSICore
import HSINumerics

/// Spectral angle mapper: the angle between pixel and target in radians, from 0 to π; small ones speak for the target.
///
///     SAM(x) = arccos(tᵀ x / (|t| |x|))
///
/// Pixels that are 0 in all bands are at π/2; in single precision angles below 5e-4 are not told from 0. Source: Kruse et al., "The spectral image processing system (SIPS)", Remote Sens. Environ.
/// 44, 1993.
public struct SpectralAngleDetector: TargetDetector, PixelDetector {
  public static let description = MethodDescription(
    id: "sam", name: "Spectral angle mapper", task: .target,
    citation: "Kruse et al., Remote Sens. Environ. 44, 1993", cost: "2 N L per target",
    advice: "Needs no background: for pixels that are full of one material, in any light.")

  public static var dependsOnUnits: Bool { false }
  public let bands: [DetectionBand]
  public var sense: ScoreSense { .lower }
  public let facts: [String: Double] = [:]
  public var workingBytesPerPixel: Int { 4 }
  private let plan: ScorePlan

  public init(
    _ targets: SpectralLibrary, in source: any StripSource, _ parameters: MethodParameters, _ context: RunContext
  ) throws {
    try self.init(targets)
    precondition(targets.bands == source.shape.bands)
  }

  /// Angles to some spectra.
  ///
  /// - Throws: `DetectionError.badTarget`.
  public init(_ targets: SpectralLibrary) throws {
    try TargetFilters.check(targets, bands: targets.bands)
    let lengths = (0..<targets.count).map { k in targets[k].reduce(0) { $0 + $1 * $1 }.squareRoot() }
    let units = Matrix<Double>(rows: targets.bands, columns: targets.count) { b, k in
      targets.values[k * targets.bands + b] / lengths[k]
    }
    plan = ScorePlan(units, shift: nil, groups: [])
    bands = targets.names.scores("sam")
  }

  public func score(_ pixels: PixelMatrix, into values: PixelMatrix) {
    let norms = PixelMatrix(rows: pixels.rows, columns: 1)
    plan.score(pixels, norms: norms, values: values)
    let (out, lengths, targets) = (values.pointer, norms.pointer, values.columns)
    Parallel.forEachChunk(of: pixels.rows, chunk: 1024) { _, rows in
      for n in rows {
        let length = lengths[n].squareRoot()
        for k in 0..<targets {
          let cosine = length > 0 ? out[n * targets + k] / length : 0
          out[n * targets + k] = acos(max(-1, min(1, cosine)))
        }
      }
    }
  }
}
