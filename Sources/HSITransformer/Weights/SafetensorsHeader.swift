import Foundation

/// The JSON of a safetensors header, read strictly: the two levels that the format has, nothing twice, nothing else.
///
/// Memory and time are proportional to the header; there is no recursion.
struct SafetensorsHeader {
  /// What the header says about one tensor.
  struct Entry {
    let name: String
    let type: String
    let shape: [Int]
    let begin: Int
    let end: Int
  }

  /// Why a header cannot be read.
  struct Failure: Error { let detail: String }

  /// Tensors in the order of the header.
  private(set) var entries: [Entry] = []
  private(set) var metadata: [String: String] = [:]

  private let bytes: UnsafeRawBufferPointer
  private var position = 0

  init(parsing bytes: UnsafeRawBufferPointer) throws {
    self.bytes = bytes
    var names = Set<String>()
    try members { parser, name in
      guard names.insert(name).inserted else { throw Failure(detail: "\(shortened(name)) occurs twice") }
      if name == Safetensors.metadataKey {
        try parser.parseMetadata()
      } else {
        try parser.parseEntry(name)
      }
    }
    skipSpace()
    guard position == bytes.count else { throw failure("text after its end") }
  }

  private mutating func parseMetadata() throws {
    try members { parser, key in
      guard parser.metadata[key] == nil else {
        throw Failure(detail: "the metadata \(shortened(key)) occurs twice")
      }
      parser.metadata[key] = try parser.string()
    }
  }

  private mutating func parseEntry(_ name: String) throws {
    var type: String?
    var shape: [Int]?
    var offsets: [Int]?
    try members { parser, key in
      switch key {
      case "dtype" where type == nil: type = try parser.string()
      case "shape" where shape == nil: shape = try parser.integers()
      case "data_offsets" where offsets == nil: offsets = try parser.integers()
      default: throw Failure(detail: "\(shortened(name)) has an unexpected \(shortened(key))")
      }
    }
    guard let type, let shape, let offsets, offsets.count == 2 else {
      throw Failure(detail: "\(shortened(name)) lacks its dtype, shape or data_offsets")
    }
    guard shape.count <= 64 else { throw Failure(detail: "\(shortened(name)) has \(shape.count) axes") }
    entries.append(
      Entry(name: name, type: shortened(type), shape: shape, begin: offsets[0], end: offsets[1]))
  }

  /// Calls `body` at the value of each member of an object, with the name of the member.
  private mutating func members(_ body: (inout SafetensorsHeader, String) throws -> Void) throws {
    try expect("{")
    if take("}") { return }
    repeat {
      let name = try string()
      try expect(":")
      try body(&self, name)
    } while take(",")
    try expect("}")
  }

  /// An array of non-negative integers.
  private mutating func integers() throws -> [Int] {
    try expect("[")
    var values: [Int] = []
    if take("]") { return values }
    repeat {
      skipSpace()
      let start = position
      var value = 0
      while position < bytes.count, let digit = Optional(bytes[position]), (0x30...0x39).contains(digit) {
        let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
        let (sum, overflows) = tens.addingReportingOverflow(Int(digit) - 0x30)
        guard !overflow, !overflows else { throw failure("a number that is too large") }
        value = sum
        position += 1
      }
      guard position > start else { throw failure("something else than a whole number") }
      values.append(value)
    } while take(",")
    try expect("]")
    return values
  }

  /// A string with its escapes resolved.
  private mutating func string() throws -> String {
    try expect("\"")
    var text: [UInt8] = []
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      switch byte {
      case UInt8(ascii: "\""):
        guard let string = String(validating: text, as: UTF8.self) else {
          throw failure("text that is not UTF-8")
        }
        return string
      case UInt8(ascii: "\\"): try escape(into: &text)
      case 0..<0x20: throw failure("a control character in a name")
      default: text.append(byte)
      }
    }
    throw failure("a name without end")
  }

  private mutating func escape(into text: inout [UInt8]) throws {
    guard position < bytes.count else { throw failure("a name without end") }
    let byte = bytes[position]
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
    case UInt8(ascii: "b"): text.append(8)
    case UInt8(ascii: "f"): text.append(12)
    case UInt8(ascii: "n"): text.append(10)
    case UInt8(ascii: "r"): text.append(13)
    case UInt8(ascii: "t"): text.append(9)
    case UInt8(ascii: "u"):
      var code = try UInt32(hexadecimal())
      if (0xD800..<0xDC00).contains(code) {
        guard position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
          bytes[position + 1] == UInt8(ascii: "u")
        else { throw failure("half a character") }
        position += 2
        let low = try UInt32(hexadecimal())
        guard (0xDC00..<0xE000).contains(low) else { throw failure("half a character") }
        code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(code) else { throw failure("half a character") }
      text += Array(String(Character(scalar)).utf8)
    default: throw failure("an unknown escape")
    }
  }

  private mutating func hexadecimal() throws -> UInt16 {
    guard position + 4 <= bytes.count else { throw failure("a name without end") }
    var value: UInt16 = 0
    for _ in 0..<4 {
      guard let digit = Character(Unicode.Scalar(bytes[position])).hexDigitValue else {
        throw failure("an unknown escape")
      }
      value = value << 4 | UInt16(digit)
      position += 1
    }
    return value
  }

  private mutating func skipSpace() {
    while position < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) { position += 1 }
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    skipSpace()
    guard position < bytes.count, bytes[position] == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  private mutating func expect(_ character: Unicode.Scalar) throws {
    guard take(character) else { throw failure("no \(character) where one is needed") }
  }

  private func failure(_ what: String) -> Failure { Failure(detail: "\(what) at byte \(position + 8)") }
}

/// Text from a file in a message: printable and not long.
func shortened(_ text: String) -> String {
  var result = ""
  for scalar in text.unicodeScalars.prefix(101) {
    result.unicodeScalars.append(scalar.properties.isPatternWhitespace || scalar.value < 0x20 ? " " : scalar)
  }
  return text.unicodeScalars.count > 100
    ? result.unicodeScalars.prefix(100).map(String.init).joined() + "…" : result
}
