/// A table in comma-separated text (RFC 4180: quotes, doubled quotes, line breaks in quotes), names in its first row.
struct DelimitedTable {
  let columns: [String]
  /// The fields of each row, as many as columns, and the line where it begins.
  let rows: [(fields: [String], line: Int)]

  /// Parses a table.
  ///
  /// - Throws: a `TemplateProblem` that names the line.
  init(_ text: String) throws {
    var rows: [(fields: [String], line: Int)] = []
    var fields: [String] = []
    var field: [UInt8] = []
    var (isQuoted, wasQuoted, line, start) = (false, false, 1, 1)
    var bytes = Array(text.utf8)
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes.removeFirst(3) }
    bytes.append(0x0A)
    func endField() {
      let text = String(decoding: field, as: UTF8.self)
      fields.append(wasQuoted ? text : text.trimmingSpaces)
      (field, wasQuoted) = ([], false)
    }
    var index = 0
    while index < bytes.count {
      let byte = bytes[index]
      if isQuoted {
        if byte == UInt8(ascii: "\"") {
          if index + 1 < bytes.count, bytes[index + 1] == byte {
            field.append(byte)
            index += 1
          } else {
            isQuoted = false
          }
        } else {
          field.append(byte)
        }
      } else if byte == UInt8(ascii: "\""), field.allSatisfy({ $0 == 0x20 }) {
        (isQuoted, wasQuoted, field) = (true, true, [])
      } else if byte == UInt8(ascii: ",") {
        endField()
      } else if byte == 0x0A {
        endField()
        if fields != [""] { rows.append((fields, start)) }
        (fields, start) = ([], line + 1)
      } else if byte != 0x0D {
        field.append(byte)
      }
      if byte == 0x0A { line += 1 }
      index += 1
    }
    guard !isQuoted else { throw TemplateProblem(detail: "line \(start): a quote is not closed") }
    guard let header = rows.first else { throw TemplateProblem(detail: "it is empty") }
    columns = header.fields
    var known: Set<String> = []
    for name in columns {
      guard !name.isEmpty, known.insert(name).inserted else {
        throw TemplateProblem(detail: "line 1: a column has no name, or two have the name `\(name)`")
      }
    }
    for row in rows.dropFirst() where row.fields.count != columns.count {
      throw TemplateProblem(
        detail:
          "line \(row.line): it has \(row.fields.count) fields but the table has \(columns.count) columns")
    }
    self.rows = Array(rows.dropFirst())
  }
}

extension String {
  /// Without spaces and tabs at its ends.
  var trimmingSpaces: String {
    var text = Substring(self)
    while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
    while let last = text.last, last == " " || last == "\t" { text.removeLast() }
    return String(text)
  }
}
