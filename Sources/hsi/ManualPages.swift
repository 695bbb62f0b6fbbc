import ArgumentParser
import Foundation

/// Man pages of every command, made from what the parser knows: what `--help` shows is what they say.
struct ManualPages {
  /// The dump of the parser, the parts that a page needs.
  private struct Dump: Decodable { var command: Command }

  private struct Command: Decodable {
    var commandName: String
    var abstract: String?
    var discussion: String?
    var arguments: [Argument]?
    var subcommands: [Command]?
    var superCommands: [String]?
    var shouldDisplay: Bool?

    /// `hsi classify train`.
    var words: [String] { (superCommands ?? []) + [commandName] }
    /// Commands of this one that are shown and are not `help`.
    var shown: [Command] { (subcommands ?? []).filter { $0.shouldDisplay ?? true && $0.commandName != "help" } }
  }

  private struct Argument: Decodable {
    struct Name: Decodable {
      var kind: String
      var name: String
      var text: String { (kind == "long" ? "--" : "-") + name }
    }
    var kind: String
    var names: [Name]?
    var valueName: String?
    var abstract: String?
    var discussion: String?
    var defaultValue: String?
    var isOptional: Bool
    var isRepeating: Bool
    var shouldDisplay: Bool
    var sectionTitle: String?
  }

  /// Text of the pages by file name: `hsi.1`, `hsi-unmix.1`, …
  let pages: [String: String]

  /// The pages of a command and all below it.
  ///
  /// - Parameters:
  ///   - dump: what `--experimental-dump-help` prints.
  ///   - version: shown at the foot.
  /// - Throws: `DecodingError` for a dump of another form.
  init(dump: String, version: String) throws {
    let root = try JSONDecoder().decode(Dump.self, from: Data(dump.utf8)).command
    var pages: [String: String] = [:]
    func add(_ command: Command) {
      pages[command.words.joined(separator: "-") + ".1"] = ManualPages.page(command, version: version)
      for child in command.shown { add(child) }
    }
    add(root)
    self.pages = pages
  }

  private static func page(_ command: Command, version: String) -> String {
    let name = command.words.joined(separator: "-")
    var lines = [
      ".TH \(quoted(name.uppercased())) 1 \"\" \(quoted("hsi " + version)) \(quoted("Hyperspectral imaging"))",
      ".SH NAME", "\(escaped(name)) \\- \(escaped(command.abstract ?? ""))",
    ]
    lines += synopsis(command)
    if let discussion = command.discussion, !discussion.isEmpty {
      lines += [".SH DESCRIPTION"] + paragraphs(discussion)
    }
    lines += options(command)
    if !command.shown.isEmpty {
      lines.append(".SH COMMANDS")
      for child in command.shown {
        lines += [".TP", ".B \(escaped(child.words.joined(separator: " ")))", escaped(child.abstract ?? "")]
      }
    }
    let related = command.shown.map(\.words) + (command.words.count > 1 ? [command.words.dropLast()] : [])
    if !related.isEmpty {
      let names = related.map { "\\fB\(escaped($0.joined(separator: "-")))\\fR(1)" }
      lines += [".SH SEE ALSO", names.joined(separator: ", ")]
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func synopsis(_ command: Command) -> [String] {
    var words = ["\\fB\(escaped(command.words.joined(separator: " ")))\\fR"]
    if !command.shown.isEmpty { words.append("\\fIcommand\\fR") }
    let shown = (command.arguments ?? []).filter(\.shouldDisplay)
    if shown.contains(where: { $0.kind != "positional" }) { words.append("[\\fIoptions\\fR]") }
    for argument in shown where argument.kind == "positional" {
      let value = "\\fI\(escaped(argument.valueName ?? "value"))\\fR" + (argument.isRepeating ? " …" : "")
      words.append(argument.isOptional ? "[\(value)]" : value)
    }
    return [".SH SYNOPSIS", words.joined(separator: " ")]
  }

  /// Sections of arguments and options in the order of the help, those without a title first.
  private static func options(_ command: Command) -> [String] {
    let shown = (command.arguments ?? []).filter(\.shouldDisplay)
    var titles: [String] = []
    for argument in shown {
      let title = section(argument)
      if !titles.contains(title) { titles.append(title) }
    }
    return titles.flatMap { title in
      [".SH \(quoted(title))"] + shown.filter { section($0) == title }.flatMap(entry)
    }
  }

  private static func section(_ argument: Argument) -> String {
    (argument.sectionTitle ?? (argument.kind == "positional" ? "Arguments" : "Options")).uppercased()
  }

  private static func entry(_ argument: Argument) -> [String] {
    let value = argument.valueName.map { "\\fI\(escaped($0))\\fR" } ?? ""
    var head = value
    if argument.kind != "positional" {
      head = (argument.names ?? []).map { "\\fB\(escaped($0.text))\\fR" }.joined(separator: ", ")
      if argument.kind == "option" { head += " " + value }
    }
    var text = argument.abstract ?? ""
    if let more = argument.discussion, !more.isEmpty { text += " " + more }
    if let value = argument.defaultValue, !value.isEmpty { text += " (default: \(value))" }
    return [".TP", head] + (text.isEmpty ? [] : escaped(text).split(separator: "\n").map(String.init))
  }

  /// A text of the help: lines that are indented are kept as they are, the others flow.
  private static func paragraphs(_ text: String) -> [String] {
    var lines: [String] = []
    var isKept = false
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      let indented = line.hasPrefix("  ")
      if indented != isKept, !line.isEmpty {
        lines.append(indented ? ".RS 2\n.nf" : ".fi\n.RE")
        isKept = indented
      }
      if line.isEmpty {
        if !isKept { lines.append(".PP") }
      } else {
        lines.append(escaped(indented ? String(line.dropFirst(2)) : String(line)))
      }
    }
    return lines + (isKept ? [".fi", ".RE"] : [])
  }

  /// Text whose backslashes, hyphens and leading control characters mean themselves.
  static func escaped(_ text: String) -> String {
    let plain = text.replacing("\\", with: "\\e").replacing("-", with: "\\-")
    return plain.split(separator: "\n", omittingEmptySubsequences: false)
      .map { $0.hasPrefix(".") || $0.hasPrefix("'") ? "\\&" + $0 : String($0) }.joined(separator: "\n")
  }

  private static func quoted(_ text: String) -> String { "\"" + escaped(text).replacing("\"", with: "\\(dq") + "\"" }
}
