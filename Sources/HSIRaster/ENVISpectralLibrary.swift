import Foundation
import HSICore

/// ENVI spectral libraries: `.sli` with `.hdr` or `.sli.hdr`; one line per spectrum, one sample per band.
enum ENVISpectralLibrary: SpectralLibraryFormat {
  static let name = "ENVI spectral library"

  static func matches(_ location: RasterLocation) -> Bool {
    if ENVIHeader.isHeader(location.firstBytes) {
      return header(location.file)?["file type"]?.lowercased().contains("spectral library") ?? false
        || location.fileExtension == "sli"
    }
    if location.fileExtension == "sli" { return true }
    // A table beside a library of the same name has its header beside it too.
    guard ["", "esl", "lib", "dat", "bin", "img"].contains(location.fileExtension),
      let path = ENVIFormat.headerPath(for: location.file), let header = header(path)
    else { return false }
    return header["file type"]?.lowercased().contains("spectral library") ?? false
  }

  private static func header(_ path: String) -> ENVIHeader? {
    (try? VSI.contents(path, limit: 64 << 20)).map { ENVIHeader(parsing: $0) }
  }

  static func read(_ location: RasterLocation, options: OpenOptions, context: RunContext) throws -> SpectralLibrary {
    let path = location.given
    let isHeader = ENVIHeader.isHeader(location.firstBytes)
    let dataPath = isHeader ? try ENVIFormat.dataPath(for: location.file) : location.file
    guard let headerPath = isHeader ? location.file : ENVIFormat.headerPath(for: location.file) else {
      throw RasterError.unreadable(path: path, reason: "its header (.hdr) is missing")
    }
    let header = ENVIHeader(parsing: try VSI.contents(headerPath, limit: 64 << 20))
    for (identifier, text) in header.remarks { context.warn(identifier, "\(headerPath): \(text)") }
    let layout = try ENVILayout(header, path: path, context: context)
    guard layout.shape.bands == 1, !layout.hasFrames, !layout.isCompressed else {
      throw RasterError.unsupported(
        path: path, feature: "a spectral library of \(layout.shape.bands) bands or with padding",
        advice: "open it as a cube")
    }
    let (count, bands) = (layout.shape.lines, layout.shape.samples)
    let needed = layout.headerOffset + count * bands * layout.type.size
    guard let found = VSI.status(dataPath)?.size, found >= needed else {
      throw RasterError.truncated(path: dataPath, expected: needed, found: VSI.status(dataPath)?.size ?? 0)
    }
    guard count * bands <= 1 << 28 else {
      throw RasterError.unreadable(path: path, reason: "\(count) spectra of \(bands) bands are no library")
    }
    let bytes = try FileBytes(dataPath)
    guard let base = bytes.bytes.baseAddress, bytes.bytes.count >= needed else {
      throw RasterError.truncated(path: dataPath, expected: needed, found: bytes.bytes.count)
    }
    var values = storedNumbers(
      base + layout.headerOffset, count: count * bands, type: layout.type, isByteSwapped: layout.isBigEndian)
    if let ignored = header["data ignore value"].flatMap(parseNumber) {
      for index in values.indices where values[index] == ignored { values[index] = .nan }
    }
    for index in values.indices where values[index] <= -1e30 { values[index] = .nan }
    scale(&values, header, bands: bands, isInteger: !layout.type.isFloatingPoint, path: path, context: context)
    var names = spectraNames(header) ?? []
    if names.count != count {
      if !names.isEmpty {
        context.warn(
          "W-SLI-NAMES",
          "\(path): \(names.count) spectra names for \(count) spectra; they are numbered instead")
      }
      names = (1...count).map { "spectrum \($0)" }
    }
    let wavelengths = (header.numbers("wavelength") ?? header.numbers("wavelengths")).map {
      FoundWavelengths(
        values: $0, fwhm: header.numbers("fwhm"), unit: header["wavelength units"], place: headerPath,
        source: .header)
    }
    var library = SpectralLibraryFile.library(
      names: names, values: values, bands: bands, found: wavelengths, path: path, context: context)
    if let flags = header.numbers("bbl"), flags.count == bands {
      for band in 0..<bands where flags[band] == 0 { library.axis.good[band] = false }
    }
    return library
  }

  /// As for cubes: `data gain values` and `data offset values`, one per band or one for all; without gains, `reflectance scale factor`
  /// divides integers.
  private static func scale(
    _ values: inout [Double], _ header: ENVIHeader, bands: Int, isInteger: Bool, path: String, context: RunContext
  ) {
    func list(_ key: String) -> [Double]? {
      guard let numbers = header.numbers(key), numbers.allSatisfy(\.isFinite) else { return nil }
      if numbers.count == 1 { return [Double](repeating: numbers[0], count: bands) }
      guard numbers.count != bands else { return numbers }
      context.warn(
        "W-GAIN-COUNT", "\(path): `\(key)` has \(numbers.count) entries for \(bands) bands and is ignored")
      return nil
    }
    let (gains, offsets) = (list("data gain values"), list("data offset values"))
    if gains != nil || offsets != nil {
      for index in values.indices {
        values[index] = values[index] * (gains?[index % bands] ?? 1) + (offsets?[index % bands] ?? 0)
      }
    }
    if gains == nil, isInteger, let factor = header.numbers("reflectance scale factor")?.first, factor > 0 {
      for index in values.indices { values[index] /= factor }
    }
  }

  /// The entries of `spectra names`; entries in quotes may hold commas.
  static func spectraNames(_ header: ENVIHeader) -> [String]? {
    guard let value = header["spectra names"] else { return nil }
    var names: [String] = []
    var current = ""
    var quote: Character?
    let text = ENVIHeader.unbraced(value)
    for character in text {
      if let open = quote {
        if character == open { quote = nil } else { current.append(character) }
      } else if character == "\"" || character == "'", current.allSatisfy({ $0.isWhitespace }) {
        // A quote inside a word (`Bob's soil`) is part of the name.
        (quote, current) = (character, "")
      } else if character == "," {
        names.append(current)
        current = ""
      } else {
        current.append(character == "\n" ? " " : character)
      }
    }
    if quote != nil { return header.list("spectra names") }
    names.append(current)
    names = names.map { $0.trimmingCharacters(in: .whitespacesAndNewlines) }
    if names.last == "" { names.removeLast() }
    return names
  }

  /// The numbers as float32, little endian; deleted channels as NaN.
  static func data(_ library: SpectralLibrary) -> Data {
    var data = Data(capacity: library.values.count * 4)
    for value in library.values {
      withUnsafeBytes(of: Float(value).bitPattern.littleEndian) { data.append(contentsOf: $0) }
    }
    return data
  }

  /// The header of a library. Commas and braces in names become semicolons and parentheses.
  static func header(_ library: SpectralLibrary, summary: String?) -> String {
    var header = ENVIHeader()
    header.set("description", "{\(safe(summary ?? "spectral library written by hsi", commas: true))}")
    header.set("samples", "\(library.bands)")
    header.set("lines", "\(library.count)")
    header.set("bands", "1")
    header.set("header offset", "0")
    header.set("file type", "ENVI Spectral Library")
    header.set("data type", "4")
    header.set("interleave", "bsq")
    header.set("byte order", "0")
    header.set("spectra names", list: library.names.map { safe($0, commas: false) }, perLine: 4)
    if let wavelengths = library.axis.wavelengths {
      let unit = library.axis.unit
      header.set("wavelength units", unit.rawValue)
      header.set("wavelength", list: wavelengths.map { PlainNumber.rounded(unit.value(nanometres: $0)) })
      if let widths = library.axis.fwhm {
        header.set(
          "fwhm",
          list: zip(widths, wavelengths).map { PlainNumber.rounded(unit.value(width: $0, at: $1)) })
      }
    }
    if library.axis.good.contains(false) {
      header.set("bbl", list: library.axis.good.map { $0 ? "1" : "0" }, perLine: 20)
    }
    return header.serialised
  }

  private static func safe(_ name: String, commas: Bool) -> String {
    var text = name.replacing("{", with: "(").replacing("}", with: ")").replacing("\n", with: " ")
    if !commas { text = text.replacing(",", with: ";") }
    return text
  }
}
