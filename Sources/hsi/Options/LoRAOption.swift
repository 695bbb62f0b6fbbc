import HSIKit

/// The size of low-rank adapters of a classifier: `r=8` or `r=8,alpha=16`.
enum LoRAOption {
  /// The configuration that a text names.
  ///
  /// - Throws: `CoreError.invalidParameter`.
  static func parse(_ text: String) throws -> LowRankAdapter.Configuration {
    guard let configuration = try Adapters.parse(text, option: "--lora") as? LowRankAdapter.Configuration else {
      throw CoreError.invalidParameter(name: "--lora", value: text, requirement: "of the kind lora")
    }
    return configuration
  }
}
