import HSIKit

/// Refuses whole numbers of options that nothing can mean, before anything is reckoned with them: sizes, counts and numbers of
/// processes up to 10⁹ pass, and what a single option allows is checked where it is used.
///
/// Every property of a command and of its groups of options that is an `Int` is looked at, so that no option can be forgotten.
enum OptionRanges {
  /// Largest size of a number.
  static let limit = 1_000_000_000

  /// Looks at the options of a command that has been parsed.
  ///
  /// - Throws: `CoreError.invalidParameter`.
  static func check(_ command: Any) throws { try check(command, name: nil, depth: 0) }

  private static func check(_ value: Any, name: String?, depth: Int) throws {
    guard depth < 12 else { return }
    for child in Mirror(reflecting: value).children {
      let label = child.label ?? ""
      // A wrapped property is stored under its name with an underscore; what it wraps belongs to it.
      let isWrapped = label.hasPrefix("_") && label != "_parsedValue"
      let own = isWrapped ? words(label.dropFirst()) : name
      let numbers = (child.value as? Int).map { [$0] } ?? (child.value as? [Int]) ?? []
      if let wrong = numbers.first(where: { !(-limit...limit).contains($0) }) {
        throw CoreError.invalidParameter(
          name: own.map { "\(option: $0)" } ?? "a number", value: "\(wrong)", requirement: "from \(-limit) to \(limit)")
      }
      if numbers.isEmpty, isWrapped || ["_parsedValue", "value", "some"].contains(label) {
        try check(child.value, name: own, depth: depth + 1)
      }
    }
  }

  /// `most bands` for `mostBands`.
  private static func words(_ property: some StringProtocol) -> String {
    property.reduce(into: "") { $0 += $1.isUppercase ? " " + $1.lowercased() : String($1) }
  }
}
