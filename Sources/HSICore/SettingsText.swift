/// The part of TOML that configuration files need: tables `[name]`, keys (bare, quoted, dotted), texts in one line,
/// whole and real numbers, truth values, lists of them, comments.
///
/// An own reader, because the TOML library at hand ends the process by an assertion on some malformed files.
package struct SettingsText {
  /// A value.
  package enum Value: Equatable {
    case text(String)
    case whole(Int)
    case real(Double)
    case truth(Bool)
    case list([Value])
  }

  /// A value with the names that lead to it and its line, from 1.
  package struct Entry: Equatable {
    package var path: [String]
    package var value: Value
    package var line: Int

    package init(path: [String], value: Value, line: Int) { (self.path, self.value, self.line) = (path, value, line) }
  }

  /// What is wrong, and where.
  package struct Malformed: Error, Equatable {
    package var line: Int
    package var reason: String

    package init(line: Int, reason: String) { (self.line, self.reason) = (line, reason) }
  }

  private var scalars: [Unicode.Scalar]
  private var place = 0
  private var line = 1
  private var entries: [Entry] = []

  private static let deepestList = 16

  /// All values of a text in order.
  ///
  /// - Throws: `Malformed`.
  package static func parse(_ text: String) throws -> [Entry] {
    var parser = SettingsText(text)
    try parser.run()
    return parser.entries
  }

  private init(_ text: String) {
    scalars = Array(text.unicodeScalars)
    if scalars.first == "\u{FEFF}" { scalars.removeFirst() }
  }

  private mutating func run() throws {
    var table: [String] = []
    var tables: Set<[String]> = []
    var lines: [[String]: Int] = [:]
    while true {
      skipBlanksAndLines()
      guard let next = peek else { return }
      if next == "[" {
        place += 1
        if peek == "[" { throw malformed("lists of tables are not known here") }
        table = try path()
        try expect("]", "the name of a table")
        guard tables.insert(table).inserted else {
          throw malformed("the table \(table.joined(separator: ".")) is there twice")
        }
      } else {
        let start = line
        let name = table + (try path())
        try expect("=", "a key")
        let value = try value(depth: 0)
        if let earlier = lines.updateValue(start, forKey: name) {
          throw Malformed(
            line: start, reason: "\(name.joined(separator: ".")) is set twice, first in line \(earlier)")
        }
        entries.append(Entry(path: name, value: value, line: start))
      }
      skipBlanks()
      guard peek == nil || peek == "\n" else { throw malformed("there is something behind the value") }
    }
  }

  // MARK: - Parts

  /// `name`, `"any name"`, `a.b`.
  private mutating func path() throws -> [String] {
    var names: [String] = []
    repeat {
      skipBlanks()
      switch peek {
      case "\"", "'": names.append(try text())
      default:
        let start = place
        while let c = peek, c.isASCII,
          c.properties.isAlphabetic || ("0"..."9").contains(c) || c == "_" || c == "-"
        {
          place += 1
        }
        guard place > start else { throw malformed("a name is missing") }
        names.append(string(start..<place))
      }
      skipBlanks()
    } while take(".")
    return names
  }

  private mutating func value(depth: Int) throws -> Value {
    skipBlanks()
    switch peek {
    case "\"", "'": return .text(try text())
    case "[": return try list(depth: depth)
    case "{": throw malformed("inline tables are not known here; write [table]")
    default: return try word()
    }
  }

  private mutating func list(depth: Int) throws -> Value {
    guard depth < SettingsText.deepestList else { throw malformed("lists are nested too deep") }
    place += 1
    var items: [Value] = []
    while true {
      skipBlanksAndLines()
      if take("]") { return .list(items) }
      guard peek != nil else { throw malformed("a list is not closed") }
      items.append(try value(depth: depth + 1))
      skipBlanksAndLines()
      if take("]") { return .list(items) }
      guard take(",") else { throw malformed("a comma or ] is missing in a list") }
    }
  }

  /// A truth value or a number.
  private mutating func word() throws -> Value {
    let start = place
    while let c = peek, !" \t\n\r#,]".unicodeScalars.contains(c) { place += 1 }
    let word = string(start..<place)
    if word == "true" || word == "false" { return .truth(word == "true") }
    let digits = word.replacing("_", with: "")
    if !word.hasPrefix("_"), !word.hasSuffix("_"), !word.contains("__") {
      for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] where digits.hasPrefix(prefix) {
        if let number = Int(digits.dropFirst(2), radix: radix), number >= 0 { return .whole(number) }
      }
      if let number = Int(digits) { return .whole(number) }
      let isReal =
        digits.allSatisfy { "0123456789+-.eE".contains($0) } && digits.first.map { $0 != "." } ?? false
      if isReal || ["inf", "+inf", "-inf", "nan"].contains(digits), let number = Double(digits) {
        return .real(number)
      }
    }
    throw malformed(
      word.isEmpty ? "a value is missing" : "\(word.prefix(40)) is no value; texts stand in quotation marks")
  }

  /// `"…"` with escapes or `'…'` as it is.
  private mutating func text() throws -> String {
    guard let quote = peek else { return "" }
    place += 1
    if peek == quote, place + 1 < scalars.count, scalars[place + 1] == quote {
      throw malformed("texts of several lines are not known here")
    }
    var result = String.UnicodeScalarView()
    while let c = peek {
      place += 1
      switch c {
      case quote: return String(result)
      case "\n": throw Malformed(line: line, reason: "a quotation mark is not closed")
      case "\\" where quote == "\"": result.append(try escape())
      case _ where c.value < 0x20 && c != "\t" || c.value == 0x7F:
        throw malformed("a text holds a control character")
      default: result.append(c)
      }
    }
    throw malformed("a quotation mark is not closed")
  }

  private mutating func escape() throws -> Unicode.Scalar {
    guard let c = peek else { throw malformed("a quotation mark is not closed") }
    place += 1
    let simple: [Unicode.Scalar: Unicode.Scalar] = [
      "b": "\u{8}", "t": "\t", "n": "\n", "f": "\u{C}", "r": "\r", "\"": "\"", "\\": "\\",
    ]
    if let known = simple[c] { return known }
    let count = c == "u" ? 4 : c == "U" ? 8 : 0
    guard count > 0, place + count <= scalars.count,
      let code = UInt32(string(place..<place + count), radix: 16), let scalar = Unicode.Scalar(code)
    else { throw malformed("\\\(c) means nothing in a text; write \\\\ for a backslash") }
    place += count
    return scalar
  }

  // MARK: - Scanning

  private var peek: Unicode.Scalar? {
    guard place < scalars.count else { return nil }
    // CR LF is one line end.
    if scalars[place] == "\r", place + 1 < scalars.count, scalars[place + 1] == "\n" { return "\n" }
    return scalars[place]
  }

  private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    guard peek == scalar else { return false }
    place += 1
    return true
  }

  private mutating func expect(_ scalar: Unicode.Scalar, _ what: String) throws {
    skipBlanks()
    guard take(scalar) else { throw malformed("\(scalar) is missing behind \(what)") }
  }

  /// Blanks and a comment.
  private mutating func skipBlanks() {
    while let c = peek, c == " " || c == "\t" { place += 1 }
    guard peek == "#" else { return }
    while let c = peek, c != "\n" { place += 1 }
  }

  private mutating func skipBlanksAndLines() {
    skipBlanks()
    while peek == "\n" {
      place += scalars[place] == "\r" ? 2 : 1
      line += 1
      skipBlanks()
    }
  }

  private func string(_ range: Range<Int>) -> String {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars[range])
    return String(view)
  }

  private func malformed(_ reason: String) -> Malformed { Malformed(line: line, reason: reason) }
}
