import HSICore

/// The numbers that a user wrote for an adapter: `r=8,alpha=16`.
public struct AdapterOptions {
  /// Name of the option or parameter that the text was given for.
  public let option: String
  /// The whole text.
  public let text: String
  private let values: [String: Double]
  /// Whether the text is the name of a kind alone.
  private var isBare: Bool { values.isEmpty && !text.contains(":") && !text.isEmpty }

  /// Reads `name=number`, comma-separated.
  ///
  /// - Parameters:
  ///   - known: names that may occur.
  ///   - grammar: what is shown to a user whose text is not understood.
  /// - Throws: `CoreError.invalidParameter`.
  init(_ list: Substring, of text: String, option: String, known: [String], grammar: String) throws {
    self.option = option
    self.text = text
    var values: [String: Double] = [:]
    for part in list.split(separator: ",") {
      let pair = part.split(separator: "=")
      guard pair.count == 2, known.contains(String(pair[0])), let value = Double(pair[1]), value > 0, value <= 1e6
      else {
        throw CoreError.invalidParameter(name: option, value: text, requirement: grammar)
      }
      values[String(pair[0])] = value
    }
    self.values = values
  }

  /// The number of a name, nil where it was not given.
  public subscript(_ name: String) -> Double? { values[name] }

  /// A rank from 1 to 256 under `r`, 8 where nothing is said.
  ///
  /// - Throws: `CoreError.invalidParameter`.
  public func rank() throws -> Int {
    guard let rank = values["r"] ?? (isBare ? 8 : nil), rank >= 1, rank <= 256, rank == rank.rounded() else {
      throw CoreError.invalidParameter(name: option, value: text, requirement: "r=RANK with a rank from 1 to 256")
    }
    return Int(clamping: rank)
  }
}
