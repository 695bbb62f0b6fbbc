/// How messages spell the parameters that they name.
///
/// A library does not know by which words its users set a parameter: an option, a field of a form, a property. A message
/// marks the name of a parameter by `\\(option: "window")`; whoever shows the message spells it.
public enum ParameterSpelling {
  /// A character that no message has of itself (private use), before and after a name.
  private static let mark: Character = "\u{E000}"

  /// A marked name.
  static func marked(_ name: String) -> String { "\(mark)\(name)\(mark)" }

  /// A message with its marked names spelled by a rule.
  public static func spelled(_ message: String, by spelling: (String) -> String = { $0 }) -> String {
    guard message.contains(mark) else { return message }
    let parts = message.split(separator: mark, omittingEmptySubsequences: false)
    return parts.enumerated().map { index, part in
      // Odd parts lie between two marks; one mark alone is left out.
      index % 2 == 1 && index + 1 < parts.count ? spelling(String(part)) : String(part)
    }.joined()
  }
}

extension DefaultStringInterpolation {
  /// The name of a parameter in a message, in plain words: `"raise \\(option: "memory")"`.
  public mutating func appendInterpolation(option name: String) {
    appendLiteral(ParameterSpelling.marked(name))
  }
}
