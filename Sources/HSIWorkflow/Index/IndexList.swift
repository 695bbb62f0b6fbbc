import HSICore
import HSIRaster
import HSISpectral

/// Which indices the bands of a scene allow.
public struct IndexList: Sendable {
  /// An index, and why a scene has not got it.
  public struct Entry: Sendable {
    /// The index.
    public let index: SpectralIndex
    /// The first wavelength without a band near enough, and the nearest one; nil where there is none missing.
    public let missing: (wavelength: Double, nearest: Double?)?
  }

  /// Every index that is known.
  public let entries: [Entry]

  /// What the good bands of an axis allow.
  ///
  /// - Throws: `SpectralError.inconsistent` for an axis without wavelengths.
  public init(_ axis: SpectralAxis, within distance: Double, fwhm: Double?) throws {
    entries = try SpectralIndices.all.map { index in
      do {
        _ = try IndexBands(index.formula.bands, of: axis, within: distance, fwhm: fwhm, named: index.id)
        return Entry(index: index, missing: nil)
      } catch SpectralError.noBand(_, let wavelength, let nearest, _) {
        return Entry(index: index, missing: (wavelength, nearest))
      }
    }
  }

  /// All indices, whatever a scene has.
  public init() { entries = SpectralIndices.all.map { Entry(index: $0, missing: nil) } }

  /// The table of a terminal: those that are possible with formula, by domain, then those that are not with what they lack.
  public var text: String {
    let width = entries.map(\.index.id.count).max() ?? 0
    func line(_ id: String, _ rest: String) -> String {
      "  \(id)" + String(repeating: " ", count: width + 2 - id.count) + rest + "\n"
    }
    var text = ""
    var domains: [String] = []
    for entry in entries where !domains.contains(entry.index.domain) { domains.append(entry.index.domain) }
    for domain in domains {
      let members = entries.filter { $0.index.domain == domain && $0.missing == nil }
      guard !members.isEmpty else { continue }
      text += "\(domain)\n"
      for member in members { text += line(member.index.id, member.index.formula.text) }
    }
    let missing = entries.filter { $0.missing != nil }
    if !missing.isEmpty {
      text += "not with these bands\n"
      for member in missing {
        guard let (wavelength, nearest) = member.missing else { continue }
        let near = nearest.map { ", nearest \(PlainNumber.rounded($0)) nm" } ?? ""
        text += line(member.index.id, "needs \(PlainNumber.rounded(wavelength)) nm\(near)")
      }
    }
    return text
  }
}
