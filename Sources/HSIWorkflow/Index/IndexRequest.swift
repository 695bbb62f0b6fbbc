import HSICore
import HSISpectral

/// An index that is asked for: one of `SpectralIndices`, or a formula.
public struct IndexRequest: Sendable {
  /// What the band is called.
  public let name: String
  /// Of band values.
  public let formula: IndexFormula

  /// A name of `SpectralIndices`, or a formula; `NAME=FORMULA` names it.
  ///
  /// - Throws: `CoreError.unknownMethod` for a word that is no index, `SpectralError.formula`.
  public init(_ text: String) throws {
    let trimmed = text.trimmingCharacters(in: .whitespaces)
    if let index = SpectralIndices.all.find(trimmed) {
      (name, formula) = (index.id, index.formula)
      return
    }
    let isWord = trimmed.allSatisfy { $0.isLetter || $0.isNumber || $0 == "-" || $0 == "_" }
    let namesBand = (try? IndexFormula(trimmed)) != nil
    guard !isWord || namesBand || trimmed.isEmpty else {
      throw CoreError.unknownMethod(
        kind: "index", name: trimmed, known: SpectralIndices.all.map(\.id),
        aliases: SpectralIndices.all.flatMap(\.aliases))
    }
    if let equals = trimmed.firstIndex(of: "=") {
      let given = trimmed[..<equals].trimmingCharacters(in: .whitespaces)
      guard !given.isEmpty, given.count <= 60 else {
        throw CoreError.invalidParameter(
          name: "the name of an index", value: "'\(given)'", requirement: "1 to 60 characters")
      }
      name = given
      formula = try IndexFormula(trimmed[trimmed.index(after: equals)...].trimmingCharacters(in: .whitespaces))
    } else {
      (name, formula) = (trimmed, try IndexFormula(trimmed))
    }
  }

  /// The parts of a list: commas inside parentheses do not separate.
  public static func list(_ text: String) throws -> [IndexRequest] {
    var parts: [String] = [""]
    var depth = 0
    for character in text {
      if character == "(" { depth += 1 }
      if character == ")" { depth -= 1 }
      if character == ",", depth <= 0 { parts.append("") } else { parts[parts.count - 1].append(character) }
    }
    guard parts.count <= 256 else {
      throw CoreError.invalidParameter(
        name: "\(option: "index")", value: "\(parts.count) indices", requirement: "at most 256")
    }
    return try parts.map { try IndexRequest($0) }
  }
}
