import HSIKit

/// `--sigma`: the numbers of a model of noise.
enum SigmaOption {
  /// The numbers, or nil where nothing was said.
  static func parse(_ text: String?) throws -> [Double]? {
    guard let text else { return nil }
    let parts = text.split(separator: ",", omittingEmptySubsequences: false)
    let values = parts.compactMap { Double($0) }
    guard values.count == parts.count else {
      throw CoreError.invalidParameter(
        name: "--sigma", value: text, requirement: "a number or numbers with commas")
    }
    return values
  }
}
