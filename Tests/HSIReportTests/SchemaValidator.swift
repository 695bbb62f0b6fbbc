import Foundation

/// The part of JSON Schema that `ReportSchema` uses, for tests. Unknown keywords are reported as errors, so that a
/// schema cannot say more than is checked.
struct SchemaValidator {
  let root: [String: Any]

  init(_ text: String) throws {
    root = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any] ?? [:]
  }

  /// Violations, each with the place of the value.
  func errors(in data: Data) throws -> [String] {
    check(try JSONSerialization.jsonObject(with: data, options: .fragmentsAllowed), root, at: "$")
  }

  private func check(_ value: Any, _ schema: [String: Any], at place: String) -> [String] {
    var errors: [String] = []
    let known: Set<String> = [
      "$schema", "$id", "title", "description", "$defs", "$ref", "type", "required", "properties", "items",
      "additionalProperties", "pattern", "enum", "minimum", "maximum", "format",
    ]
    for key in schema.keys where !known.contains(key) { errors.append("\(place): keyword \(key)") }
    if let reference = schema["$ref"] as? String {
      let name = String(reference.dropFirst("#/$defs/".count))
      guard let target = (root["$defs"] as? [String: Any])?[name] as? [String: Any] else {
        return ["\(place): no definition \(reference)"]
      }
      errors += check(value, target, at: place)
    }
    if let type = schema["type"] {
      let allowed = type as? [String] ?? [type as? String ?? "?"]
      if !allowed.contains(where: { isType(value, $0) }) { return errors + ["\(place): not \(allowed)"] }
    }
    if let allowed = schema["enum"] as? [String], !allowed.contains(value as? String ?? "") {
      errors.append("\(place): \(value) not in \(allowed)")
    }
    if let pattern = schema["pattern"] as? String, let text = value as? String,
      text.range(of: pattern, options: .regularExpression) == nil
    {
      errors.append("\(place): \(text) does not match \(pattern)")
    }
    if let number = value as? NSNumber, isType(value, "number") {
      if let low = schema["minimum"] as? NSNumber, number.doubleValue < low.doubleValue {
        errors.append("\(place): low")
      }
      if let high = schema["maximum"] as? NSNumber, number.doubleValue > high.doubleValue {
        errors.append("\(place): high")
      }
    }
    if let object = value as? [String: Any] {
      for name in schema["required"] as? [String] ?? [] where object[name] == nil {
        errors.append("\(place): \(name) is missing")
      }
      let properties = schema["properties"] as? [String: Any] ?? [:]
      for (name, member) in object {
        if let inner = properties[name] as? [String: Any] {
          errors += check(member, inner, at: "\(place).\(name)")
        } else if let inner = schema["additionalProperties"] as? [String: Any] {
          errors += check(member, inner, at: "\(place).\(name)")
        } else if schema["additionalProperties"] as? Bool == false {
          errors.append("\(place): unexpected \(name)")
        }
      }
    }
    if let array = value as? [Any], let inner = schema["items"] as? [String: Any] {
      for (i, item) in array.enumerated() { errors += check(item, inner, at: "\(place)[\(i)]") }
    }
    return errors
  }

  private func isType(_ value: Any, _ type: String) -> Bool {
    if value is NSNull { return type == "null" }
    if let number = value as? NSNumber, !(value is String) {
      let isBool =
        number === (true as NSNumber) || number === (false as NSNumber)
        || value is Bool && String(describing: Swift.type(of: number)).contains("Bool")
      if isBool { return type == "boolean" }
      return type == "number" || (type == "integer" && number.doubleValue == number.doubleValue.rounded())
    }
    switch value {
    case is String: return type == "string"
    case is [Any]: return type == "array"
    case is [String: Any]: return type == "object"
    default: return false
    }
  }
}
