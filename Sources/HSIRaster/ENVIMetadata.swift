import CGDAL
import Foundation
import HSICore

/// The meaning of an ENVI header, and headers from metadata.
enum ENVIMetadata {
  /// Keys that the layout or a field of `CubeMetadata` holds; all others are carried along verbatim.
  static let understood: Set<String> = [
    "samples", "lines", "bands", "header offset", "data type", "interleave", "byte order", "file type",
    "file compression", "major frame offsets", "minor frame offsets", "wavelength", "wavelengths",
    "wavelength units", "fwhm", "bbl", "data ignore value", "reflectance scale factor", "data gain values",
    "data offset values", "default bands", "band names", "classes", "class names", "class lookup", "map info",
    "coordinate system string", "projection info", "geo points", "acquisition time", "sensor type",
    "description",
  ]

  /// The key of the number that stored reflectance is multiplied by.
  static let scaleFactor = "reflectance scale factor"

  /// Reads the metadata of a cube from its header.
  static func read(_ header: ENVIHeader, layout: ENVILayout, path: String, context: RunContext) -> CubeMetadata {
    let bands = layout.shape.bands
    var metadata = CubeMetadata(bands: bands)
    for remark in header.remarks { context.warn(remark.identifier, "\(path): \(remark.text)") }

    if let values = header.numbers("wavelength") ?? header.numbers("wavelengths") {
      let unit = header["wavelength units"]
      if unit == nil || unit == "" {
        context.warn("W-ENVI-NOUNITS", "\(path): the header gives no `wavelength units`")
      }
      FoundWavelengths(
        values: values, fwhm: header.numbers("fwhm"), unit: unit, place: "the ENVI header", source: .header
      ).install(in: &metadata, path: path, context: context)
    }
    if let flags = header.list("bbl") {
      let good = flags.map { flag in parseNumber(flag).map { $0 != 0 } ?? (flag.lowercased() != "false") }
      if good.count == bands {
        for (band, isGood) in good.enumerated() where !isGood { metadata.axis.good[band] = false }
        metadata.sources["goodBands"] = .header
      } else {
        context.warn(
          "W-BBL-COUNT", "\(path): `bbl` has \(good.count) entries for \(bands) bands and is ignored")
      }
    }
    if let text = header["data ignore value"], !text.isEmpty {
      if let value = parseNumber(ENVIHeader.unbraced(text)) {
        metadata.nodata = [Double?](repeating: value, count: bands)
        metadata.sources["nodata"] = .header
      } else {
        context.warn("W-NODATA", "\(path): `data ignore value = \(text)` is no number and is ignored")
      }
    }
    readScale(header, layout: layout, into: &metadata, path: path, context: context)
    if let names = header.list("band names") {
      if names.count == bands {
        metadata.bandNames = names.enumerated().map {
          strippingWavelength($0.element, wavelength: metadata.axis.wavelengths?[$0.offset])
        }
      } else {
        context.warn("W-BANDNAMES", "\(path): \(names.count) band names for \(bands) bands are ignored")
      }
    }
    if let rgb = header.numbers("default bands")?.map({ Int(exactly: $0) ?? 0 }), rgb.count == 3,
      rgb.allSatisfy({ (1...bands).contains($0) })
    {
      metadata.defaultRGB = rgb.map { $0 - 1 }
    }
    readClasses(header, into: &metadata, path: path, context: context)
    metadata.acquired = header["acquisition time"].map(ENVIHeader.unbraced).flatMap { $0.isEmpty ? nil : $0 }
    metadata.sensor = header["sensor type"].map(ENVIHeader.unbraced).flatMap {
      $0.isEmpty || $0.lowercased() == "unknown" ? nil : $0
    }
    metadata.summary = header["description"].map(ENVIHeader.unbraced).flatMap { $0.isEmpty ? nil : $0 }
    metadata.extra = header.fields.filter { !understood.contains(ENVIHeader.normalised($0.key)) }
    // A factor that is not applied goes on to the programs that know what to do with it.
    if metadata.sources["scale"] == nil, let factor = header[scaleFactor], !factor.isEmpty {
      metadata.extra.append(HeaderField(scaleFactor, factor))
    }
    if ["map info", "geo points", "coordinate system string"].contains(where: { header[$0] != nil }) {
      metadata.georeference = ENVIGeoreference.read(header, path: path, context: context)
      if metadata.georeference != nil { metadata.sources["georeference"] = .header }
    }
    return metadata
  }

  /// `data gain/offset values`, else `reflectance scale factor` of integer data; never both.
  private static func readScale(
    _ header: ENVIHeader, layout: ENVILayout, into metadata: inout CubeMetadata, path: String,
    context: RunContext
  ) {
    let bands = layout.shape.bands
    func perBand(_ key: String) -> [Double]? {
      guard let values = header.numbers(key), values.allSatisfy({ $0.isFinite }) else { return nil }
      if values.count == bands { return values }
      if values.count == 1 { return [Double](repeating: values[0], count: bands) }
      context.warn(
        "W-GAIN-COUNT", "\(path): `\(key)` has \(values.count) entries for \(bands) bands and is ignored")
      return nil
    }
    let gains = perBand("data gain values")
    let offsets = perBand("data offset values")
    if gains != nil || offsets != nil {
      metadata.scale = gains ?? metadata.scale
      metadata.offset = offsets ?? metadata.offset
      metadata.sources["scale"] = .header
    }
    guard let factor = header["reflectance scale factor"].map(ENVIHeader.unbraced).flatMap(parseNumber),
      factor > 0,
      factor.isFinite
    else { return }
    metadata.quantity = .reflectance
    metadata.sources["quantity"] = .header
    if gains == nil, !layout.type.isFloatingPoint {
      metadata.scale = [Double](repeating: 1 / factor, count: bands)
      metadata.sources["scale"] = .header
      context.logger.info(
        "\(path): stored values divided by the reflectance scale factor \(PlainNumber.exact(factor))")
    }
  }

  private static func readClasses(
    _ header: ENVIHeader, into metadata: inout CubeMetadata, path: String, context: RunContext
  ) {
    let isClassification = header["file type"]?.lowercased().contains("classification") ?? false
    guard let names = header.list("class names") else {
      if isClassification { metadata.quantity = .class }
      return
    }
    let lookup = header.numbers("class lookup") ?? []
    metadata.classes = names.enumerated().map { position, name in
      let colour = (0..<3).map { channel -> UInt8 in
        let at = position * 3 + channel
        return at < lookup.count
          ? UInt8(clamping: Int(clamping: max(0, min(255, lookup[at].isNaN ? 0 : lookup[at])))) : 0
      }
      return ClassEntry(name: name, colour: colour)
    }
    if isClassification { metadata.quantity = .class }
    if let count = header["classes"].flatMap(parseInteger), count != names.count {
      context.warn("W-CLASS-COUNT", "\(path): `classes = \(count)` but \(names.count) class names")
    }
  }

  /// The header of a file of `layout` that holds `metadata`.
  static func header(_ metadata: CubeMetadata, layout: ENVILayout) -> ENVIHeader {
    var header = ENVIHeader()
    let isClassification = metadata.quantity == .class && metadata.classes != nil && layout.shape.bands == 1
    if let summary = metadata.summary { header.set("description", "{\(summary.replacing("}", with: ")"))}") }
    header.set("samples", "\(layout.shape.samples)")
    header.set("lines", "\(layout.shape.lines)")
    header.set("bands", "\(layout.shape.bands)")
    header.set("header offset", "\(layout.headerOffset)")
    header.set("file type", isClassification ? "ENVI Classification" : "ENVI Standard")
    header.set("data type", "\(ENVILayout.types.first { $0.value == layout.type }?.key ?? 0)")
    header.set("interleave", layout.interleave.rawValue)
    header.set("byte order", layout.isBigEndian ? "1" : "0")
    if let sensor = metadata.sensor { header.set("sensor type", sensor) }
    if let acquired = metadata.acquired { header.set("acquisition time", acquired) }
    for (key, value) in ENVIGeoreference.fields(metadata.georeference) { header.set(key, value) }
    if let rgb = metadata.defaultRGB {
      header.set("default bands", "{\(rgb.map { "\($0 + 1)" }.joined(separator: ", "))}")
    }
    let nodata = metadata.nodata.compactMap { $0 }
    if let value = nodata.first { header.set("data ignore value", PlainNumber.exact(value)) }
    writeScale(metadata, into: &header, isInteger: !layout.type.isFloatingPoint)
    if let wavelengths = metadata.axis.wavelengths {
      let unit = metadata.axis.unit
      header.set("wavelength units", unit.rawValue)
      header.set("wavelength", list: wavelengths.map { unitText($0 > 0 ? unit.value(nanometres: $0) : 0) })
      if let fwhm = metadata.axis.fwhm {
        header.set(
          "fwhm", list: zip(fwhm, wavelengths).map { unitText($1 > 0 ? unit.value(width: $0, at: $1) : 0) })
      }
    }
    if metadata.axis.good.contains(false) {
      header.set("bbl", list: metadata.axis.good.map { $0 ? "1" : "0" }, perLine: 32)
    }
    if !metadata.bandNames.isEmpty {
      header.set("band names", list: metadata.bandNames.map(listSafe), perLine: 1)
    }
    if isClassification, let classes = metadata.classes {
      header.set("classes", "\(classes.count)")
      header.set("class names", list: classes.map { listSafe($0.name) })
      header.set("class lookup", list: classes.flatMap { $0.colour.map { "\($0)" } }, perLine: 12)
    }
    for field in metadata.extra where isCarried(field, scale: metadata.scale) && header[field.key] == nil {
      header.set(field.key, field.value)
    }
    return header
  }

  /// Whether an entry is handed on as it is: one without a meaning here, or a factor that was not applied.
  static func isCarried(_ field: HeaderField, scale: [Double]) -> Bool {
    let key = ENVIHeader.normalised(field.key)
    return !understood.contains(key) || key == scaleFactor && scale.allSatisfy { $0 == 1 }
  }

  /// The number that stored reflectance is multiplied by, where one scale without offset makes it; nil otherwise.
  static func factor(_ metadata: CubeMetadata) -> Double? {
    guard let first = metadata.scale.first, metadata.quantity == .reflectance, first > 0, first < 1,
      metadata.scale.allSatisfy({ $0 == first }), metadata.offset.allSatisfy({ $0 == 0 })
    else { return nil }
    let factor = 1 / first
    let whole = factor.rounded()
    return abs(factor - whole) < 1e-9 * factor ? whole : factor
  }

  /// Gains and offsets; for integers of reflectance the factor alone, which other programs know best, for floats both: the factor alone
  /// does not scale floats here.
  private static func writeScale(_ metadata: CubeMetadata, into header: inout ENVIHeader, isInteger: Bool) {
    let isPlain = metadata.scale.allSatisfy { $0 == 1 } && metadata.offset.allSatisfy { $0 == 0 }
    guard !isPlain else { return }
    let factor = factor(metadata)
    if let factor { header.set(scaleFactor, PlainNumber.exact(factor)) }
    if factor == nil || !isInteger {
      header.set("data gain values", list: metadata.scale.map(PlainNumber.exact))
      header.set("data offset values", list: metadata.offset.map(PlainNumber.exact))
    }
  }

  /// A number of the file's unit without the noise that a conversion to nm and back leaves in the last digits.
  private static func unitText(_ value: Double) -> String {
    PlainNumber.exact(Double(String(format: "%.12g", value)) ?? value)
  }

  /// A name that can stand in a list.
  private static func listSafe(_ name: String) -> String {
    String(name.map { $0 == "," ? ";" : $0 == "{" ? "(" : $0 == "}" ? ")" : $0.isNewline ? " " : $0 })
  }
}
