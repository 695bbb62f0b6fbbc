import Foundation

/// How much memory an operation may take, in bytes.
public struct MemoryBudget: Hashable, Sendable, Codable, CustomStringConvertible {
  /// The limit in bytes.
  public var bytes: Int

  /// A limit in bytes.
  public init(bytes: Int) { self.bytes = bytes }

  /// Parses `512M`, `4G`, `1.5g`, `800000` (suffixes K, M, G, T are powers of 1024; `B` and `iB` tolerated).
  public init?(_ text: String) {
    var body = text.trimmingCharacters(in: .whitespaces).uppercased()
    if body.hasSuffix("IB") { body.removeLast(2) } else if body.hasSuffix("B") { body.removeLast() }
    var factor = 1.0
    if let unit = body.last, let power = ["K": 1, "M": 2, "G": 3, "T": 4][String(unit)] {
      factor = pow(1024, Double(power))
      body.removeLast()
    }
    guard let value = Double(body), value.isFinite, value > 0, value * factor < 9e18, value * factor >= 1
    else {
      return nil
    }
    bytes = Int(clamping: value * factor)
  }

  /// A size as a person writes it, `1.5 GiB`.
  public static func text(_ bytes: Int) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"]
    var value = Double(bytes)
    var index = 0
    while value >= 1024, index < units.count - 1 {
      value /= 1024
      index += 1
    }
    return index == 0 ? "\(bytes) B" : String(format: value < 10 ? "%.1f %@" : "%.0f %@", value, units[index])
  }

  public var description: String { MemoryBudget.text(bytes) }
}

extension RunContext {
  /// Cores that this process may use (scheduler affinity respected).
  public static var availableThreads: Int { max(1, ProcessInfo.processInfo.activeProcessorCount) }
}
