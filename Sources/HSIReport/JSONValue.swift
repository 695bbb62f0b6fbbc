import Foundation

/// A JSON value whose shape is known only at run time.
public indirect enum JSONValue: Encodable, Sendable, Equatable {
  case object([String: JSONValue])
  case array([JSONValue])
  case text(String)
  case number(Double)
  case integer(Int)
  case truth(Bool)
  case null

  /// A number, or null where JSON has none for it.
  public static func finite(_ value: Double?) -> JSONValue {
    value.map { $0.isFinite ? .number($0) : .null } ?? .null
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .object(let members): try container.encode(members)
    case .array(let items): try container.encode(items)
    case .text(let text): try container.encode(text)
    case .number(let value): try container.encode(value)
    case .integer(let value): try container.encode(value)
    case .truth(let value): try container.encode(value)
    case .null: try container.encodeNil()
    }
  }

  /// JSON text with sorted keys, indented, ending in a newline.
  public func data() throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(self) + Data("\n".utf8)
  }
}
