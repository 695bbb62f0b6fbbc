import Foundation

/// Numbers as files and messages have them: plain decimal text without trailing zeros.
public enum PlainNumber {
  /// The shortest text that gives the same number back; whole numbers without a fraction.
  public static func exact(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if let whole = Int(exactly: value), abs(value) < 1e15 { return String(whole) }
    return "\(value)"
  }

  /// A number without the noise of unit conversions: at most 9 significant digits, shortest form.
  public static func rounded(_ value: Double) -> String {
    guard value.isFinite else { return "NaN" }
    return exact(Double(String(format: "%.9g", value)) ?? value)
  }
}
