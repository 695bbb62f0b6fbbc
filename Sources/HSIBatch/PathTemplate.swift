/// Text with variables, `out/{stem}_ab.tif`; `{{` and `}}` stand for braces.
public struct PathTemplate: Hashable, Sendable {
  enum Piece: Hashable, Sendable {
    case text(String)
    case variable(String)
  }

  let pieces: [Piece]

  init(pieces: [Piece]) { self.pieces = pieces }

  /// Parses a template.
  ///
  /// - Throws: a `TemplateProblem` that says what is wrong.
  init(_ source: String) throws {
    var pieces: [Piece] = []
    var text = ""
    var rest = Substring(source)
    while let character = rest.popFirst() {
      if character == "{" || character == "}", rest.first == character {
        rest.removeFirst()
        text.append(character)
      } else if character == "{" {
        guard let end = rest.firstIndex(of: "}") else {
          throw TemplateProblem(detail: "`\(source)` has a { without }; {{ stands for a brace")
        }
        let name = String(rest[..<end])
        guard !name.isEmpty, name.allSatisfy({ $0.isLetter || $0.isNumber || "_-. ".contains($0) }) else {
          throw TemplateProblem(detail: "`\(source)`: {\(name)} is no variable; {{ stands for a brace")
        }
        if !text.isEmpty { pieces.append(.text(text)) }
        text = ""
        pieces.append(.variable(name))
        rest = rest[rest.index(after: end)...]
      } else if character == "}" {
        throw TemplateProblem(detail: "`\(source)` has a } without {; }} stands for a brace")
      } else {
        text.append(character)
      }
    }
    if !text.isEmpty { pieces.append(.text(text)) }
    self.pieces = pieces
  }

  /// Names of the variables in it.
  var variables: [String] {
    pieces.compactMap { if case .variable(let name) = $0 { name } else { nil } }
  }

  /// The text for given values.
  ///
  /// - Throws: a `TemplateProblem` where a variable has no value.
  func expanded(_ values: [String: String]) throws -> String {
    try pieces.map { piece in
      switch piece {
      case .text(let text): return text
      case .variable(let name):
        guard let value = values[name] else {
          throw TemplateProblem(
            detail: "there is no {\(name)} here; there are "
              + values.keys.sorted().map { "{\($0)}" }.joined(separator: " "))
        }
        return value
      }
    }.joined()
  }
}

/// What is wrong with a template.
struct TemplateProblem: Error {
  var detail: String
}
