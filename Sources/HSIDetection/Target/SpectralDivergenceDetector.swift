import CKernels
import Foundation
import HSICore
import HSINumerics

/// Spectral information divergence from the target; small ones speak for it. Pixel and target are read as probabilities.
///
///     SID(x) = Σ (q − p) (ln q − ln p),   q = x / Σ x,  p = t / Σ t
///
/// Values below 0 count as 0, shares are floored at 1e-12; pixels without a value above 0 have no score. Source: Chang, "An information-theoretic approach to spectral variability,
/// similarity, and discrimination for hyperspectral image analysis", IEEE Trans. Inf. Theory 46(5), 2000.
public struct SpectralDivergenceDetector: TargetDetector, PixelDetector {
  public static let description = MethodDescription(
    id: "sid", name: "Spectral information divergence", task: .target,
    citation: "Chang, IEEE Trans. Inf. Theory 46(5), 2000", cost: "N L logarithms, 3 N L per target",
    advice: "Needs no background: as sam, with more weight on what is dark.")

  public static var dependsOnUnits: Bool { false }
  public let bands: [DetectionBand]
  public var sense: ScoreSense { .lower }
  public let facts: [String: Double] = [:]
  private let shares: [Float]
  private let logarithms: [Float]

  public init(
    _ targets: SpectralLibrary, in source: any StripSource, _ parameters: MethodParameters, _ context: RunContext
  ) throws {
    try self.init(targets)
    precondition(targets.bands == source.shape.bands)
  }

  /// Divergences from some spectra.
  ///
  /// - Throws: `DetectionError.badTarget` for spectra without a value above 0.
  public init(_ targets: SpectralLibrary) throws {
    try TargetFilters.check(targets, bands: targets.bands)
    var (shares, logarithms): ([Float], [Float]) = ([], [])
    for k in 0..<targets.count {
      let total = targets[k].reduce(0) { $0 + max($1, 0) }
      guard total > 0 else {
        throw DetectionError.badTarget(
          name: targets.names[k], reason: "has no value above 0", advice: "use another measure, such as sam")
      }
      let floored = targets[k].map { max(max($0, 0) / total, 1e-12) }
      let sum = floored.reduce(0, +)
      shares += floored.map { Float($0 / sum) }
      logarithms += floored.map { Float(log($0 / sum)) }
    }
    (self.shares, self.logarithms) = (shares, logarithms)
    bands = targets.names.scores("sid")
  }

  public func score(_ pixels: PixelMatrix, into values: PixelMatrix) {
    hsi_score_divergence(
      pixels.pointer, pixels.columns, pixels.rows, pixels.columns, shares, logarithms, bands.count, values.pointer)
  }
}
