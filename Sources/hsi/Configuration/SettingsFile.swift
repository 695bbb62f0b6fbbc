import Foundation
import HSIKit
import TOMLKit

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
  /// A value with the line that it stands on, where that is found.
  struct Entry {
    var text: String
    var line: Int?
  }

  /// Name as it is shown.
  let name: String
  private(set) var settings: [String: Entry] = [:]
  private(set) var gdal: [(name: String, entry: Entry)] = []
  private let lines: [Substring]

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
    lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    let table: TOMLTable
    do {
      table = try TOMLTable(string: text)
    } catch let error as TOMLParseError {
      throw ConfigurationError.syntax(
        file: name, line: error.source.begin.line, reason: error.description.replacing("\n", with: " "))
    }
    for key in table.keys.sorted() {
      guard let value = table[key] else { continue }
      if key == "gdal" {
        try readGDAL(value)
      } else {
        try read(key, value, environment)
      }
    }
  }

  private mutating func read(
    _ key: String, _ value: any TOMLValueConvertible, _ environment: [String: String]
  ) throws {
    let line = line(of: key, in: nil)
    guard let setting = Setting.all.first(where: { $0.key == key }) else {
      throw ConfigurationError.unknownKey(
        place: place(line), key: key, known: Setting.all.map(\.key) + ["the table [gdal]"])
    }
    var texts = SettingsFile.texts(value, allowsList: setting.isPath)
    if setting.isPath { texts = texts?.map { resolved($0, environment) } }
    let text = texts?.joined(separator: ":")
    guard let text, setting.accepts(text) else {
      throw ConfigurationError.badValue(
        place: place(line), key: key, value: text ?? "a \(value.type)", requirement: setting.requirement)
    }
    settings[key] = Entry(text: text, line: line)
  }

  private mutating func readGDAL(_ value: any TOMLValueConvertible) throws {
    guard let table = value.table else {
      throw ConfigurationError.badValue(
        place: place(line(of: "gdal", in: nil)), key: "gdal", value: "a \(value.type)",
        requirement: "a table of options, NAME = VALUE")
    }
    for key in table.keys.sorted() {
      guard let value = table[key] else { continue }
      let line = line(of: key, in: "gdal")
      guard let text = SettingsFile.texts(value, allowsList: false)?.first, !key.isEmpty, !key.contains("=") else {
        throw ConfigurationError.badValue(
          place: place(line), key: "gdal.\(key)", value: "a \(value.type)", requirement: "a text, a number or a truth value")
      }
      gdal.append((key, Entry(text: text, line: line)))
    }
  }

  /// The texts of a value: of numbers and truth values too, of a list of texts where that is allowed.
  private static func texts(_ value: any TOMLValueConvertible, allowsList: Bool) -> [String]? {
    switch value.type {
    case .string: return value.string.map { [$0] }
    case .int: return value.int.map { ["\($0)"] }
    case .double: return value.double.map { ["\($0)"] }
    case .bool: return value.bool.map { [$0 ? "YES" : "NO"] }
    case .array:
      guard allowsList, let array = value.array else { return nil }
      let parts = array.map { $0.string }
      return parts.contains(nil) ? nil : parts.compactMap { $0 }
    default: return nil
    }
  }

  /// A path of the file: `~/` is the home folder, other relative names start at the folder of the file.
  private func resolved(_ path: String, _ environment: [String: String]) -> String {
    path.split(separator: ":").map { part in
      if part.hasPrefix("~/"), let home = environment["HOME"] { return home + part.dropFirst() }
      if part.hasPrefix("/") { return String(part) }
      let folder = (name as NSString).deletingLastPathComponent
      return folder.isEmpty || folder == "." ? String(part) : folder + "/" + part
    }.joined(separator: ":")
  }

  /// `FILE, line 3`.
  private func place(_ line: Int?) -> String { line.map { "\(name), line \($0)" } ?? name }

  /// The line on which a key stands, from 1; nil where it is written in a way that is not found.
  private func line(of key: String, in section: String?) -> Int? {
    var current: String?
    for (index, line) in lines.enumerated() {
      let text = line.trimmingCharacters(in: .whitespaces)
      if text.hasPrefix("[") {
        current = String(text.dropFirst().prefix { $0 != "]" }).trimmingCharacters(in: .whitespaces)
        if section == nil, current?.split(separator: ".").first.map(String.init) == key { return index + 1 }
        continue
      }
      guard current == section else { continue }
      let name = text.prefix { $0 != "=" }.trimmingCharacters(in: CharacterSet(charactersIn: " \t\"'"))
      if name == key || name.hasPrefix(key + ".") { return index + 1 }
    }
    return nil
  }
}
