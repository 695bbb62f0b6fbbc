import Foundation
import HSICore
import HSIRaster

/// The classes of the spectra of a library: a column of a table, or the beginnings of their names.
///
/// - `name`: what stands before the first character that is no letter: `roof` of `roof_12`, `red` of `red clay tile 1`.
/// - A file: a table with a header, whose first column is the names of the spectra and whose second one, or the one called `class`, is
///   their class. `FILE:COLUMN` takes another column.
/// - Anything else: a column of the table beside the library, `LIB.csv` beside `LIB.sli`, as the EnMAP-Box writes it.
enum LibraryClasses {
  /// Bytes of the largest table.
  private static let limit = 16 << 20

  /// What decides about the classes.
  enum Choice: Equatable {
    case names
    case column(String)
    case table(path: String, column: String?)

    init(parsing text: String) {
      func isFile(_ text: String) -> Bool {
        let name = text.split(separator: "/").last.map(String.init) ?? text
        return text.contains("/") || [".csv", ".tsv", ".txt"].contains { name.lowercased().hasSuffix($0) }
      }
      if text == "name" {
        self = .names
      } else if let colon = text.lastIndex(of: ":"), isFile(String(text[..<colon])),
        !isFile(String(text[text.index(after: colon)...]))
      {
        self = .table(path: String(text[..<colon]), column: String(text[text.index(after: colon)...]))
      } else {
        self = isFile(text) ? .table(path: text, column: nil) : .column(text)
      }
    }

    /// The file that is named.
    var file: String? {
      if case .table(let path, _) = self { return path }
      return nil
    }
  }

  /// The class of every spectrum of a library, nil for those that have none; and the table that was read.
  ///
  /// - Throws: `RasterError.notFound`, `.unreadable`, `.inconsistent`, each with the columns that there are.
  static func assign(
    _ request: String?, to library: SpectralLibrary, path: String
  ) throws -> (classes: [String?], files: [String]) {
    let beside = (path as NSString).deletingPathExtension + ".csv"
    guard let request else {
      let columns = (try? table(beside)).map { $0.header.dropFirst().joined(separator: ", ") }
      throw CoreError.invalidParameter(
        name: "\(option: "classes")", value: "not given",
        requirement: "name (the classes begin the names of the spectra), a table of names and classes"
          + (columns.map { ", or a column of \(beside): \($0)" } ?? ", or a column of a table beside the library"))
    }
    switch Choice(parsing: request) {
    case .names: return (library.names.map(beginning), [])
    case .table(let file, let column): return (try classes(file, column, library), [file])
    case .column(let column):
      guard FileManager.default.fileExists(atPath: beside) else {
        throw RasterError.inconsistent(
          path: path, reason: "its spectra have no attribute \(column): there is no \(beside)",
          advice: "give a table of names and classes, or \(option: "classes") name")
      }
      return (try classes(beside, column, library), [beside])
    }
  }

  /// The letters that a name begins with, or all of it where it begins with none.
  private static func beginning(_ name: String) -> String {
    let letters = String(name.prefix { $0.isLetter })
    return letters.isEmpty ? name : letters
  }

  private static func classes(_ path: String, _ column: String?, _ library: SpectralLibrary) throws -> [String?] {
    let table = try table(path)
    let wanted = column.map { name in table.header.firstIndex { $0.lowercased() == name.lowercased() } }
    let usual = table.header.dropFirst().firstIndex { $0.lowercased() == "class" } ?? 1
    guard let place = wanted ?? usual, place < table.header.count else {
      throw RasterError.inconsistent(
        path: path, reason: "it has no column \(column ?? "of classes")",
        advice: "it has \(table.header.joined(separator: ", "))")
    }
    // Rows of one and the same order are those of the library, also where names occur twice.
    let names = table.rows.map { $0.first ?? "" }
    let values = table.rows.map { $0.indices.contains(place) ? $0[place] : "" }
    var result: [String]
    if names == library.names {
      result = values
    } else {
      let known = Dictionary(zip(names, values), uniquingKeysWith: { first, _ in first })
      result = library.names.map { known[$0] ?? "" }
    }
    guard result.contains(where: { !$0.isEmpty }) else {
      throw RasterError.inconsistent(
        path: path, reason: "none of its rows has the name of a spectrum of the library",
        advice: "the first column must hold the names, \(library.names.first ?? "") for one")
    }
    return result.map { $0.isEmpty ? nil : $0 }
  }

  private struct Table {
    var header: [String]
    var rows: [[String]]
  }

  private static func table(_ path: String) throws -> Table {
    guard FileManager.default.fileExists(atPath: path) else { throw RasterError.notFound(path: path) }
    let size = (try? FileManager.default.attributesOfItem(atPath: path))?[.size] as? Int ?? 0
    guard size <= limit, let text = try? String(contentsOfFile: path, encoding: .utf8) else {
      throw RasterError.unreadable(path: path, reason: "it is no table of names and classes")
    }
    let first = text.prefix { !$0.isNewline }
    let separator =
      [",", ";", "\t"].max { a, b in
        first.count { String($0) == a } < first.count { String($0) == b }
      }.map(Character.init) ?? ","
    var rows: [[String]] = [[]]
    var (field, isQuoted, isNew) = ("", false, true)
    func end() {
      let cell = field.trimmingCharacters(in: .whitespaces)
      rows[rows.count - 1].append(SpreadsheetText.plain(cell))
      (field, isNew) = ("", true)
    }
    var characters = text.makeIterator()
    var next = characters.next()
    while let character = next {
      next = characters.next()
      if isQuoted {
        if character == "\"", next == "\"" {
          field.append("\"")
          next = characters.next()
        } else if character == "\"" {
          isQuoted = false
        } else {
          field.append(character)
        }
      } else if character == "\"", isNew {
        isQuoted = true
        isNew = false
      } else if character == separator {
        end()
      } else if character.isNewline {
        end()
        rows.append([])
      } else {
        field.append(character)
        if !character.isWhitespace { isNew = false }
      }
    }
    end()
    rows.removeAll { $0.allSatisfy(\.isEmpty) }
    guard let header = rows.first, header.count >= 2, rows.count >= 2 else {
      throw RasterError.unreadable(path: path, reason: "it is no table with a header, names and classes")
    }
    return Table(header: header, rows: Array(rows.dropFirst()))
  }
}
