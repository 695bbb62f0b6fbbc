import HSIKit

/// `--set NAME=VALUE` as numbers by name.
enum MethodOptions {
  static func values(_ entries: [String]) throws -> [String: Double] {
    var values: [String: Double] = [:]
    for entry in entries {
      let parts = entry.split(separator: "=", maxSplits: 1)
      guard parts.count == 2, let value = Double(parts[1]), value.isFinite else {
        throw CoreError.invalidParameter(name: "--set", value: entry, requirement: "NAME=NUMBER")
      }
      values[String(parts[0])] = value
    }
    return values
  }
}
