import HSICore

/// The register of rules that users choose by a text such as `dct-adamw:r=64`: one line per rule.
public enum UpdateRules {
  /// A rule as users know it.
  private struct Kind: Sendable {
    var name: String
    /// What may be said behind the name.
    var grammar: String
    /// The rule of some numbers and a β₂.
    var make: @Sendable (_ options: AdapterOptions, _ beta2: Double) throws -> any UpdateRule
  }

  /// The default first.
  private static let kinds = [
    Kind(name: "adamw", grammar: "") { _, beta2 in AdamW(beta2: beta2) },
    Kind(name: "dct-adamw", grammar: "r=RANK") { options, beta2 in DCTAdamW(rank: try options.rank(), beta2: beta2) },
    Kind(name: "trion", grammar: "r=RANK") { options, _ in Trion(rank: try options.rank()) },
  ]

  /// What can be written.
  public static var grammar: [String] { kinds.map { $0.grammar.isEmpty ? $0.name : "\($0.name):\($0.grammar)" } }

  /// The rule of a text; a name alone stands for the usual settings (rank 8).
  ///
  /// - Parameters:
  ///   - option: what the text was given for, named in errors.
  ///   - beta2: β₂ where a rule has it.
  /// - Throws: `CoreError.invalidParameter`.
  public static func parse(_ text: String, option: String, beta2: Double = 0.999) throws -> any UpdateRule {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard let kind = kinds.first(where: { $0.name == parts[0] }), parts.count == 1 || !kind.grammar.isEmpty else {
      throw CoreError.invalidParameter(
        name: option, value: text, requirement: "one of " + grammar.joined(separator: ", "))
    }
    let options = try AdapterOptions(
      parts.count == 2 ? parts[1] : "", of: text, option: option, known: ["r"], grammar: kind.grammar)
    return try kind.make(options, beta2)
  }
}
