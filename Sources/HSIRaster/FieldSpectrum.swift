import Foundation
import HSICore

/// Text files of one measured spectrum: ECOSTRESS (`.spectrum.txt`), Spectral Evolution (`.sed`), Spectra Vista
/// (`.sig`). ASD's text exports are tables (`CSVSpectra`).
///
/// Reflectance is 0…1 (percentages are divided by 100). Numbers may have decimal commas. A file without a column of reflectance gives
/// the ratio of target and reference (`W-NO-REFLECTANCE`), or what it has, which is said too.
enum FieldSpectrum: SpectralLibraryFormat {
  static let name = "field spectrum"

  /// Dialects, by what ends the text part of the file.
  private enum Dialect { case ecostress, sed, svc }

  static func matches(_ location: RasterLocation) -> Bool { dialect(location) != nil }

  private static func dialect(_ location: RasterLocation) -> Dialect? {
    guard !location.isFolder, !location.firstBytes.contains(0) else { return nil }
    let text = CSVSpectra.decode(location.firstBytes).lowercased()
    if text.contains("x units:") && text.contains("y units:") { return .ecostress }
    if text.contains("spectra vista") && text.contains("data=") { return .svc }
    if location.fileExtension == "sig" { return .svc }
    if location.fileExtension == "sed" || text.hasPrefix("comment:") && text.contains("columns [") {
      return .sed
    }
    return nil
  }

  static func read(_ location: RasterLocation, options: OpenOptions, context: RunContext) throws -> SpectralLibrary {
    func wrong(_ reason: String) -> RasterError { .unreadable(path: location.given, reason: reason) }
    let lines = CSVSpectra.decode(try VSI.contents(location.file)).split(
      omittingEmptySubsequences: false, whereSeparator: { $0.isNewline })
    var facts: [String: String] = [:]
    for line in lines.prefix(200) {
      guard let mark = line.firstIndex(where: { $0 == ":" || $0 == "=" }) else { continue }
      let key = line[..<mark].trimmingCharacters(in: .whitespaces).lowercased()
      if facts[key] == nil {
        facts[key] = line[line.index(after: mark)...].trimmingCharacters(in: .whitespaces)
      }
    }
    let file = PathName(location.file).name
    var title = facts["name"].flatMap { $0.isEmpty ? nil : $0 } ?? String(file.prefix { $0 != "." })
    var unit: String?
    var column = 1
    var isPercent = false
    var table: [[Double]]
    switch dialect(location) {
    case .ecostress:
      // "Wavelength (micrometers)", "Reflectance (percentage)".
      unit = facts["x units"].flatMap { words($0).last }
      isPercent = facts["y units"]?.lowercased().contains("percent") ?? false
      if let sample = facts["sample no."], !sample.isEmpty { title += " \(sample)" }
      table = rows(lines[...])
    case .sed:
      guard let start = lines.firstIndex(where: { $0.lowercased().hasPrefix("data:") }) else {
        throw wrong("it has no line `Data:`")
      }
      let titles = (lines.dropFirst(start + 1).first ?? "").lowercased().split(separator: "\t").map {
        $0.trimmingCharacters(in: .whitespaces)
      }
      unit = "nm"
      if facts["name"] == nil { title = String(file.prefix { $0 != "." }) }
      table = rows(lines.dropFirst(start + 2))
      if let reflectance = titles.firstIndex(where: { $0.contains("reflect") }) {
        column = reflectance
        isPercent = titles[column].contains("%")
      } else {
        column = max(1, titles.count - 1)
        let target = titles.firstIndex { $0.contains("target") || $0.contains("tgt") }
        let reference = titles.firstIndex { $0.contains("ref") }
        var text = "\(location.given): it has no column of reflectance; "
        if let target, let reference {
          table = table.filter { $0.count > max(target, reference) }.map { row in
            [row[0], row[reference] == 0 ? .nan : row[target] / row[reference]]
          }
          column = 1
          text += "the ratio of `\(titles[target])` and `\(titles[reference])` stands for it"
        } else {
          text += "`\(titles.indices.contains(column) ? titles[column] : "the last column")` is taken as it is"
        }
        context.warn("W-NO-REFLECTANCE", text)
      }
    case .svc:
      guard let start = lines.firstIndex(where: { $0.lowercased().hasPrefix("data=") }) else {
        throw wrong("it has no line `data=`")
      }
      unit = "nm"
      title = String(file.prefix { $0 != "." })
      table = rows(lines.dropFirst(start + 1))
      column = 3
      isPercent = true
    case nil: throw wrong("it is no field spectrum that hsi knows")
    }
    table = table.filter { $0.count > column }
    guard !table.isEmpty else { throw wrong("it holds no values") }
    let factor = isPercent ? 0.01 : 1
    let values = table.map { row in row[column] > -1e30 ? row[column] * factor : .nan }
    let found = FoundWavelengths(
      values: table.map { $0[0] }, fwhm: nil, unit: unit, place: "the first column", source: .header)
    return SpectralLibraryFile.library(
      names: [title], values: values, bands: table.count, found: found, path: location.given, context: context
    )
  }

  private static func words(_ text: String) -> [String] {
    text.split { " ()[]".contains($0) }.map(String.init)
  }

  /// The lines that are at least two numbers and nothing else, between blanks, tabs or commas; decimal commas are told from those by
  /// the blanks beside them.
  private static func rows(_ lines: ArraySlice<Substring>) -> [[Double]] {
    lines.compactMap { line in
      let words = line.split { $0 == " " || $0 == "\t" || $0 == ";" }.map { word in
        word.hasSuffix(",") ? word.dropLast() : word
      }
      let isDecimalComma = words.count > 1 && words.allSatisfy { number(String($0)) != nil }
      let cells = isDecimalComma ? words : line.split { $0 == " " || $0 == "\t" || $0 == "," || $0 == ";" }
      let numbers = cells.compactMap { number(String($0)) }
      return numbers.count == cells.count && numbers.count >= 2 ? numbers : nil
    }
  }

  private static func number(_ word: String) -> Double? {
    parseNumber(word) ?? (word.contains(".") ? nil : parseNumber(word.replacing(",", with: ".")))
  }
}

/// Spectra of the USGS spectral library version 7 as text: a title line, then one value per line. Wavelengths and
/// widths are in separate files of the same length (`…_Wavelengths_…`, `…_Bandpass_…`) beside the spectrum or up to
/// two folders above, in micrometres.
enum USGSSpectrum: SpectralLibraryFormat {
  static let name = "USGS splib07"

  static func matches(_ location: RasterLocation) -> Bool {
    guard !location.isFolder, location.fileExtension == "txt" else { return false }
    // Titles of convolved libraries name the sensor (`s07_AV95 Record=…`) and not the library; one number per line follows.
    let lines = String(decoding: location.firstBytes.prefix(600), as: UTF8.self).split(
      maxSplits: 2, whereSeparator: { $0.isNewline })
    return lines.count > 1 && lines[0].contains("Record=") && parseNumber(String(lines[1])) != nil
  }

  static func read(_ location: RasterLocation, options: OpenOptions, context: RunContext) throws -> SpectralLibrary {
    let (title, values) = try column(location.file, given: location.given)
    var name = title
    if let colon = title.firstIndex(of: ":"), title[..<colon].contains("Record=") {
      name = title[title.index(after: colon)...].trimmingCharacters(in: .whitespaces)
    }
    // Names are filled up with blanks.
    name = name.split(separator: " ").joined(separator: " ")
    // `… ASDFRb AREF`: the word before the last names the spectrometer.
    let words = name.split(separator: " ")
    let instrument = String((words.count > 1 ? words[words.count - 2] : "").prefix(3)).uppercased()
    let centres = try companion(
      location.file, kind: "wavelength", count: values.count, instrument: instrument, given: location.given)
    let widths = try companion(
      location.file, kind: "bandpass", count: values.count, instrument: instrument, given: location.given)
    var found: FoundWavelengths?
    if let centres {
      found = FoundWavelengths(
        values: centres.values, fwhm: widths?.values, unit: "um", place: centres.file, source: .sidecar)
    } else if options.wavelengths == nil {
      context.warn(
        "W-USGS-WAVELENGTHS",
        "\(location.given): no file of \(values.count) wavelengths is beside it; copy it into the same folder"
      )
    }
    return SpectralLibraryFile.library(
      names: [name], values: values.map { $0 > -1e30 ? $0 : .nan }, bands: values.count, found: found,
      path: location.given, context: context)
  }

  /// Title and values of a file of one column.
  private static func column(_ path: String, given: String) throws -> (String, [Double]) {
    let lines = CSVSpectra.decode(try VSI.contents(path)).split(whereSeparator: { $0.isNewline })
    guard let title = lines.first else { throw RasterError.unreadable(path: given, reason: "it is empty") }
    let values = lines.dropFirst().map { parseNumber(String($0)) }
    guard !values.isEmpty, !values.contains(where: { $0 == nil }) else {
      throw RasterError.unreadable(path: given, reason: "it holds something else than one number per line")
    }
    return (title.trimmingCharacters(in: .whitespaces), values.compactMap { $0 })
  }

  private static func companion(
    _ path: String, kind: String, count: Int, instrument: String, given: String
  ) throws -> (file: String, values: [Double])? {
    var folder = PathName(path).listedFolder
    for _ in 0..<3 {
      var names = VSI.names(in: folder).filter {
        $0.lowercased().contains(kind) && $0.lowercased().hasSuffix(".txt")
      }
      names.sort { a, b in
        let (x, y) = (a.uppercased().contains(instrument), b.uppercased().contains(instrument))
        return x == y ? naturalOrder(a, b) : x
      }
      for name in names {
        let file = folder + "/" + name
        if let found = try? column(file, given: given), found.1.count == count { return (file, found.1) }
      }
      if folder == "." || folder == "/" || folder.isEmpty { return nil }
      folder = PathName(folder).listedFolder
    }
    return nil
  }
}
