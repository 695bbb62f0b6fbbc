import Foundation
import HSIKit

/// A configuration file: settings by key, and GDAL's options in the table `[gdal]`.
///
/// ```toml
/// threads = 8
/// memory = "16G"
/// model_path = ["~/models", "/shared/models"]
///
/// [gdal]
/// GDAL_CACHEMAX = 512
/// ```
struct SettingsFile {
  /// A value with the line that it stands on.
  struct Entry {
    var text: String
    var line: Int
  }

  /// Name as it is shown.
  let name: String
  private(set) var settings: [String: Entry] = [:]
  private(set) var gdal: [(name: String, entry: Entry)] = []

  private static let largest = 1 << 20

  /// Reads a file; nil when there is none.
  ///
  /// - Throws: `ConfigurationError`.
  init?(_ path: String, environment: [String: String]) throws {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else { return nil }
    guard !isFolder.boolValue else {
      throw ConfigurationError.unreadable(file: path, reason: "it is a folder")
    }
    guard let handle = FileHandle(forReadingAtPath: path),
      let data = try? handle.read(upToCount: SettingsFile.largest + 1) ?? Data()
    else { throw ConfigurationError.unreadable(file: path, reason: "no permission, or no plain file") }
    try self.init(data, name: path, environment: environment)
  }

  /// Reads the bytes of a file.
  ///
  /// - Parameter name: where they come from, for messages; names in them are relative to its folder.
  /// - Throws: `ConfigurationError`.
  init(_ data: Data, name: String, environment: [String: String]) throws {
    guard data.count <= SettingsFile.largest else {
      throw ConfigurationError.unreadable(file: name, reason: "it is larger than 1 MiB")
    }
    guard let text = String(data: data, encoding: .utf8), !data.contains(0) else {
      throw ConfigurationError.unreadable(file: name, reason: "it is no UTF-8 text")
    }
    self.name = name
    let entries: [SettingsText.Entry]
    do {
      entries = try SettingsText.parse(text)
    } catch let error as SettingsText.Malformed {
      throw ConfigurationError.syntax(file: name, line: error.line, reason: error.reason)
    }
    for entry in entries {
      if entry.path[0] == "gdal" { try readGDAL(entry) } else { try read(entry, environment) }
    }
  }

  private mutating func read(_ entry: SettingsText.Entry, _ environment: [String: String]) throws {
    let key = entry.path.joined(separator: ".")
    guard let setting = Setting.all.first(where: { $0.key == key }) else {
      throw ConfigurationError.unknownKey(
        place: place(entry.line), key: key, known: Setting.all.map(\.key) + ["the table [gdal]"])
    }
    var texts = SettingsFile.texts(entry.value, allowsList: setting.isPath)
    if setting.isPath { texts = texts?.map { resolved($0, environment) } }
    let text = texts?.joined(separator: ":")
    guard let text, setting.accepts(text) else {
      throw ConfigurationError.badValue(
        place: place(entry.line), key: key, value: text ?? "a list", requirement: setting.requirement)
    }
    settings[key] = Entry(text: text, line: entry.line)
  }

  private mutating func readGDAL(_ entry: SettingsText.Entry) throws {
    guard entry.path.count == 2, !entry.path[1].isEmpty, !entry.path[1].contains("=") else {
      throw ConfigurationError.badValue(
        place: place(entry.line), key: entry.path.joined(separator: "."), value: "set",
        requirement: "left out: [gdal] is a table of options, NAME = VALUE")
    }
    guard let text = SettingsFile.texts(entry.value, allowsList: false)?.first else {
      throw ConfigurationError.badValue(
        place: place(entry.line), key: entry.path.joined(separator: "."), value: "a list",
        requirement: "a text, a number or a truth value")
    }
    gdal.append((entry.path[1], Entry(text: text, line: entry.line)))
  }

  /// Refuses settings and options of GDAL that the file of a folder must not make.
  ///
  /// - Throws: `ConfigurationError.unsafeOption`.
  func requireSafe() throws {
    for setting in Setting.all where setting.isUsersOwn {
      guard let entry = settings[setting.key] else { continue }
      throw ConfigurationError.unsafeOption(place: place(entry.line), name: setting.key)
    }
    guard let option = gdal.first(where: { ForeignOptions.isUnsafe($0.name) }) else { return }
    throw ConfigurationError.unsafeOption(place: place(option.entry.line), name: option.name)
  }

  /// The texts of a value: of numbers and truth values too, of a list of texts where that is allowed.
  private static func texts(_ value: SettingsText.Value, allowsList: Bool) -> [String]? {
    switch value {
    case .text(let text): return [text]
    case .whole(let number): return ["\(number)"]
    case .real(let number): return ["\(number)"]
    case .truth(let isTrue): return [isTrue ? "YES" : "NO"]
    case .list(let items):
      let texts = items.map { item -> String? in if case .text(let text) = item { text } else { nil } }
      return allowsList && !texts.contains(nil) ? texts.compactMap { $0 } : nil
    }
  }

  /// A path of the file: `~/` is the home folder, other relative names start at the folder of the file.
  private func resolved(_ path: String, _ environment: [String: String]) -> String {
    let folder = name.lastIndex(of: "/").map { String(name[...$0]) } ?? ""
    let parts = path.split(separator: ":").map { part -> String in
      if part.hasPrefix("~/"), let home = environment["HOME"] { return home + part.dropFirst() }
      return part.hasPrefix("/") || folder == "./" ? String(part) : folder + part
    }
    return parts.joined(separator: ":")
  }

  /// `FILE, line 3`.
  private func place(_ line: Int) -> String { "\(name), line \(line)" }
}
