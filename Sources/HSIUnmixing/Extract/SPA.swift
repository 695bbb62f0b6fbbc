import CKernels
import HSICore
import HSINumerics

/// Successive projection (SPA), in remote sensing automatic target generation (ATGP).
///
/// K times: the pixel with the largest residual norm joins, and its direction is projected out of all pixels. The
/// projection is done by downdating squared norms, `‖r‖² ← ‖r‖² − (qᵀy)²` with `q` the next orthonormal direction, so
/// the scene is never changed. Deterministic. K passes over the scene, 2 N L K flops, 8 N bytes.
public struct SPA: EndmemberExtractor {
  public static let description = MethodDescription(
    id: "spa", name: "Successive projection algorithm (SPA, ATGP)", task: .extract,
    citation:
      "M. C. U. Araújo et al., Chemometr. Intell. Lab. 57(2), 2001; as ATGP: H. Ren and C.-I. Chang, IEEE TAES "
      + "39(4), 2003",
    cost: "2 N L K, K passes, 8 N bytes",
    advice: "Deterministic and fast; finds bright and unusual pixels first, hence sensitive to outliers.",
    aliases: ["atgp"])

  public init(_ parameters: MethodParameters) throws {}

  public func extract(_ scene: any StripSource, count: Int, _ context: RunContext) throws -> SpectralLibrary {
    let claim = context.claimThreads()
    defer { claim.release() }
    let reader = SceneReader(scene, context)
    return try reader.library(SPA.picks(reader, count: count, context))
  }

  /// Numbers of the picked pixels, in the order of picking.
  static func picks(_ reader: SceneReader, count: Int, _ context: RunContext) throws -> [Int] {
    let bands = reader.bands
    guard count >= 1 else {
      throw CoreError.invalidParameter(
        name: "the number of endmembers", value: "\(count)", requirement: "at least 1")
    }
    guard count <= bands else {
      throw UnmixingError.tooManyEndmembers(
        count: count, limit: bands, reason: "SPA needs as many bands as endmembers")
    }
    let most = reader.source.shape.pixels
    try reader.requireMemory(
      8 * ((reader.source as? Cube)?.count ?? most), purpose: "holding the residual norms of SPA")
    var residual: [Double] = []
    residual.reserveCapacity(most)
    try reader.forEach(label: "projection 1 of \(count)") { pixels, n, first in
      residual.append(contentsOf: repeatElement(0, count: n))
      residual.withUnsafeMutableBufferPointer {
        hsi_pixel_norms(pixels, bands, n, bands, nil, $0.baseAddress! + first)
      }
    }
    guard residual.count >= count else {
      throw UnmixingError.tooFewPixels(
        valid: residual.count, needed: count, purpose: "extracting \(count) endmembers")
    }
    let largest = residual.max() ?? 0
    guard largest > 0 else { throw UnmixingError.noVariation(detail: "all values are zero") }
    var picks = [residual.firstIndex(of: largest) ?? 0]
    var basis: [[Double]] = []
    while picks.count < count {
      let spectrum = try reader.pick([picks[picks.count - 1]]).spectra[0]
      basis = orthonormalised(basis + [spectrum])
      guard basis.count == picks.count else { break }
      let direction = basis[basis.count - 1]
      var best = -1.0
      var pick = 0
      try reader.forEach(label: "projection \(picks.count + 1) of \(count)") { pixels, n, first in
        guard n > 0 else { return }
        residual.withUnsafeMutableBufferPointer { residual in
          let part = residual.baseAddress! + first
          let index = Int(hsi_deflate_and_argmax(pixels, bands, n, bands, direction, part))
          if part[index] > best { (best, pick) = (part[index], first + index) }
        }
      }
      guard best > 1e-13 * largest, !picks.contains(pick) else { break }
      picks.append(pick)
    }
    guard picks.count == count else {
      throw UnmixingError.tooManyEndmembers(
        count: count, limit: picks.count, reason: "the pixels span only \(picks.count) dimensions")
    }
    return picks
  }
}
