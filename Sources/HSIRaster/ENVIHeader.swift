import Foundation
import HSICore

/// An ENVI header as text: keys and values in file order, nothing interpreted.
///
/// Reads what real headers contain: CRLF, a byte order mark, `;` comments, empty values, keys in any case, lists over
/// many lines, `=` inside values, Latin-1 bytes, a missing final brace or newline.
public struct ENVIHeader: Sendable {
  /// Entries in file order. Keys as written; lists keep their braces.
  public private(set) var fields: [HeaderField]
  /// Peculiarities met while reading: stable identifier and text.
  public private(set) var remarks: [(identifier: String, text: String)] = []
  private var index: [String: Int] = [:]

  /// A header without entries.
  public init() { fields = [] }

  /// True when a file starts like an ENVI header.
  public static func isHeader(_ bytes: [UInt8]) -> Bool {
    let start = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
    let line = bytes.dropFirst(start).prefix { $0 != 10 && $0 != 13 }
    guard line.count >= 4, line.count < 200 else { return false }
    let word = String(decoding: line, as: UTF8.self).trimmingCharacters(in: .whitespaces)
    return word.uppercased() == "ENVI"
  }

  /// Reads a header. Never fails: what cannot be understood becomes a remark.
  public init(parsing bytes: [UInt8]) {
    fields = []
    let body = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(bytes.dropFirst(3)) : bytes
    let lines = body.split(omittingEmptySubsequences: false) { $0 == 10 || $0 == 13 }.map(ENVIHeader.text)
    var at = 0
    if let first = lines.first, first.trimmingCharacters(in: .whitespaces).uppercased() == "ENVI" { at = 1 }
    while at < lines.count {
      let line = lines[at].trimmingCharacters(in: ENVIHeader.blank)
      at += 1
      if line.isEmpty || line.hasPrefix(";") { continue }
      guard let equals = line.firstIndex(of: "=") else {
        remark("W-ENVI-LINE", "line \(at) is no `key = value` and is ignored")
        continue
      }
      let key = line[..<equals].trimmingCharacters(in: ENVIHeader.blank)
      var value = line[line.index(after: equals)...].trimmingCharacters(in: ENVIHeader.blank)
      if value.hasPrefix("{") {
        var parts = [value]
        var isOpen = !value.utf8.contains(UInt8(ascii: "}"))
        while isOpen, at < lines.count {
          let next = lines[at].trimmingCharacters(in: ENVIHeader.blank)
          at += 1
          guard !next.hasPrefix(";"), !next.isEmpty else { continue }
          parts.append(next)
          isOpen = !next.utf8.contains(UInt8(ascii: "}"))
        }
        value = parts.joined(separator: "\n")
        if let brace = value.firstIndex(of: "}") {
          value = String(value[...brace])
        } else {
          remark("W-ENVI-BRACE", "the list of `\(key)` has no closing brace")
          value += "}"
        }
      } else if value.hasPrefix("["), !value.contains("]") {
        // Python's text of a list, over several lines.
        var parts = [value]
        while !parts[parts.count - 1].contains("]"), at < lines.count, !lines[at].contains("=") {
          parts.append(lines[at].trimmingCharacters(in: ENVIHeader.blank))
          at += 1
        }
        value = parts.joined(separator: "\n")
      }
      guard !key.isEmpty else { continue }
      if index[ENVIHeader.normalised(key)] != nil {
        remark("W-ENVI-TWICE", "`\(key)` occurs twice; the last counts")
      }
      set(key, value)
    }
  }

  /// The value of a key (any case, any run of spaces), or nil. Empty values are "".
  public subscript(key: String) -> String? { index[ENVIHeader.normalised(key)].map { fields[$0].value } }

  /// Sets or replaces an entry.
  public mutating func set(_ key: String, _ value: String) {
    let name = ENVIHeader.normalised(key)
    if let at = index[name] {
      fields[at] = HeaderField(fields[at].key, value)
    } else {
      index[name] = fields.count
      fields.append(HeaderField(key, value))
    }
  }

  /// Sets a list, a few entries per line.
  public mutating func set(_ key: String, list: [String], perLine: Int = 8) {
    var text = "{\n "
    for (i, entry) in list.enumerated() {
      text += entry
      if i + 1 < list.count { text += (i + 1) % perLine == 0 ? ",\n " : ", " }
    }
    set(key, text + "}")
  }

  /// The entries of a list `{a, b}`, trimmed; a bare value is a list of one; nil where the key is absent or empty.
  public func list(_ key: String) -> [String]? {
    guard let value = self[key] else { return nil }
    let inner = ENVIHeader.unbraced(value)
    guard !inner.isEmpty else { return nil }
    var parts = inner.split(separator: ",", omittingEmptySubsequences: false).map {
      $0.trimmingCharacters(in: ENVIHeader.blank).replacing("\n", with: " ")
    }
    if parts.last == "" { parts.removeLast() }
    return parts
  }

  /// A list of numbers, separated by commas or blanks; entries that are no numbers are NaN. Python's texts of lists and arrays
  /// (`[400. 425.]`, `array([400, 425])`, `[np.float64(400.0), …]`) are lists, too.
  public func numbers(_ key: String) -> [Double]? {
    guard let value = self[key] else { return nil }
    return ENVIHeader.numbers(in: value)
  }

  /// The numbers of the text of a list; nil for an empty one.
  static func numbers(in value: String) -> [Double]? {
    var inner = unbraced(value)
    if inner.hasPrefix("array("), inner.hasSuffix(")") { inner = unbraced(String(inner.dropFirst(6).dropLast())) }
    let parts = inner.split { $0 == "," || $0 == " " || $0 == "\n" || $0 == "\t" }
    guard !parts.isEmpty else { return nil }
    return parts.map { part in
      var word = part
      if word.hasSuffix(")"), let open = word.lastIndex(of: "(") { word = word[word.index(after: open)...].dropLast() }
      return parseNumber(String(word)) ?? .nan
    }
  }

  /// The text inside the braces or square brackets, trimmed.
  public static func unbraced(_ value: String) -> String {
    var inner = Substring(value.trimmingCharacters(in: blank))
    if inner.hasPrefix("{") { inner = inner.dropFirst() }
    if inner.hasSuffix("}") { inner = inner.dropLast() }
    let rest = inner.trimmingCharacters(in: blank)
    guard rest.hasPrefix("["), rest.hasSuffix("]") else { return rest }
    return rest.dropFirst().dropLast().trimmingCharacters(in: blank)
  }

  /// The header as a file: `ENVI`, then one entry per line.
  public var serialised: String {
    "ENVI\n" + fields.map { "\($0.key) = \($0.value)\n" }.joined()
  }

  /// A key in lower case with single spaces.
  static func normalised(_ key: String) -> String {
    key.lowercased().split { $0 == " " || $0 == "\t" }.joined(separator: " ")
  }

  private mutating func remark(_ identifier: String, _ text: String) {
    if remarks.count < 20 { remarks.append((identifier, text)) }
  }

  private static let blank = CharacterSet.whitespacesAndNewlines.union(CharacterSet(charactersIn: "\0"))

  /// UTF-8, or Latin-1 where the bytes are not UTF-8.
  private static func text(_ bytes: ArraySlice<UInt8>) -> String {
    if let text = String(validating: bytes, as: UTF8.self) { return text }
    return String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) }))
  }
}

/// Where the samples of an ENVI file are.
public struct ENVILayout: Hashable, Sendable {
  /// Lines × samples × bands.
  public var shape: CubeShape
  /// Bytes before the first sample.
  public var headerOffset: Int
  /// Type of a sample.
  public var type: SampleType
  /// Order of the axes.
  public var interleave: Interleave
  /// True for `byte order = 1`.
  public var isBigEndian: Bool
  /// Bytes before and after each major frame (band of BSQ, line of BIL and BIP).
  public var majorFrame: (before: Int, after: Int) { (frames[0], frames[1]) }
  /// Bytes before and after each minor frame (line of BSQ, band row of BIL, pixel of BIP).
  public var minorFrame: (before: Int, after: Int) { (frames[2], frames[3]) }
  /// True for `file compression = 1` (gzip).
  public var isCompressed: Bool
  private var frames = [0, 0, 0, 0]

  /// The layout of a file without padding.
  public init(
    shape: CubeShape, type: SampleType, interleave: Interleave, isBigEndian: Bool = false,
    headerOffset: Int = 0
  ) {
    self.shape = shape
    self.type = type
    self.interleave = interleave
    self.isBigEndian = isBigEndian
    self.headerOffset = headerOffset
    isCompressed = false
  }

  /// ENVI's number of each sample type.
  static let types: [Int: SampleType] = [
    1: .uint8, 2: .int16, 3: .int32, 4: .float32, 5: .float64, 12: .uint16, 13: .uint32, 14: .int64,
    15: .uint64,
  ]

  /// Reads the layout from a header.
  ///
  /// - Throws: `RasterError.inconsistent` for missing or senseless entries, `.unsupported` for complex types.
  public init(_ header: ENVIHeader, path: String, context: RunContext) throws {
    func wrong(_ reason: String) -> RasterError {
      .inconsistent(path: path, reason: reason, advice: "correct the header with a text editor")
    }
    func size(_ key: String) throws -> Int {
      guard let text = header[key] else { throw wrong("the header has no `\(key)`") }
      guard let value = parseInteger(text), value > 0, value < 1 << 31 else {
        throw wrong("`\(key) = \(text)` is no positive number")
      }
      return value
    }
    func natural(_ key: String) throws -> Int {
      guard let text = header[key], !text.isEmpty else { return 0 }
      guard let value = parseInteger(text), value >= 0, value < 1 << 50 else {
        throw wrong("`\(key) = \(text)` is no number of bytes")
      }
      return value
    }
    shape = CubeShape(lines: try size("lines"), samples: try size("samples"), bands: try size("bands"))
    headerOffset = try natural("header offset")
    guard let code = header["data type"].flatMap(parseInteger) else {
      throw wrong("the header has no usable `data type`")
    }
    if code == 6 || code == 9 {
      throw RasterError.unsupported(
        path: path, feature: "complex data (type \(code))", advice: "convert it to real numbers first")
    }
    guard let known = ENVILayout.types[code] else {
      throw wrong("`data type = \(code)` is not a type of ENVI")
    }
    type = known
    guard let order = header["interleave"].flatMap({ Interleave(rawValue: $0.lowercased()) }) else {
      throw wrong("`interleave` must be bsq, bil or bip")
    }
    interleave = order
    switch header["byte order"].map(parseInteger) {
    case .some(.some(0)): isBigEndian = false
    case .some(.some(1)): isBigEndian = true
    case .none, .some(.none):
      isBigEndian = false
      if type.size > 1 {
        context.warn("W-ENVI-BYTEORDER", "\(path): the header has no `byte order`; little endian assumed")
      }
    case .some(.some(let other)): throw wrong("`byte order = \(other)` must be 0 or 1")
    }
    isCompressed = header["file compression"].flatMap(parseInteger) == 1
    for (position, key) in ["major frame offsets", "minor frame offsets"].enumerated() {
      guard let values = header.numbers(key) else { continue }
      guard values.count == 2, let before = Int(exactly: values[0]), let after = Int(exactly: values[1]),
        (0..<(1 << 31)).contains(before), (0..<(1 << 31)).contains(after)
      else { throw wrong("`\(key)` must be two numbers of bytes") }
      frames[2 * position] = before
      frames[2 * position + 1] = after
    }
    let total = shape.lines.multipliedReportingOverflow(by: shape.samples)
    let all = total.partialValue.multipliedReportingOverflow(by: shape.bands)
    let bytes = all.partialValue.multipliedReportingOverflow(by: type.size + frames.reduce(0, +))
    guard !total.overflow, !all.overflow, !bytes.overflow, bytes.partialValue < 1 << 60 else {
      throw wrong("\(shape) is larger than any file")
    }
  }

  /// True when frames are padded.
  public var hasFrames: Bool { frames.contains { $0 != 0 } }

  /// Bytes from one sample, line and band to the next, and the place of the first sample.
  var strides: (first: Int, line: Int, sample: Int, band: Int) {
    let size = type.size
    let (major, minor) = (majorFrame, minorFrame)
    let first = headerOffset + major.before + minor.before
    switch interleave {
    case .bsq:
      let line = shape.samples * size + minor.before + minor.after
      return (first, line, size, shape.lines * line + major.before + major.after)
    case .bil:
      let band = shape.samples * size + minor.before + minor.after
      return (first, shape.bands * band + major.before + major.after, size, band)
    case .bip:
      let sample = shape.bands * size + minor.before + minor.after
      return (first, shape.samples * sample + major.before + major.after, sample, size)
    }
  }

  /// Bytes that a complete file has at least (trailing padding left out).
  public var fileSize: Int { endOfLine(shape.lines - 1) }

  /// The byte after the last sample of a line, over all bands.
  func endOfLine(_ line: Int) -> Int {
    let s = strides
    return s.first + line * s.line + (shape.samples - 1) * s.sample + (shape.bands - 1) * s.band + type.size
  }
}
