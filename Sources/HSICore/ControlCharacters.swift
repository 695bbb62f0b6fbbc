/// Characters that a terminal takes for orders: they come from files and names, and must not reach one.
public enum ControlCharacters {
  /// The text with every control character but line breaks and tabs as its escape, `\u001b`: ASCII and C1 controls, and the characters
  /// that turn the direction of text. The escape is that of JSON, in which it means the character that it stands for.
  ///
  /// - Parameter keepsLines: false makes blanks of line breaks, for what must stay one line.
  public static func shown(_ text: String, keepsLines: Bool = true) -> String {
    guard text.unicodeScalars.contains(where: { isOrder($0) || !keepsLines && $0 == "\n" }) else { return text }
    var result = ""
    for scalar in text.unicodeScalars {
      if scalar == "\n", !keepsLines {
        result += " "
      } else if isOrder(scalar) {
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  private static func isOrder(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x09, 0x0A: false
    case 0..<0x20, 0x7F...0x9F, 0x2028...0x202E, 0x2066...0x2069: true
    default: false
    }
  }
}
