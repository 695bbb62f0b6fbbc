import HSIKit

/// The size of low-rank adapters: `r=8` or `r=8,alpha=16`.
enum LoRAOption {
  /// The configuration that a text names.
  ///
  /// - Throws: `CoreError.invalidParameter`.
  static func parse(_ text: String) throws -> LowRankAdapter.Configuration {
    var values: [String: Double] = [:]
    for part in text.split(separator: ",") {
      let pair = part.split(separator: "=")
      guard pair.count == 2, ["r", "alpha"].contains(String(pair[0])), let value = Double(pair[1]), value > 0,
        value <= 1e6
      else {
        throw CoreError.invalidParameter(name: "--lora", value: text, requirement: "r=RANK or r=RANK,alpha=NUMBER")
      }
      values[String(pair[0])] = value
    }
    guard let rank = values["r"], rank >= 1, rank <= 256, rank == rank.rounded() else {
      throw CoreError.invalidParameter(name: "--lora", value: text, requirement: "r=RANK with a rank from 1 to 256")
    }
    return .init(rank: Int(rank), alpha: values["alpha"])
  }
}
