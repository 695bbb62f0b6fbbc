import Foundation

/// Round places on an axis and their labels.
struct Ticks {
  /// Values, ascending, within the axis.
  var values: [Double]
  /// Their labels.
  var labels: [String]

  /// About `count` multiples of 1, 2 or 5 · 10ⁿ between `low` and `high`.
  static func linear(_ low: Double, _ high: Double, count: Int) -> Ticks {
    let step = self.step(high - low, count: count)
    guard step > 0, step.isFinite else { return Ticks(values: [low], labels: [NumberText.short(low)]) }
    let first = (low / step - 1e-9).rounded(.up)
    let last = (high / step + 1e-9).rounded(.down)
    guard last >= first, last - first < 200 else {
      return Ticks(values: [low], labels: [NumberText.short(low)])
    }
    let values = stride(from: first, through: last, by: 1).map { $0 * step }
    let largest = values.map(abs).max() ?? 0
    if largest >= 1e5 || (largest > 0 && largest < 1e-3) {
      let power = Int(clamping: Foundation.log10(largest).rounded(.down))
      let unit = Foundation.pow(10, Double(power))
      let digits = max(0, power - Int(clamping: (Foundation.log10(step) + 1e-9).rounded(.down)))
      return Ticks(
        values: values,
        labels: values.map { value in
          value == 0
            ? "0" : String(format: "%.\(digits)f", value / unit) + "·10" + NumberText.superscript(power)
        })
    }
    let digits = max(0, -Int(clamping: (Foundation.log10(step) + 1e-9).rounded(.down)))
    return Ticks(
      values: values, labels: values.map { NumberText.minus(String(format: "%.\(digits)f", $0 + 0.0)) })
  }

  /// Decades between `low` and `high`, with 2 and 5 in between where there are few.
  static func logarithmic(_ low: Double, _ high: Double) -> Ticks {
    guard low > 0, low.isFinite, high >= low, high.isFinite else { return Ticks(values: [], labels: []) }
    let (first, last) = (
      Int(clamping: Foundation.log10(low).rounded(.down)), Int(clamping: Foundation.log10(high).rounded(.up))
    )
    let decades = last - first
    let factors: [Double] = decades <= 2 ? [1, 2, 5] : [1]
    let every = max(1, decades / 6)
    let isPlain = first >= -3 && last <= 4
    var ticks = Ticks(values: [], labels: [])
    for power in stride(from: first, through: last, by: every) {
      for factor in factors {
        let value = factor * Foundation.pow(10, Double(power))
        guard value >= low * (1 - 1e-9), value <= high * (1 + 1e-9) else { continue }
        ticks.values.append(value)
        let power10 = "10" + NumberText.superscript(power)
        ticks.labels.append(
          isPlain ? NumberText.short(value) : factor == 1 ? power10 : "\(Int(clamping: factor))·" + power10)
      }
    }
    return ticks
  }

  private static func step(_ span: Double, count: Int) -> Double {
    guard span > 0, span.isFinite else { return 0 }
    let raw = span / Double(max(1, count))
    let power = Foundation.pow(10, Foundation.log10(raw).rounded(.down))
    let ratio = raw / power
    return power * (ratio < 1.5 ? 1 : ratio < 3.5 ? 2 : ratio < 7.5 ? 5 : 10)
  }
}

/// Numbers for people: `.` as the decimal sign whatever the locale, a true minus sign.
enum NumberText {
  /// About four significant digits: `0.0312`, `1,234`, `3.2·10⁷`.
  static func short(_ value: Double, digits: Int = 4) -> String {
    guard value.isFinite else { return "–" }
    if value == 0 { return "0" }
    let size = abs(value)
    if size >= 1e6 || size < 1e-4 {
      let power = Int(clamping: Foundation.log10(size).rounded(.down))
      let mantissa = String(format: "%.3g", value / Foundation.pow(10, Double(power)))
      return minus("\(mantissa)·10\(superscript(power))")
    }
    let decimals = max(0, digits - 1 - Int(clamping: Foundation.log10(size).rounded(.down)))
    if decimals == 0 { return minus(grouped(Int(clamping: value.rounded()))) }
    var text = String(format: "%.\(decimals)f", value)
    while text.hasSuffix("0") { text.removeLast() }
    if text.hasSuffix(".") { text.removeLast() }
    return minus(text)
  }

  /// `12,345`.
  static func grouped(_ value: Int) -> String {
    var digits = String(abs(value))
    var index = digits.count - 3
    while index > 0 {
      digits.insert(",", at: digits.index(digits.startIndex, offsetBy: index))
      index -= 3
    }
    return (value < 0 ? "-" : "") + digits
  }

  /// A map coordinate: metres to the decimetre, degrees to the micro-degree.
  static func coordinate(_ value: Double) -> String {
    minus(String(format: abs(value) <= 360 ? "%.6f" : "%.1f", value))
  }

  static func percent(_ fraction: Double) -> String {
    let value = 100 * fraction
    return String(format: value >= 9.95 || value == 0 ? "%.0f %%" : "%.1f %%", value)
  }

  static func minus(_ text: String) -> String { text.replacingOccurrences(of: "-", with: "−") }

  static func superscript(_ value: Int) -> String {
    let digits: [Character: Character] = [
      "0": "⁰", "1": "¹", "2": "²", "3": "³", "4": "⁴", "5": "⁵", "6": "⁶", "7": "⁷", "8": "⁸", "9": "⁹",
      "-": "⁻",
    ]
    return String(String(value).map { digits[$0] ?? $0 })
  }
}

/// Text inside markup.
enum Markup {
  /// The text with the five special characters of XML replaced, and control characters that XML forbids removed.
  static func escape(_ text: String) -> String {
    var result = ""
    result.reserveCapacity(text.count)
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      case "\t", "\n", "\r": result.unicodeScalars.append(scalar)
      case let other where other.value < 0x20 || other.value == 0x7F: continue
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
