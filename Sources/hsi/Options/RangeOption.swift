import HSIKit

/// The data values that stand for 0 and 1 in noise models and metrics: `minmax`, or `LOW,HIGH`.
enum RangeOption {
  /// The range that a text names, or nil for `minmax`.
  static func parse(_ text: String) throws -> DataRange? {
    if text == "minmax" { return nil }
    let parts = text.split(separator: ",", omittingEmptySubsequences: false).compactMap { Double($0) }
    guard parts.count == 2, let range = try? DataRange(low: parts[0], high: parts[1]) else {
      throw CoreError.invalidParameter(
        name: "--range", value: text, requirement: "minmax, or LOW,HIGH with LOW below HIGH")
    }
    return range
  }
}
