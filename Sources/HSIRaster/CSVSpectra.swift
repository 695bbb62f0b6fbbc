import Foundation
import HSICore

/// Tables of spectra as text (`SpectraTable`), in either of two layouts.
///
/// - A column per spectrum: the first column is the wavelength (named so, or plausible as such), or a number per band (`band`).
///   Further columns of the same wavelengths are left out, `fwhm` gives widths, `good` or `bbl` bad bands; columns without any
///   number are left out, and so are rows of texts above. Without a header wavelengths need not rise steadily, as where detectors overlap.
/// - A row per spectrum below a header of wavelengths (`400`, `400.5 nm`, `X400`); columns of text or identifiers may stand beside
///   them, and one of them names the spectra. Rows of numbers that begin with a text are spectra also without wavelengths, and rows
///   below one of wavelengths also without texts.
///
/// The unit is the one named in the header (`wavelength_nm`, `Wavelength (µm)`), else guessed from the numbers.
enum CSVSpectra: SpectralLibraryFormat {
  static let name = "CSV"

  static func matches(_ location: RasterLocation) -> Bool {
    guard ["csv", "txt", "tsv", "dat", "asc", "tab"].contains(location.fileExtension) else { return false }
    return !location.firstBytes.contains(0)
  }

  static func read(_ location: RasterLocation, options: OpenOptions, context: RunContext) throws -> SpectralLibrary {
    // The text and its numbers.
    let needed = Int.product(5, VSI.status(location.file)?.size ?? 0)
    guard needed <= max(context.memory.bytes, 64 << 20) else {
      throw CoreError.memory(
        purpose: "reading the table \(location.given)", needed: needed, budget: context.memory.bytes)
    }
    return try parse(VSI.contents(location.file, limit: 2 << 30), path: location.given, context: context)
  }

  /// Parses a table.
  ///
  /// - Throws: `RasterError.unreadable` when it holds no spectra, `.inconsistent` when its spectra are on different wavelengths.
  static func parse(_ bytes: [UInt8], path: String, context: RunContext) throws -> SpectralLibrary {
    func wrong(_ reason: String) -> RasterError { .unreadable(path: path, reason: reason) }
    let table = SpectraTable(bytes)
    guard !table.isRagged else { throw wrong("some of its rows are thousands of times as long as others") }
    guard table.width >= 1 else { throw wrong("it is empty") }
    guard table.count > 0 else { throw wrong("it has a header but no numbers") }
    if let rows = numbersAboveRows(table, path: path, context: context) { return rows }
    if let rows = try byRows(table, path: path, context: context) { return rows }
    // Facts about the spectra above their numbers: rows that begin with a text, then only such that begin with a number.
    let first = table.column(0)
    let facts = first.lastIndex(where: \.isNaN).map { $0 + 1 } ?? 0
    let isBlock =
      facts > 0 && facts + 3 <= table.count && (0..<facts).allSatisfy { !table.text($0, 0).isEmpty && first[$0].isNaN }
    return try byColumns(isBlock ? table.dropping(facts) : table, path: path, context: context)
  }

  // MARK: - A row per spectrum

  /// A table of numbers only, the first row of which is wavelengths, perhaps behind columns of other things.
  private static func numbersAboveRows(_ table: SpectraTable, path: String, context: RunContext) -> SpectralLibrary? {
    guard !table.hasHeader, table.width > 4, table.count > 1 else { return nil }
    let top = Array(table.row(0))
    var first = top.count - 1
    while first > 0, top[first - 1] > 0, top[first - 1] < top[first] { first -= 1 }
    let columns = Array(first..<top.count)
    let second = table.row(1)
    let (below, left) = (columns.map { second[second.startIndex + $0] }, table.column(0))
    guard columns.count > 4, 2 * columns.count > top.count, top[first] >= 150, isPlausible(Array(top[first...])),
      !isSteady(below),
      !(isAxis(left, isTitled: true) && 100 * (left.min() ?? 0) > left.max() ?? 0)
    else { return nil }
    context.logger.info("\(path): the first row is taken as wavelengths, the others as spectra")
    let values = (1..<table.count).flatMap { index -> [Double] in
      let row = table.row(index)
      return columns.map { row[row.startIndex + $0] }
    }
    return SpectralLibraryFile.library(
      names: (1..<table.count).map { "spectrum \($0)" }, values: values, bands: columns.count,
      found: FoundWavelengths(values: Array(top[first...]), place: "the first row", source: .header), path: path,
      context: context)
  }

  private static func byRows(_ table: SpectraTable, path: String, context: RunContext) throws -> SpectralLibrary? {
    guard table.hasHeader || table.isHeadless, table.width > 2 else { return nil }
    let titles = table.titles
    let axis = headerAxis(titles, table)
    // Spectra may have numbers for names: the first column decides then.
    if table.texts[0] == 0, axis.map({ !$0.columns.contains(0) }) ?? false {
      let first = table.column(0)
      if titles[0].lowercased() == "band", isCount(first) { return nil }
      if isWavelengthTitle(titles[0]), isPlausible(first), isCount(axis?.values ?? []) || !isCount(first) { return nil }
    }
    // A name and numbers that are no wavelengths: a spectrum like those below it.
    if let axis, axis.columns.count == table.width - 1, table.texts[0] == table.count, !isCount(axis.values),
      !(isPlausible(axis.values) && isRising(axis.values)), !table.isHeadless
    {
      return try byRows(table.withoutTitles(), path: path, context: context)
    }
    // Other texts beside numbers are a table of attributes.
    let isTextFirst = table.texts[0] == table.count && table.texts.dropFirst().allSatisfy { $0 == 0 }
    guard axis != nil || isTextFirst else { return nil }
    let columns = axis?.columns ?? (1..<table.width).filter { table.texts[$0] == 0 }
    let names = rowNames(table, titles, beside: Set(columns))
    if columns.count < table.width - 1 {
      context.logger.info(
        "\(path): rows are spectra; \(table.width - columns.count) columns beside the bands, names from one of them")
    }
    let values = (0..<table.count).flatMap { index -> [Double] in
      let row = table.row(index)
      return columns.map { row[row.startIndex + $0] }
    }
    guard values.contains(where: { !$0.isNaN }) else {
      throw RasterError.unreadable(path: path, reason: "its rows hold no numbers")
    }
    let found = axis.flatMap { axis in
      isCount(axis.values)
        ? nil
        : FoundWavelengths(
          values: axis.values, fwhm: nil, unit: axis.unit ?? unitText(titles[0]), place: "the header row",
          source: .header)
    }
    return SpectralLibraryFile.library(
      names: names, values: values, bands: columns.count, found: found, path: path, context: context)
  }

  /// The columns whose titles are wavelengths: plain numbers, or numbers with the same short word before them or a unit behind.
  private static func headerAxis(
    _ titles: [String], _ table: SpectraTable
  ) -> (columns: [Int], values: [Double], unit: String?)? {
    let plain = titles.indices.filter { table.number(titles[$0]) != nil }
    // Two numbers are enough where nothing but a name stands beside them.
    if plain.count > 1, plain.count == titles.count - 1 || plain.count > 2,
      plain.allSatisfy({ table.texts[$0] < table.count })
    {
      let values = plain.map { table.number(titles[$0]) ?? .nan }
      if plain.count == titles.count - 1 || isPlausible(values) { return (plain, values, nil) }
    }
    let pattern = #/^([A-Za-z_. ]{0,12}?)[ _]?([0-9]+(?:\.[0-9]+)?) ?([A-Za-zµμ]{0,11})$/#
    var groups: [String: [(column: Int, value: Double, unit: String)]] = [:]
    for (column, title) in titles.enumerated() {
      guard let match = title.wholeMatch(of: pattern), let value = Double(match.2) else { continue }
      groups["\(match.1)|\(match.3)", default: []].append((column, value, String(match.3)))
    }
    guard let group = groups.values.max(by: { $0.count < $1.count }), group.count > 2 else { return nil }
    let values = group.map(\.value)
    guard isPlausible(values), !isCount(values), (values.min() ?? 0) >= 150 || !group[0].unit.isEmpty else {
      return nil
    }
    return (group.map(\.column), values, unitText(group[0].unit))
  }

  /// Names of the rows: of the column that is called so, else of the first with a different text in every row.
  private static func rowNames(_ table: SpectraTable, _ titles: [String], beside bands: Set<Int>) -> [String] {
    // Every one of them is looked through; names do not stand behind scores of other columns.
    let candidates = Array(
      (0..<table.width).lazy.filter { !bands.contains($0) && table.blanks[$0] < table.count }.prefix(64))
    func texts(_ column: Int) -> [String] { (0..<table.count).map { table.text($0, column) } }
    func isNaming(_ column: Int) -> Bool {
      let all = texts(column)
      return !all.contains("") && Set(all).count == all.count
    }
    let words = ["name", "spectrum", "sample", "label", "id", "spectra"]
    let column: Int?
    if candidates.count == 1 {
      column = candidates[0]
    } else {
      column =
        candidates.first { words.contains(titles[$0].lowercased()) && isNaming($0) }
        ?? candidates.first { table.texts[$0] > 0 && isNaming($0) } ?? candidates.first(where: isNaming)
        ?? candidates.first { table.texts[$0] > 0 }
    }
    guard let column else { return (1...table.count).map { "spectrum \($0)" } }
    return texts(column).enumerated().map { $1.isEmpty ? "spectrum \($0 + 1)" : $1 }
  }

  // MARK: - A column per spectrum

  private static func byColumns(_ table: SpectraTable, path: String, context: RunContext) throws -> SpectralLibrary {
    func wrong(_ reason: String) -> RasterError { .unreadable(path: path, reason: reason) }
    for index in 0..<table.count where table.row(index).allSatisfy(\.isNaN) {
      let cells = table.texts(ofRow: index)
      guard !cells.contains(where: { $0.lowercased() == "nan" }) else { continue }
      throw wrong(
        "row \(index + (table.hasHeader ? 2 : 1)) holds no number: \(cells.joined(separator: " ").prefix(60))")
    }
    let titles = table.titles
    guard !(table.texts[0] == table.count && table.texts.dropFirst().contains(table.count)) else {
      throw wrong(
        "its rows are texts and numbers, and nothing says which numbers are bands: name the columns by their wavelengths"
      )
    }
    let title = titles[0].lowercased()
    var spectra = Array(0..<table.width)
    var found: FoundWavelengths?
    var good: [Bool]?
    // Wavelengths may stand behind a number of the row, as programs for data frames write it.
    let named =
      isWavelengthTitle(titles[0])
      ? 0 : titles.indices.first { isNamedWavelength(titles[$0]) && isPlausible(table.column($0)) }
    let first = table.column(named ?? 0)
    let isCounter =
      named == nil && isCount(first) && ["", "band", "channel", "index", "band number"].contains(title)
      && table.width > 1
    let isAxis = table.width > 1 && !isCounter && (named != nil || isAxis(first, isTitled: !title.isEmpty))
    if isAxis || isCounter {
      spectra.removeAll { $0 == named ?? 0 || $0 < (named ?? 0) && isCount(table.column($0)) }
      spectra.removeAll { ["band", "channel"].contains(titles[$0].lowercased()) && isCount(table.column($0)) }
      var widths: [Double]?
      if let index = spectra.first(where: {
        ["fwhm", "fwhm_nm", "fwhm_um", "bandwidth", "width"].contains(titles[$0].lowercased())
      }) {
        widths = table.column(index)
        spectra.removeAll { $0 == index }
      }
      if let index = spectra.last(where: { ["good", "bbl", "good_bands"].contains(titles[$0].lowercased()) }) {
        let flags = table.column(index)
        if flags.allSatisfy({ $0 == 0 || $0 == 1 }) {
          good = flags.map { $0 == 1 }
          spectra.removeAll { $0 == index }
        }
      }
      try removeRepeats(of: first, table, titles, from: &spectra, isTitled: isAxis, path: path)
      if isAxis {
        found = FoundWavelengths(
          values: first, fwhm: widths, unit: unitText(titles[named ?? 0]), place: "the first column", source: .header)
      }
    }
    let textual = spectra.filter {
      table.texts[$0] + table.blanks[$0] == table.count && (table.texts[$0] > 0 || titles[$0].isEmpty)
    }
    if !textual.isEmpty {
      context.logger.info("\(path): \(textual.count) columns without numbers are left out")
      let left = Set(textual)
      spectra.removeAll { left.contains($0) }
    }
    guard !spectra.isEmpty else { throw wrong("it has wavelengths but no spectra") }
    let names = spectra.enumerated().map { titles[$1].isEmpty ? "spectrum \($0 + 1)" : titles[$1] }
    var library = SpectralLibraryFile.library(
      names: names, values: spectra.flatMap { table.column($0) }, bands: table.count, found: found, path: path,
      context: context)
    if let good { library.axis.good = zip(library.axis.good, good).map { $0 && $1 } }
    return library
  }

  /// Takes further columns of wavelengths away.
  ///
  /// - Throws: `RasterError.inconsistent` where they differ from the first.
  private static func removeRepeats(
    of axis: [Double], _ table: SpectraTable, _ titles: [String], from spectra: inout [Int], isTitled: Bool,
    path: String
  ) throws {
    guard axis.count > 1, isTitled else { return }
    spectra = try spectra.filter { index in
      let values = table.column(index)
      // A spectrum may equal the wavelengths; a column without a title that does is none.
      if values == axis { return !(titles[index].isEmpty || isWavelengthTitle(titles[index])) }
      guard isNamedWavelength(titles[index]), isPlausible(values), isRising(values) else { return true }
      throw RasterError.inconsistent(
        path: path, reason: "its spectra are on different wavelengths (columns 1 and \(index + 1))",
        advice: "make one table of every group of spectra that share wavelengths")
    }
  }

  /// Whether a title says that a column holds wavelengths.
  private static func isWavelengthTitle(_ title: String) -> Bool {
    let text = title.lowercased()
    if ["wl", "nm", "um", "µm"].contains(text) { return true }
    if ["wave", "wvl", "lambda", "micromet", "nanomet", "wellenl"].contains(where: { text.hasPrefix($0) }) {
      return true
    }
    let words = text.split { " _()[]{},;:/.".contains($0) }
    return words.contains {
      ["wavelength", "wavelengths", "lambda", "nm", "um", "µm", "micrometers", "nanometers"].contains($0)
    }
  }

  /// Whether a title names wavelengths and nothing else, as it may in any column.
  private static func isNamedWavelength(_ title: String) -> Bool {
    ["wavelength", "wvl", "lambda", "wellenl"].contains { title.lowercased().hasPrefix($0) }
      || title.lowercased() == "wl"
  }

  /// Whether numbers without any title that helps are wavelengths: plausible, and rising or falling steadily; or, without titles, on
  /// the whole rising, where detectors overlap.
  private static func isAxis(_ values: [Double], isTitled: Bool) -> Bool {
    guard values.count > 1, isPlausible(values) else { return false }
    return isSteady(values) || !isTitled && (values.min() ?? 0) >= 150 && isRising(values)
  }

  /// Whether numbers rise, or fall, on the whole: in three of four steps, and hardly one twice.
  private static func isRising(_ values: [Double]) -> Bool {
    let steps = zip(values, values.dropFirst()).map { $1 - $0 }
    let rising = steps.filter { $0 > 0 }.count
    return 4 * max(rising, steps.count - rising) >= 3 * steps.count
      && 50 * (values.count - Set(values).count) <= values.count
  }

  private static func isPlausible(_ values: [Double]) -> Bool {
    values.allSatisfy { $0 > 0 && $0.isFinite } && WavelengthUnit.guess(values) != nil
  }

  private static func isSteady(_ values: [Double]) -> Bool {
    zip(values, values.dropFirst()).allSatisfy { $0 < $1 } || zip(values, values.dropFirst()).allSatisfy { $0 > $1 }
  }

  /// Whether numbers only count: 1, 2, 3 … or 0, 1, 2 …
  private static func isCount(_ values: [Double]) -> Bool {
    guard let first = values.first, first == 0 || first == 1 else { return false }
    return values.indices.allSatisfy { values[$0] == first + Double($0) }
  }

  /// The unit named in a column title, as a text that `WavelengthUnit.reading` understands; nil without one.
  private static func unitText(_ title: String) -> String? {
    let words = title.lowercased().split { " _()[]{},;:/".contains($0) }.map(String.init)
    return words.last { word in
      if case .unit(let unit) = WavelengthUnit.reading(word) { return unit != .metres }
      return false
    }
  }

  /// UTF-8 (with or without mark), else Latin-1.
  static func decode(_ bytes: [UInt8]) -> String {
    let body = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes.dropFirst(3) : bytes[...]
    if let text = String(validating: body, as: UTF8.self) { return text }
    return String(String.UnicodeScalarView(body.map { Unicode.Scalar($0) }))
  }

  // MARK: - Writing

  /// The table of a library: `wavelength_nm` (or `band`, from 1) first, one column per spectrum, 9 digits; then `fwhm_nm` where there
  /// are widths and `good` where there are bad bands. Line breaks in names become blanks, and a name that begins like a formula gets an
  /// apostrophe (`SpreadsheetText`).
  static func text(_ library: SpectralLibrary) -> String {
    let axis = library.axis
    let hasFlags = axis.good.contains(false)
    var titles = [axis.wavelengths == nil ? "band" : "wavelength_nm"] + library.names.map(cell)
    // Widths without centres mean nothing.
    let widths = axis.wavelengths == nil ? nil : axis.fwhm
    if widths != nil { titles.append("fwhm_nm") }
    if hasFlags { titles.append("good") }
    var text = titles.joined(separator: ",") + "\n"
    for band in 0..<library.bands {
      text += axis.wavelengths.map { PlainNumber.rounded($0[band]) } ?? "\(band + 1)"
      for index in 0..<library.count {
        text += "," + PlainNumber.rounded(library.values[index * library.bands + band])
      }
      if let widths { text += "," + PlainNumber.rounded(widths[band]) }
      if hasFlags { text += axis.good[band] ? ",1" : ",0" }
      text += "\n"
    }
    return text
  }

  private static func cell(_ name: String) -> String {
    let text = SpreadsheetText.guarded(name)
    guard text.contains(where: { ",;\t\"".contains($0) || $0.isNewline }) || text.hasPrefix("#") || text.hasPrefix("%")
    else { return text }
    return "\"" + String(text.map { $0.isNewline ? " " : $0 }).replacing("\"", with: "\"\"") + "\""
  }
}
