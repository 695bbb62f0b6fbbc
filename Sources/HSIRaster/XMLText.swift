import Foundation

/// Bytes of an XML file as UTF-8.
enum XMLText {
  /// The bytes themselves where they are UTF-8, else what the byte order mark or the declaration says they are (UTF-16, Latin-1,
  /// Windows-1252); nil for bytes that are neither, and for NUL characters, which XML does not have.
  ///
  /// A text that was brought to UTF-8 has no declaration: its encoding would be wrong now.
  static func utf8(_ bytes: [UInt8]) -> [UInt8]? {
    if bytes.starts(with: [0xFE, 0xFF]) || bytes.starts(with: [0xFF, 0xFE]) {
      guard bytes.count.isMultiple(of: 2), let text = String(data: Data(bytes), encoding: .utf16) else { return nil }
      return usable(Array(undeclared(text).utf8))
    }
    if let encoding = declared(bytes) {
      guard let text = String(data: Data(bytes), encoding: encoding) else { return nil }
      return usable(Array(undeclared(text).utf8))
    }
    return String(validating: bytes, as: UTF8.self) == nil ? nil : usable(bytes)
  }

  /// UTF-8 that the parser of Foundation can be given: processing instructions and the declaration are blanks (it stops the program at
  /// one without data, `<?a?>`); nil where entities, attributes or notations are declared, at some of which it stops, too.
  ///
  /// Looks at bytes and not at where they stand: what the parser takes for markup is among what is found. Linear.
  static func parsable(_ text: [UInt8]) -> [UInt8]? {
    let declarations = ["<!ENTITY", "<!ATTLIST", "<!NOTATION"].map { Array($0.utf8) }
    for place in text.indices where text[place] == UInt8(ascii: "<") {
      if declarations.contains(where: { text[place...].starts(with: $0) }) { return nil }
    }
    let question = UInt8(ascii: "?")
    var result = text
    var place = 0
    while place + 1 < text.count {
      guard text[place] == UInt8(ascii: "<"), text[place + 1] == question else {
        place += 1
        continue
      }
      var end = place + 2
      while end + 1 < text.count, text[end] != question || text[end + 1] != UInt8(ascii: ">") { end += 1 }
      // One without an end is an error of the file.
      guard end + 1 < text.count else { break }
      for i in place..<(end + 2) where text[i] != UInt8(ascii: "\n") { result[i] = UInt8(ascii: " ") }
      place = end + 2
    }
    return result
  }

  /// The line, from 1, of the first byte that is no UTF-8.
  static func lineOfFault(_ bytes: [UInt8]) -> Int {
    var (low, high) = (0, bytes.count)
    // Whether a start of the file is whole UTF-8 up to a character that is cut changes once.
    while low < high {
      let middle = (low + high + 1) / 2
      if isPrefix(bytes[..<middle]) { low = middle } else { high = middle - 1 }
    }
    return 1 + bytes[..<low].count { $0 == UInt8(ascii: "\n") }
  }

  private static func isPrefix(_ bytes: ArraySlice<UInt8>) -> Bool {
    (0...min(3, bytes.count)).contains { String(validating: bytes.dropLast($0), as: UTF8.self) != nil }
  }

  private static func usable(_ bytes: [UInt8]) -> [UInt8]? { bytes.contains(0) ? nil : bytes }

  /// The encoding of a declaration `<?xml … encoding="ISO-8859-1"?>` where it is one of single bytes.
  private static func declared(_ bytes: [UInt8]) -> String.Encoding? {
    let start = bytes.prefix(200)
    guard start.starts(with: Array("<?xml".utf8)), let end = start.firstIndex(of: UInt8(ascii: ">")) else { return nil }
    let text = String(decoding: start[..<end], as: UTF8.self).lowercased()
    guard let name = text.range(of: "encoding") else { return nil }
    let value = text[name.upperBound...].drop { " =\t".contains($0) }
    guard let quote = value.first, quote == "\"" || quote == "'" else { return nil }
    switch value.dropFirst().prefix(while: { $0 != quote }) {
    case "iso-8859-1", "latin1", "latin-1", "l1": return .isoLatin1
    case "windows-1252", "cp1252": return .windowsCP1252
    default: return nil
    }
  }

  private static func undeclared(_ text: String) -> Substring {
    let body = text.drop { $0 == "\u{FEFF}" }
    guard body.hasPrefix("<?xml"), let end = body.range(of: "?>") else { return body }
    return body[end.upperBound...]
  }
}
