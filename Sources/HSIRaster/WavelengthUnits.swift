import Foundation
import HSICore

/// A number as headers write it: spaces around, `NaN`, `inf`, Fortran's `1.5D3`; nil for anything else.
func parseNumber(_ text: String) -> Double? {
  let trimmed = text.trimmingCharacters(in: .whitespacesAndNewlines)
  guard let first = trimmed.utf8.first else { return nil }
  // Swift also takes hexadecimal floats, which no header means.
  if let value = Double(trimmed), !trimmed.lowercased().contains("x") { return value }
  guard first == 43 || first == 45 || first == 46 || (48...57).contains(first) else { return nil }
  return Double(trimmed.replacingOccurrences(of: "d", with: "e", options: .caseInsensitive))
}

/// A whole number, also where it is written as `86.0`.
func parseInteger(_ text: String) -> Int? { parseNumber(text).flatMap { Int(exactly: $0) } }

extension WavelengthUnit {
  /// What a unit string of a file means.
  public enum Reading: Hashable, Sendable {
    /// A length or wavenumber.
    case unit(WavelengthUnit)
    /// The numbers are not wavelengths (`index`).
    case notWavelengths
    /// Empty or `unknown`: look at the numbers.
    case unknown
    /// A unit that cannot be a spectrum's (`GHz`) or is not known.
    case refused
  }

  /// Reads a unit string: any case, singular or plural, `metre` or `meter`, `µ`, `μ` or `u`.
  public static func reading(_ text: String) -> Reading {
    let micro = ["µ", "μ"]
    var body = text.lowercased().trimmingCharacters(in: .whitespacesAndNewlines)
    for sign in micro { body = body.replacingOccurrences(of: sign, with: "u") }
    body = body.trimmingCharacters(in: CharacterSet(charactersIn: "()[].\"'"))
    if body.hasSuffix("metres") || body.hasSuffix("metre") {
      body = body.replacingOccurrences(of: "metre", with: "meter")
    }
    if body.count > 3, body.hasSuffix("s") { body.removeLast() }
    switch body {
    case "nm", "nanometer", "nano meter": return .unit(.nanometres)
    case "um", "micron", "micrometer", "umeter", "micro meter": return .unit(.micrometres)
    case "mm", "millimeter": return .unit(.millimetres)
    case "m", "meter": return .unit(.metres)
    case "1/cm", "wavenumber", "cm-1", "cm^-1": return .unit(.wavenumber)
    case "index", "indices": return .notWavelengths
    case "", "unknown", "none": return .unknown
    default: return .refused
    }
  }

  /// The unit that numbers without one must have: median in (0.2, 30) → µm, in [150, 30000] → nm, else nil.
  public static func guess(_ values: [Double]) -> WavelengthUnit? {
    let finite = values.filter { $0.isFinite && $0 > 0 }.sorted()
    guard let largest = finite.last, largest > 0.2 else { return nil }
    let median = finite[finite.count / 2]
    if median > 0.2, median < 30 { return .micrometres }
    if median >= 150, median <= 30_000 { return .nanometres }
    return nil
  }

  /// Wavelengths in nm that a spectrum can have: from X-rays of a hundredth of a nanometre to waves of a metre.
  static let (shortest, longest) = (1e-2, 1e9)

  /// A width in nm, given in this unit at a centre in nm (for wavenumbers Δλ = 10⁻⁷·λ²·Δν).
  func nanometres(width: Double, at centre: Double) -> Double {
    self == .wavenumber ? width * centre * centre * 1e-7 : nanometres(width)
  }

  /// The inverse of `nanometres(width:at:)`.
  func value(width: Double, at centre: Double) -> Double {
    self == .wavenumber ? width / (centre * centre) * 1e7 : value(nanometres: width)
  }
}

/// Band centres and widths found somewhere in a file, before checks.
struct FoundWavelengths {
  var values: [Double]
  var fwhm: [Double]?
  /// Unit string, nil where the file has none.
  var unit: String?
  /// Where they were found, for the log.
  var place: String
  var source: FactSource

  /// Puts the centres and widths on `metadata.axis`: units, counts, zero and NaN bands.
  ///
  /// Warnings: `W-WL-COUNT` (ignored), `W-WL-UNIT` (ignored), `W-WL-BAD` (zero or NaN: band marked bad).
  func install(in metadata: inout CubeMetadata, path: String, context: RunContext) {
    let bands = metadata.bands
    guard values.count == bands else {
      context.warn(
        "W-WL-COUNT", "\(path): \(values.count) wavelengths for \(bands) bands in \(place); they are ignored")
      return
    }
    let unit: WavelengthUnit
    switch WavelengthUnit.reading(self.unit ?? "") {
    case .unit(let known): unit = known
    case .notWavelengths: return
    case .refused:
      context.warn(
        "W-WL-UNIT",
        "\(path): wavelengths in \(self.unit ?? "") are not understood and ignored; give \(option: "wavelengths")")
      return
    case .unknown:
      guard let guess = WavelengthUnit.guess(values) else {
        context.warn(
          "W-WL-UNIT",
          "\(path): wavelengths without unit could be anything and are ignored; add the unit or give \(option: "wavelengths")"
        )
        return
      }
      unit = guess
      metadata.sources["wavelengthUnit"] = .inferred
      context.logger.info("\(path): wavelength unit \(guess.rawValue) inferred from the values")
    }
    guard isPlausible(unit, path: path, context) else { return }
    let missing = values.indices.filter { !FoundWavelengths.isGiven(values[$0]) }
    let centres = values.map { FoundWavelengths.isGiven($0) ? unit.nanometres($0) : 0 }
    metadata.axis.unit = unit
    metadata.axis.wavelengths = centres
    for band in missing { metadata.axis.good[band] = false }
    if !missing.isEmpty {
      context.warn("W-WL-BAD", "\(path): \(missing.count) bands have no wavelength and count as bad")
    }
    if let fwhm, fwhm.count == bands {
      let widths = zip(fwhm, centres).map { unit.nanometres(width: $0, at: $1) }
      if widths.contains(where: { abs($0) > WavelengthUnit.longest }) {
        context.warn("W-WL-UNIT", "\(path): the widths in \(place) are those of no spectrum; they are ignored")
      } else {
        metadata.axis.fwhm = widths
        metadata.sources["fwhm"] = source
      }
    } else if let fwhm {
      context.warn(
        "W-FWHM-COUNT", "\(path): \(fwhm.count) widths for \(bands) bands in \(place); they are ignored")
    }
    metadata.sources["wavelengths"] = source
    context.logger.info("\(path): wavelengths of \(bands) bands from \(place)")
  }
}

extension FoundWavelengths {
  private static func isGiven(_ value: Double) -> Bool { value.isFinite && value > 0 }

  /// Whether every number in the unit is a wavelength that a spectrum can have; `W-WL-UNIT` where not.
  private func isPlausible(_ unit: WavelengthUnit, path: String, _ context: RunContext) -> Bool {
    let range = WavelengthUnit.shortest...WavelengthUnit.longest
    let wrong = values.first { FoundWavelengths.isGiven($0) && !range.contains(unit.nanometres($0)) }
    guard let wrong else { return true }
    context.warn(
      "W-WL-UNIT",
      "\(path): \(PlainNumber.exact(wrong)) \(unit.rawValue) in \(place) is the wavelength of no spectrum; all are ignored"
    )
    return false
  }
}

/// A band name without a trailing ` (NUMBER UNIT)` that only repeats the band's wavelength, so that round trips do
/// not grow names.
///
/// Cost: linear in the name, whatever it repeats.
func strippingWavelength(_ name: String, wavelength: Double?) -> String {
  guard let wavelength else { return name }
  var rest = name[...]
  while rest.utf8.last == UInt8(ascii: ")"), let open = rest.utf8.lastIndex(of: UInt8(ascii: "(")) {
    let inner = rest[rest.utf8.index(after: open)...].dropLast().split(separator: " ", maxSplits: 1)
    guard inner.count == 2, let value = parseNumber(String(inner[0])),
      case .unit(let unit) = WavelengthUnit.reading(String(inner[1])),
      abs(unit.nanometres(value) - wavelength) <= 1e-3 * max(1, abs(wavelength))
    else { break }
    rest = rest[..<open]
    let kept = rest.unicodeScalars.lastIndex { !CharacterSet.whitespaces.contains($0) }
    rest = kept.map { rest[...$0] } ?? rest[..<rest.startIndex]
  }
  return rest.endIndex == name.endIndex ? name : rest.trimmingCharacters(in: .whitespaces)
}

/// A number with a unit of length inside a band description (`B012 (0.4821 um)`, `400.5 Nanometers`), in nm.
func wavelengthInDescription(_ text: String) -> Double? {
  let pattern = #/(?<number>[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)\s*(?<unit>[A-Za-zµμ]+)\)?\s*$/#
  // A number and a unit are short; a long text is searched at its end only, so that the cost stays linear.
  let end = String(text.unicodeScalars.suffix(120))
  guard let match = end.firstMatch(of: pattern), let value = Double(match.number),
    case .unit(let unit) = WavelengthUnit.reading(String(match.unit)), unit != .metres, unit != .millimetres
  else { return nil }
  let result = unit.nanometres(value)
  return result > 100 && result < 100_000 ? result : nil
}
