import Foundation
import HSIKit

/// Arguments from files: `@FILE` or `--optfile FILE` stands for the words of a file.
///
/// Words are separated by blanks and line ends; `'…'` and `"…"` keep blanks, a backslash keeps the next character
/// (not inside `'…'`); a line that begins with `#` is a comment. Words that begin with `@` in a file are not expanded
/// again. A name that begins with `@` is written `./@name`.
enum ResponseFile {
  private static let largest = 1 << 20

  /// The arguments with every file in place of its name, and the files; nothing after `--` is touched.
  ///
  /// - Throws: `RasterError.notFound`, `.unreadable`.
  static func expand(_ arguments: [String]) throws -> (arguments: [String], files: [String]) {
    var (result, files): ([String], [String]) = ([], [])
    func words(of name: String) throws -> [String] {
      files.append(name)
      return try Self.words(of: name)
    }
    var rest = arguments[...]
    while let argument = rest.popFirst() {
      if argument == "--" { return (result + [argument] + rest, files) }
      if argument == "--optfile", let name = rest.popFirst() {
        result += try words(of: name)
      } else if argument.hasPrefix("--optfile=") {
        result += try words(of: String(argument.dropFirst("--optfile=".count)))
      } else if argument.hasPrefix("@"), argument.count > 1 {
        result += try words(of: String(argument.dropFirst()))
      } else {
        result.append(argument)
      }
    }
    return (result, files)
  }

  private static func words(of path: String) throws -> [String] {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw RasterError.notFound(path: path)
    }
    guard !isFolder.boolValue, let handle = FileHandle(forReadingAtPath: path),
      let data = try? handle.read(upToCount: largest + 1) ?? Data()
    else { throw RasterError.unreadable(path: path, reason: "it is no file of arguments that can be read") }
    guard data.count <= largest, !data.contains(0), let text = String(data: data, encoding: .utf8) else {
      throw RasterError.unreadable(path: path, reason: "a file of arguments is UTF-8 text of at most 1 MiB")
    }
    guard let words = words(text) else {
      throw RasterError.unreadable(path: path, reason: "a quotation mark is not closed")
    }
    return words
  }

  /// The words of a text; nil when a quotation mark is not closed.
  static func words(_ text: String) -> [String]? {
    var words: [String] = []
    var word: String?
    var quote: Character?
    var isEscaped = false
    var isLineStart = true
    var isComment = false
    for character in text {
      if isComment {
        isComment = !character.isNewline
        isLineStart = character.isNewline
        continue
      }
      if isEscaped {
        word = (word ?? "") + String(character)
        isEscaped = false
      } else if character == "\\", quote != "'" {
        isEscaped = true
      } else if let open = quote {
        if character == open { quote = nil } else { word = (word ?? "") + String(character) }
      } else if character == "#", isLineStart {
        isComment = true
      } else if character == "\"" || character == "'" {
        quote = character
        word = word ?? ""
      } else if character.isWhitespace || character.isNewline {
        if let complete = word { words.append(complete) }
        word = nil
        if character.isNewline { isLineStart = true }
        continue
      } else {
        word = (word ?? "") + String(character)
      }
      isLineStart = false
    }
    guard quote == nil else { return nil }
    if let last = word { words.append(last) }
    return words
  }
}
