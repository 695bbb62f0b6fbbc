import Foundation

/// How reports become JSON: snake_case keys in sorted order, indented, `null` for numbers that JSON cannot hold.
public enum ReportCoding {
  private static let notFinite = "hsi:not-finite"

  /// JSON text of a report value, ending in a newline.
  public static func encode(_ value: some Encodable) throws -> Data {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: notFinite, negativeInfinity: notFinite, nan: notFinite)
    let text = String(decoding: try encoder.encode(value), as: UTF8.self)
    return Data((text.replacingOccurrences(of: "\"\(notFinite)\"", with: "null") + "\n").utf8)
  }

  /// The value of JSON text written by `encode`.
  public static func decode<Value: Decodable>(_ type: Value.Type, from data: Data) throws -> Value {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(type, from: data)
  }

  /// The same where numbers that JSON cannot hold became `null`, in places that need a number: they are NaN then.
  static func decodeWithGaps<Value: Decodable>(_ type: Value.Type, from data: Data) throws -> Value {
    func filled(_ value: Any) -> Any {
      switch value {
      case is NSNull: notFinite
      case let list as [Any]: list.map(filled)
      case let object as [String: Any]: object.mapValues(filled)
      default: value
      }
    }
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: notFinite + "+", negativeInfinity: notFinite + "-", nan: notFinite)
    let object = filled(try JSONSerialization.jsonObject(with: data))
    return try decoder.decode(type, from: JSONSerialization.data(withJSONObject: object))
  }
}
