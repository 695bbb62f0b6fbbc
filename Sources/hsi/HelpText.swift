/// The parser's help in the order in which it is read: a command's own options stand before the groups that it shares with
/// other commands.
enum HelpText {
  /// The title under which the parser puts options without a group, at the end.
  private static let own = "OPTIONS:"

  /// Moves the section of a command's own options behind that of its arguments; other texts stay as they are.
  static func ordered(_ text: String) -> String {
    // Sections are separated by an empty line and begin with a title of capitals; examples in the overview are indented.
    let body = String(text.reversed().drop { $0 == "\n" }.reversed())
    var parts = sections(body)
    guard let from = parts.firstIndex(where: { $0.hasPrefix(own) }) else { return text }
    let options = parts.remove(at: from)
    let shared = parts.indices.first { $0 > 0 && isTitled(parts[$0]) && !isFixed(parts[$0]) && $0 <= from }
    parts.insert(options, at: shared ?? from)
    return parts.joined(separator: "\n\n") + text.dropFirst(body.count)
  }

  /// The text cut before every line that is a title.
  private static func sections(_ text: String) -> [String] {
    var parts: [String] = []
    for block in text.split(separator: "\n\n", omittingEmptySubsequences: false).map(String.init) {
      if parts.isEmpty || isTitled(block) { parts.append(block) } else { parts[parts.count - 1] += "\n\n" + block }
    }
    return parts
  }

  /// `INPUT:` on a line of its own.
  private static func isTitled(_ block: String) -> Bool {
    let line = block.prefix { $0 != "\n" }
    return line.hasSuffix(":") && line.first?.isLetter == true && !line.contains { $0.isLowercase }
  }

  /// Sections that stay above the options.
  private static func isFixed(_ block: String) -> Bool { block.hasPrefix("ARGUMENTS:") }
}
