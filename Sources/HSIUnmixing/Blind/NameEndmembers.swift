import HSICore
import HSINumerics
import HSISpectral

/// Endmembers with the names of the library spectra that they resemble.
public enum NameEndmembers {
  /// Spectral angle in radians (8.6°) up to which a name is given: some library spectrum is always the nearest, and a name that says
  /// no more than that misleads.
  public static let limit = 0.15

  /// The match of one endmember.
  public struct Match: Sendable {
    /// Name of the library spectrum.
    public var name: String
    /// Index in the library.
    public var index: Int
    /// Spectral angle in radians over the bands that both have.
    public var angle: Double
    /// The library spectrum that comes next, and its angle; nil for a library of one.
    public var runnerUp: (name: String, angle: Double)?
    /// Whether the angle is small enough for the endmember to take the name.
    public var isAccepted: Bool { angle <= NameEndmembers.limit }
  }

  /// Matches every endmember to the library spectrum at the smallest spectral angle, and names it where that is at most `limit`.
  ///
  /// Bands where `used` is false or either spectrum is NaN do not count. Several endmembers may match one spectrum:
  /// names are then numbered (`kaolinite`, `kaolinite 2`) in the order of the endmembers. A library spectrum that
  /// shares fewer than two bands with an endmember is passed over.
  ///
  /// - Parameters:
  ///   - library: spectra on the same bands as `endmembers` (resample before).
  ///   - used: bands to compare, e.g. the good channels; nil for all.
  /// - Returns: the endmembers renamed (those that resemble nothing keep their names) and the matches.
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
        if angle < best?.angle ?? .infinity {
          let second = best.map { ($0.name, $0.angle) }
          best = Match(name: library.names[j], index: j, angle: angle, runnerUp: second)
        } else if angle < best?.runnerUp?.angle ?? .infinity {
          best?.runnerUp = (library.names[j], angle)
        }
      }
      matches.append(best)
      guard let best, best.isAccepted else { continue }
      let times = taken[best.name, default: 0] + 1
      taken[best.name] = times
      result.names[i] = times == 1 ? best.name : "\(best.name) \(times)"
    }
    return (result, matches)
  }
}
