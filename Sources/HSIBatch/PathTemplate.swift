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

  /// The path of an output for given values, normalised. It lies in the folder that the text before the first variable names (or the
  /// folder of the job), however its values are made: a table or a name may choose a folder below it, but not lead out of it. `..` in
  /// the template's own text counts; and a template may begin with where an input or another output lies.
  ///
  /// - Parameter places: variables that say where something lies.
  /// - Throws: a `TemplateProblem` where a variable has no value or the path leads elsewhere.
  func output(_ values: [String: String], places: Set<String>) throws -> String {
    let path = FilePaths.normalised(try expanded(values))
    var (lead, rest) = ("", pieces[...])
    leading: while let piece = rest.first {
      switch piece {
      case .text(let text): lead += text
      case .variable(let name):
        guard lead.isEmpty, places.contains(name) else { break leading }
        lead = values[name] ?? ""
      }
      rest.removeFirst()
    }
    guard !rest.isEmpty else { return path }
    var base = lead.lastIndex(of: "/").map { String(lead[...$0]) } ?? "."
    // The part of a name that stands before a variable (`out/a{x}`) is no folder; `..` behind it is the author's own.
    for case .text(let text) in rest {
      base += text.split(separator: "/").filter { $0 == ".." }.map { "/\($0)" }.joined()
    }
    func parts(_ path: String) -> [Substring] { path.split(separator: "/").filter { $0 != "." } }
    let (inner, outer) = (parts(path), parts(FilePaths.normalised(base)))
    guard path.hasPrefix("/") == base.hasPrefix("/"), inner.starts(with: outer), inner.count > outer.count,
      inner[outer.count] != ".."
    else {
      throw TemplateProblem(
        detail:
          "\(path) leads out of \(outer.isEmpty && !base.hasPrefix("/") ? "the folder of the job" : FilePaths.normalised(base))"
      )
    }
    return path
  }
}

/// What is wrong with a template.
struct TemplateProblem: Error {
  var detail: String
}
