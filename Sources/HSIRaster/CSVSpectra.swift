import Foundation
import HSICore

/// Tables of spectra as text: first column wavelength, one column per spectrum; or one row per spectrum below a
/// header of wavelengths.
///
/// Separators are commas, semicolons (then decimal commas are allowed), tabs or blanks. Quoted cells, comment lines
/// (`#`, `;`) and a byte-order mark are understood. A column `fwhm` gives the widths. The unit is the one named in
/// the header of the first column (`wavelength_nm`, `Wavelength (µm)`), else guessed from the numbers.
enum CSVSpectra: SpectralLibraryFormat {
  static let name = "CSV"

  static func matches(_ location: RasterLocation) -> Bool {
    guard ["csv", "txt", "tsv", "dat", "asc", "tab"].contains(location.fileExtension) else { return false }
    return !location.firstBytes.contains(0)
  }

  static func read(_ location: RasterLocation, options: OpenOptions, context: RunContext) throws -> SpectralLibrary {
    let bytes = try VSI.contents(location.file)
    return try parse(bytes, path: location.given, context: context)
  }

  /// Parses a table.
  ///
  /// - Throws: `RasterError.unreadable` when it holds no spectra.
  static func parse(_ bytes: [UInt8], path: String, context: RunContext) throws -> SpectralLibrary {
    func wrong(_ reason: String) -> RasterError { .unreadable(path: path, reason: reason) }
    let table = Table(decode(bytes))
    guard let width = table.rows.map({ $0.count }).max(), width >= 1 else { throw wrong("it is empty") }
    let first = table.rows[0]
    let hasHeader = first.contains { !$0.isEmpty && table.number($0) == nil }
    let body = hasHeader ? Array(table.rows.dropFirst()) : table.rows
    guard !body.isEmpty else { throw wrong("it has a header but no numbers") }

    // One row per spectrum: the header's cells after the first are numbers, the first cells of the rows are names.
    let headerNumbers = first.dropFirst().compactMap { table.number($0) }
    if hasHeader, first.count > 2, headerNumbers.count == first.count - 1,
      body.allSatisfy({ $0.count <= first.count })
    {
      let bands = headerNumbers.count
      let values = body.flatMap { row in
        (1...bands).map { $0 < row.count ? table.number(row[$0]) ?? .nan : .nan }
      }
      let found = FoundWavelengths(
        values: headerNumbers, fwhm: nil, unit: unitText(first[0]), place: "the header row", source: .header)
      let names = body.enumerated().map { $1.first.map { $0.isEmpty ? nil : $0 } ?? "spectrum \($0 + 1)" }
      return SpectralLibraryFile.library(
        names: names.map { $0 ?? "spectrum" }, values: values, bands: bands, found: found, path: path,
        context: context)
    }

    let bands = body.count
    for (index, row) in body.enumerated() where row.allSatisfy({ table.number($0) == nil }) {
      throw wrong(
        "row \(index + (hasHeader ? 2 : 1)) holds no number: \(row.joined(separator: " ").prefix(60))")
    }
    func column(_ index: Int) -> [Double] {
      body.map { index < $0.count ? table.number($0[index]) ?? .nan : .nan }
    }
    var spectra = Array(0..<width)
    var found: FoundWavelengths?
    let titles = (0..<width).map { hasHeader && $0 < first.count ? first[$0] : "" }
    let candidate = column(0)
    let title = titles[0].lowercased()
    let isNamed =
      ["wave", "lambda", "wvl", "nm", "micro", "µm", "um"].contains { title.contains($0) } || title == "wl"
    let isAxis = WavelengthUnit.guess(candidate) != nil && isMonotonic(candidate) && candidate.count > 1
    if width > 1, isNamed || isAxis {
      spectra.removeFirst()
      var widths: [Double]?
      if let index = spectra.first(where: {
        ["fwhm", "fwhm_nm", "fwhm_um", "bandwidth", "width"].contains(titles[$0].lowercased())
      }) {
        widths = column(index)
        spectra.removeAll { $0 == index }
      }
      spectra.removeAll { ["band", "channel", "good", "bbl"].contains(titles[$0].lowercased()) }
      found = FoundWavelengths(
        values: candidate, fwhm: widths, unit: unitText(titles[0]), place: "the first column", source: .header
      )
    }
    guard !spectra.isEmpty else { throw wrong("it has wavelengths but no spectra") }
    let names = spectra.enumerated().map { titles[$1].isEmpty ? "spectrum \($0 + 1)" : titles[$1] }
    return SpectralLibraryFile.library(
      names: names, values: spectra.flatMap { column($0) }, bands: bands, found: found, path: path,
      context: context)
  }

  /// The unit named in a column title, as a text that `WavelengthUnit.reading` understands; nil without one.
  private static func unitText(_ title: String) -> String? {
    let words = title.lowercased().split { " _()[]{},;:/".contains($0) }.map(String.init)
    return words.last { word in
      if case .unit(let unit) = WavelengthUnit.reading(word) { return unit != .metres }
      return false
    }
  }

  private static func isMonotonic(_ values: [Double]) -> Bool {
    zip(values, values.dropFirst()).allSatisfy { $0 < $1 }
      || zip(values, values.dropFirst()).allSatisfy { $0 > $1 }
  }

  /// UTF-8 (with or without mark), else Latin-1.
  static func decode(_ bytes: [UInt8]) -> String {
    let body = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes.dropFirst(3) : bytes[...]
    if let text = String(validating: body, as: UTF8.self) { return text }
    return String(String.UnicodeScalarView(body.map { Unicode.Scalar($0) }))
  }

  /// Text split into rows and cells.
  struct Table {
    private(set) var rows: [[String]] = []
    private let separator: Character
    private let hasDecimalCommas: Bool

    init(_ text: String) {
      let lines = text.split(whereSeparator: { $0.isNewline }).filter {
        let start = $0.first { !$0.isWhitespace }
        return start != nil && start != "#" && start != ";"
      }
      // The first line may hold names with any character in them; the numbers below hold separators only.
      let sample = lines.count > 1 ? lines.dropFirst().prefix(20) : lines.prefix(1)
      separator =
        ["\t", ";", ","].first { candidate in sample.contains { Table.hasOutsideQuotes(candidate, $0) } } ?? " "
      hasDecimalCommas = separator == ";" || separator == "\t"
      rows = lines.map { cells($0) }
    }

    /// Whether a line holds a character that no quotes enclose.
    private static func hasOutsideQuotes(_ character: Character, _ line: Substring) -> Bool {
      var isQuoted = false
      for each in line {
        if each == "\"" { isQuoted.toggle() } else if each == character, !isQuoted { return true }
      }
      return false
    }

    /// Cells without surrounding blanks; quotes enclose separators and, doubled, themselves.
    private func cells(_ line: Substring) -> [String] {
      var cells: [String] = []
      var current = ""
      var isQuoted = false
      var wasQuoted = false
      var previous: Character = separator
      for character in line {
        if character == "\"" {
          if isQuoted {
            isQuoted = false
          } else {
            if previous == "\"" { current.append("\"") }
            isQuoted = true
            wasQuoted = true
          }
        } else if character == separator, !isQuoted {
          if separator != " " || !current.isEmpty || wasQuoted {
            cells.append(current.trimmingCharacters(in: .whitespaces))
          }
          (current, wasQuoted) = ("", false)
        } else {
          current.append(character)
        }
        previous = character
      }
      if separator != " " || !current.isEmpty || wasQuoted {
        cells.append(current.trimmingCharacters(in: .whitespaces))
      }
      return cells
    }

    /// The number in a cell, nil for anything else.
    func number(_ cell: String) -> Double? {
      if let value = parseNumber(cell) { return value }
      guard hasDecimalCommas, cell.contains(","), !cell.contains(".") else { return nil }
      return parseNumber(cell.replacing(",", with: "."))
    }
  }

  /// The table of a library: `wavelength_nm` (or `band`, from 1) first, one column per spectrum, 9 digits.
  static func text(_ library: SpectralLibrary) -> String {
    let wavelengths = library.axis.wavelengths
    var lines = [
      ([wavelengths == nil ? "band" : "wavelength_nm"] + library.names).map(cell).joined(separator: ",")
    ]
    for band in 0..<library.bands {
      var row = [wavelengths.map { PlainNumber.rounded($0[band]) } ?? "\(band + 1)"]
      for index in 0..<library.count {
        row.append(PlainNumber.rounded(library.values[index * library.bands + band]))
      }
      lines.append(row.joined(separator: ","))
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func cell(_ text: String) -> String {
    guard text.contains(where: { ",;\t\"".contains($0) || $0.isNewline }) || text.hasPrefix("#") else { return text }
    return "\"" + text.replacing("\"", with: "\"\"").replacing("\n", with: " ") + "\""
  }
}
