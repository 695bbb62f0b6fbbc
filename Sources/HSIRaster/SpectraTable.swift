import Foundation
import HSICore

/// A table of text as numbers: rows of cells, of which almost all are numbers.
///
/// Separators are tabs, semicolons, commas or blanks, told by the lines below the first. With tabs, semicolons and blanks a comma
/// inside a number is the decimal one. Comment lines (`#`, `;`, `%`), quoted cells, a byte-order mark and Latin-1 are understood. One
/// pass over the bytes finds the rows, one makes the numbers: 8 bytes per cell beside the file itself.
struct SpectraTable {
  /// UTF-8.
  private let bytes: [UInt8]
  /// First and last byte + 1 of every row.
  private var rows: [(start: Int, end: Int)] = []
  private let separator: UInt8
  private let hasDecimalCommas: Bool
  /// Cells of the longest row.
  private(set) var width = 0
  /// Row by row, `width` each; NaN where there is no number.
  private(set) var numbers: [Double] = []
  /// Cells that hold text, and such that hold nothing, per column; the first row left out where it is a header.
  private(set) var texts: [Int] = []
  private(set) var blanks: [Int] = []
  /// Whether the first row holds text: titles.
  private(set) var hasHeader = false
  /// Titles that the header leaves out at its start.
  private var skippedTitles = 0
  /// Whether what looked like titles was found to be data.
  private(set) var isHeadless = false
  /// Whether a few rows are so much longer than the others that the table would be many times as large as the file; it is empty then.
  private(set) var isRagged = false

  private static let (tab, newline, carriage, blank, quote, comma, semicolon) = (
    UInt8(9), UInt8(10), UInt8(13), UInt8(32), UInt8(34), UInt8(44), UInt8(59)
  )

  /// Number of rows below the header.
  var count: Int { rows.count - (hasHeader ? 1 : 0) }

  /// Splits a file into rows and makes numbers of their cells.
  init(_ file: [UInt8]) {
    let body = file.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(file.dropFirst(3)) : file
    let bytes = String(validating: body, as: UTF8.self) == nil ? Array(CSVSpectra.decode(body).utf8) : body
    var lines: [(start: Int, end: Int)] = []
    var start = 0
    for at in 0...bytes.count
    where at == bytes.count || bytes[at] == SpectraTable.newline || bytes[at] == SpectraTable.carriage {
      let first = bytes[start..<at].first { $0 != SpectraTable.blank && $0 != SpectraTable.tab }
      if let first, first != UInt8(ascii: "#"), first != SpectraTable.semicolon, first != UInt8(ascii: "%") {
        lines.append((start, at))
      }
      start = at + 1
    }
    self.bytes = bytes
    // The first line may hold names with any character in them; the numbers below hold separators only.
    let sample = (lines.count > 1 ? Array(lines.dropFirst().prefix(20)) : lines).map { bytes[$0.start..<$0.end] }
    let candidates = [SpectraTable.tab, SpectraTable.semicolon, SpectraTable.comma]
    var chosen =
      candidates.first { mark in sample.contains { SpectraTable.hasOutsideQuotes($0, mark) } } ?? SpectraTable.blank
    if chosen == SpectraTable.comma, !sample.isEmpty, sample.allSatisfy(SpectraTable.isBlankSeparated) {
      chosen = SpectraTable.blank
    }
    separator = chosen
    hasDecimalCommas = chosen != SpectraTable.comma
    rows = lines
    // A title above a table: one cell of text where the rows have more.
    let widths = rows.prefix(40).map { cells(of: $0).count }
    if let usual = widths.dropFirst().max(), usual > 1 {
      let lead = rows.indices.first { index in
        index >= widths.count || widths[index] > 1 || cells(of: rows[index]).contains { number($0) != nil }
      }
      rows.removeFirst(lead ?? 0)
    }
    parse()
  }

  private mutating func parse() {
    guard let first = rows.first else { return }
    let titles = cells(of: first)
    hasHeader = titles.contains { number($0) == nil && !isBlank($0) }
    if rows.count > 1 {
      let second = cells(of: rows[1])
      let isLabelled = second.first.map { number($0) == nil && !isBlank($0) } ?? false
      // Numbers above rows that begin with a name are titles, too.
      if !hasHeader, isLabelled, second.count > 1 { hasHeader = true }
      // R leaves the title of its row names out.
      let isShort = hasHeader && titles.count > 0 && titles.count == second.count - 1
      if isShort, isLabelled || titles.count > 1 && second.first.flatMap({ number($0) }) == 1 { skippedTitles = 1 }
    }
    // Filled apart from the table, which is read meanwhile: arrays that two share would be copied at every row.
    let table = self
    var width = 0
    for row in rows { table.forEachCell(row) { index, _ in width = max(width, index + 1) } }
    guard Int.product(rows.count, width) <= 4 * bytes.count + (1 << 20) else {
      (isRagged, rows, hasHeader) = (true, [], false)
      return
    }
    var numbers = [Double](repeating: .nan, count: rows.count * width)
    var (texts, blanks) = ([Int](repeating: 0, count: width), [Int](repeating: 0, count: width))
    for (place, row) in rows.enumerated() {
      let isBody = !(hasHeader && place == 0)
      var found = 0
      table.forEachCell(row) { index, range in
        found = index + 1
        if let value = table.number(range) {
          numbers[place * width + index] = value
        } else if isBody {
          if table.isBlank(range) { blanks[index] += 1 } else { texts[index] += 1 }
        }
      }
      if isBody { for index in found..<max(found, width) { blanks[index] += 1 } }
    }
    (self.width, self.numbers, self.texts, self.blanks) = (width, numbers, texts, blanks)
  }

  /// The texts of the first row; empty ones where it has no titles.
  var titles: [String] {
    guard hasHeader, let first = rows.first else { return [String](repeating: "", count: width) }
    let found = [String](repeating: "", count: skippedTitles) + cells(of: first).map(text)
    return found + [String](repeating: "", count: max(0, width - found.count))
  }

  /// The table with its first row as data.
  func withoutTitles() -> SpectraTable {
    var result = self
    guard hasHeader, let first = rows.first else { return result }
    for (index, range) in cells(of: first).enumerated() where number(range) == nil {
      if isBlank(range) { result.blanks[index] += 1 } else { result.texts[index] += 1 }
    }
    (result.hasHeader, result.isHeadless) = (false, true)
    return result
  }

  /// The table without its first rows below the header.
  func dropping(_ count: Int) -> SpectraTable {
    var result = self
    let first = hasHeader ? 1 : 0
    for row in rows[first..<(first + count)] {
      var found = 0
      forEachCell(row) { index, range in
        found = index + 1
        if number(range) == nil {
          if isBlank(range) { result.blanks[index] -= 1 } else { result.texts[index] -= 1 }
        }
      }
      for index in found..<max(found, width) { result.blanks[index] -= 1 }
    }
    result.rows.removeSubrange(first..<(first + count))
    result.numbers.removeSubrange((first * width)..<((first + count) * width))
    return result
  }

  /// The text of a cell below the header.
  func text(_ row: Int, _ column: Int) -> String {
    let all = cells(of: rows[row + (hasHeader ? 1 : 0)])
    return column < all.count ? text(all[column]) : ""
  }

  /// The texts of all cells of a row below the header.
  func texts(ofRow row: Int) -> [String] {
    let found = cells(of: rows[row + (hasHeader ? 1 : 0)]).map(text)
    return found + [String](repeating: "", count: max(0, width - found.count))
  }

  /// The numbers of a column below the header.
  func column(_ index: Int) -> [Double] {
    let first = hasHeader ? 1 : 0
    return (first..<rows.count).map { numbers[$0 * width + index] }
  }

  /// The numbers of one row below the header.
  func row(_ index: Int) -> ArraySlice<Double> {
    let place = (index + (hasHeader ? 1 : 0)) * width
    return numbers[place..<(place + width)]
  }

  /// The number that a text is in this table.
  func number(_ text: String) -> Double? {
    parseNumber(text) ?? (hasDecimalCommas && !text.contains(".") ? parseNumber(text.replacing(",", with: ".")) : nil)
  }

  // MARK: - Cells

  private func cells(of row: (start: Int, end: Int)) -> [Range<Int>] {
    var result: [Range<Int>] = []
    forEachCell(row) { _, range in result.append(range) }
    return result
  }

  /// Hands over the bytes of every cell, blanks around it and quotes left on.
  private func forEachCell(_ row: (start: Int, end: Int), _ body: (Int, Range<Int>) -> Void) {
    bytes.withUnsafeBufferPointer { bytes in
      var (index, start, at, isQuoted) = (0, row.start, row.start, false)
      let isBlankSeparated = separator == SpectraTable.blank
      func isSeparator(_ byte: UInt8) -> Bool {
        byte == separator || isBlankSeparated && byte == SpectraTable.tab
      }
      while at < row.end {
        let byte = bytes[at]
        if byte == SpectraTable.quote {
          isQuoted.toggle()
        } else if !isQuoted, isSeparator(byte) {
          if !isBlankSeparated || at > start {
            body(index, start..<at)
            index += 1
          }
          start = at + 1
        }
        at += 1
      }
      if !isBlankSeparated || at > start { body(index, start..<row.end) }
    }
  }

  private func isBlank(_ range: Range<Int>) -> Bool {
    bytes[range].allSatisfy { $0 == SpectraTable.blank || $0 == SpectraTable.tab || $0 == SpectraTable.quote }
  }

  /// Without blanks around it and the apostrophe of `SpreadsheetText`; quotes enclose separators and, doubled, themselves.
  private func text(_ range: Range<Int>) -> String {
    let trimmed = String(decoding: bytes[range], as: UTF8.self).trimmingCharacters(in: .whitespaces)
    guard trimmed.contains("\"") else { return SpreadsheetText.plain(trimmed) }
    var result = ""
    var (isQuoted, previous): (Bool, Character) = (false, " ")
    for character in trimmed {
      if character == "\"" {
        if !isQuoted, previous == "\"" { result.append("\"") }
        isQuoted.toggle()
      } else {
        result.append(character)
      }
      previous = character
    }
    return SpreadsheetText.plain(result)
  }

  /// The number that the bytes of a cell are: as `parseNumber`, and with a decimal comma where those are allowed.
  private func number(_ range: Range<Int>) -> Double? {
    var (start, end) = (range.lowerBound, range.upperBound)
    func isMargin(_ byte: UInt8) -> Bool {
      byte == SpectraTable.blank || byte == SpectraTable.tab || byte == SpectraTable.quote
    }
    while start < end, isMargin(bytes[start]) { start += 1 }
    while start < end, isMargin(bytes[end - 1]) { end -= 1 }
    let count = end - start
    guard count > 0, count < 48 else { return nil }
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 48) { buffer -> Double? in
      let isNumeral = (48...57).contains(bytes[start]) || [43, 45, 46].contains(bytes[start])
      var hasPoint = false
      for index in 0..<count {
        var byte = bytes[start + index]
        switch byte {
        case SpectraTable.comma:
          guard hasDecimalCommas, !hasPoint else { return nil }
          (byte, hasPoint) = (46, true)
        case 46: hasPoint = true
        case 68,
          100 where isNumeral:
          byte = 101  // Fortran's exponent
        case 88, 120, 40: return nil  // no hexadecimal numbers, no nan(…)
        case 9, 32: return nil
        default: break
        }
        buffer[index] = CChar(bitPattern: byte)
      }
      buffer[count] = 0
      guard let base = buffer.baseAddress else { return nil }
      var tail: UnsafeMutablePointer<CChar>?
      let value = strtod(base, &tail)
      return tail == base + count ? value : nil
    }
  }

  /// Whether a line holds a character that no quotes enclose.
  private static func hasOutsideQuotes(_ line: ArraySlice<UInt8>, _ mark: UInt8) -> Bool {
    var isQuoted = false
    for byte in line {
      if byte == quote { isQuoted.toggle() } else if byte == mark, !isQuoted { return true }
    }
    return false
  }

  /// Whether a line is numbers with decimal commas between blanks: `400,5 0,12 0,13`.
  private static func isBlankSeparated(_ line: ArraySlice<UInt8>) -> Bool {
    let words = line.split { $0 == blank || $0 == tab }
    return words.count > 1
      && words.allSatisfy { word in
        let parts = word.split(separator: comma, omittingEmptySubsequences: false)
        return parts.count <= 2
          && parts.allSatisfy { !$0.isEmpty && $0.allSatisfy { (48...57).contains($0) || $0 == 45 } }
      } && words.contains { $0.contains(comma) }
  }
}
