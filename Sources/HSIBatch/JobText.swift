import Foundation
import Yams

/// A value of a job file, with the line where it stands.
struct JobValue {
  enum Content {
    /// A scalar as written; `isPlain` when it was not quoted.
    case text(String, isPlain: Bool)
    case list([JobValue])
    case map([JobEntry])
  }

  var content: Content
  /// Counted from 1.
  var line: Int
}

/// A key of a mapping and its value.
struct JobEntry {
  var key: String
  var line: Int
  var value: JobValue
}

/// Reads the text of a job file, YAML or JSON (which YAML contains), within limits that no honest file meets.
enum JobText {
  /// Largest file in bytes.
  static let sizeLimit = 4 << 20
  /// Deepest nesting; the schema needs six levels.
  static let depthLimit = 32

  /// The tree of the only document in `data`.
  ///
  /// Anchors and aliases are refused before parsing, so that a small text cannot stand for a large tree.
  /// - Throws: `BatchError.badJob` with the line.
  static func parse(_ data: Data, path: String) throws -> JobValue {
    guard data.count <= sizeLimit else {
      throw BatchError.badJob(
        path: path, line: nil, detail: "it is larger than 4 MiB; put inputs into a list")
    }
    guard let text = String(data: data, encoding: .utf8), !text.utf8.contains(0) else {
      throw BatchError.badJob(path: path, line: nil, detail: "it is not UTF-8 text")
    }
    guard !text.unicodeScalars.contains(where: { [0x85, 0x2028, 0x2029].contains($0.value) }) else {
      throw BatchError.badJob(
        path: path, line: nil, detail: "it has line breaks that are none of a text file")
    }
    try refuseAnchors(text, path)
    try refuseDepth(text, path)
    let root: Node?
    do {
      root = try Yams.compose(yaml: text, .basic, .default, .utf8)
    } catch let error as YamlError {
      throw failure(error, path)
    }
    guard let root else { throw BatchError.badJob(path: path, line: nil, detail: "it is empty") }
    return try value(root, line: 1, depth: 0, path)
  }

  private static func value(_ node: Node, line: Int, depth: Int, _ path: String) throws -> JobValue {
    let line = node.mark?.line ?? line
    guard depth < depthLimit else {
      throw BatchError.badJob(path: path, line: line, detail: "it is nested too deeply")
    }
    switch node {
    case .scalar(let scalar):
      return JobValue(content: .text(scalar.string, isPlain: scalar.style == .plain), line: line)
    case .sequence(let sequence):
      return JobValue(
        content: .list(try sequence.map { try value($0, line: line, depth: depth + 1, path) }), line: line)
    case .mapping(let mapping):
      let entries = try mapping.map { pair in
        guard case .scalar(let key) = pair.key else {
          throw BatchError.badJob(
            path: path, line: pair.key.mark?.line ?? line, detail: "a key is not a word")
        }
        let keyLine = key.mark?.line ?? line
        return JobEntry(
          key: key.string, line: keyLine,
          value: try value(pair.value, line: keyLine, depth: depth + 1, path))
      }
      return JobValue(content: .map(entries), line: line)
    case .alias:
      throw BatchError.badJob(path: path, line: line, detail: aliasDetail)
    }
  }

  private static let aliasDetail =
    "anchors and aliases (&name, *name) are not used in job files; quote text that begins with & or *"

  /// Looks for `&name` or `*…` where YAML would take it for an anchor or an alias: at the beginning of a value, outside
  /// of quotes and comments. After a quote that does not end in its line it is doubtful what is what, and nothing is
  /// passed over any more.
  private static func refuseAnchors(_ text: String, _ path: String) throws {
    let starts: Set<UInt8> = [0x20, 0x09, 0x2C, 0x5B, 0x7B, 0x3A]
    var isDoubtful = false
    var line = 1
    // A line break of YAML, too: those of Unicode were refused.
    for part in text.utf8.split(
      omittingEmptySubsequences: false, whereSeparator: { $0 == 0x0A || $0 == 0x0D })
    {
      var begins = true
      var isMark = false
      var quote: UInt8?
      var isEscaped = false
      for byte in part {
        if let open = quote {
          if isEscaped {
            isEscaped = false
          } else if byte == UInt8(ascii: "\\"), open == UInt8(ascii: "\"") {
            isEscaped = true
          } else if byte == open {
            quote = nil
          }
          begins = false
          continue
        }
        if isMark, byte > 0x20 { throw BatchError.badJob(path: path, line: line, detail: aliasDetail) }
        if begins, !isDoubtful {
          if byte == UInt8(ascii: "#") { break }
          if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") { quote = byte }
        }
        isMark = begins && (byte == UInt8(ascii: "&") || byte == UInt8(ascii: "*"))
        begins = starts.contains(byte)
      }
      if quote != nil { isDoubtful = true }
      if part.endIndex < text.utf8.endIndex, text.utf8[part.endIndex] == 0x0A { line += 1 }
    }
  }

  /// Bounds the nesting that the parser can meet: open brackets, and dashes and indents at the beginning of a line.
  private static func refuseDepth(_ text: String, _ path: String) throws {
    var (line, column, prefix, brackets) = (1, 0, true, 0)
    for byte in text.utf8 {
      switch byte {
      case 0x0A: (line, column, prefix) = (line + 1, 0, true)
      case UInt8(ascii: "["), UInt8(ascii: "{"): (brackets, prefix) = (brackets + 1, false)
      case UInt8(ascii: "]"), UInt8(ascii: "}"): (brackets, prefix) = (max(0, brackets - 1), false)
      case 0x20, 0x09, UInt8(ascii: "-"), UInt8(ascii: "?"): if prefix { column += 1 }
      default: prefix = false
      }
      if brackets > 200 || column > 200 {
        throw BatchError.badJob(path: path, line: line, detail: "it is nested too deeply")
      }
    }
  }

  private static func failure(_ error: YamlError, _ path: String) -> BatchError {
    switch error {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      return .badJob(path: path, line: mark.line, detail: "no valid YAML: \(problem)")
    case .duplicatedKeysInMapping(let duplicates, let context):
      return .badJob(
        path: path, line: context.mark.line,
        detail: "the key \(duplicates.first ?? "") stands twice in one mapping")
    case .reader(let problem, _, _, _):
      return .badJob(path: path, line: nil, detail: "no valid YAML: \(problem)")
    default:
      return .badJob(path: path, line: nil, detail: "no valid YAML")
    }
  }
}
