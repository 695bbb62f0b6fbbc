import HSICore
import HSINumerics
import HSISpectral

/// Endmembers with the names of the library spectra that they resemble most.
public enum NameEndmembers {
  /// The match of one endmember.
  public struct Match: Sendable, Codable {
    /// Name of the library spectrum.
    public var name: String
    /// Index in the library.
    public var index: Int
    /// Spectral angle in radians over the bands that both have.
    public var angle: Double
  }

  /// Matches every endmember to the library spectrum at the smallest spectral angle.
  ///
  /// Bands where `used` is false or either spectrum is NaN do not count. Several endmembers may match one spectrum:
  /// names are then numbered (`kaolinite`, `kaolinite 2`) in the order of the endmembers. A library spectrum that
  /// shares fewer than two bands with an endmember is passed over.
  ///
  /// - Parameters:
  ///   - library: spectra on the same bands as `endmembers` (resample before).
  ///   - used: bands to compare, e.g. the good channels; nil for all.
  /// - Returns: the endmembers renamed (those without any match keep their names) and the matches.
  /// - Throws: `UnmixingError.bandMismatch`.
  public static func match(
    _ endmembers: SpectralLibrary, to library: SpectralLibrary, used: [Bool]? = nil
  ) throws -> (endmembers: SpectralLibrary, matches: [Match?]) {
    guard library.bands == endmembers.bands else {
      throw UnmixingError.bandMismatch(
        spectra: library.bands, scene: endmembers.bands,
        advice: "resample the library to the scene's wavelengths")
    }
    var result = endmembers
    var matches: [Match?] = []
    var taken: [String: Int] = [:]
    for i in 0..<endmembers.count {
      let spectrum = Array(endmembers[i])
      var best: Match?
      for j in 0..<library.count {
        let candidate = Array(library[j])
        let bands = spectrum.indices.filter {
          (used?[$0] ?? true) && spectrum[$0].isFinite && candidate[$0].isFinite
        }
        guard bands.count >= 2 else { continue }
        let angle = SpectralDistance.angle(bands.map { spectrum[$0] }, bands.map { candidate[$0] })
        if angle < best?.angle ?? .infinity { best = Match(name: library.names[j], index: j, angle: angle) }
      }
      matches.append(best)
      guard let best else { continue }
      let times = taken[best.name, default: 0] + 1
      taken[best.name] = times
      result.names[i] = times == 1 ? best.name : "\(best.name) \(times)"
    }
    return (result, matches)
  }
}
