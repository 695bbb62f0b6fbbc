import Foundation
import HSIClassification
import HSICore
import HSIRaster
import HSIReport

/// Names and colours of classes from a text file, for label rasters that have none.
///
/// A line is a name, or the value of a class, its name and, where one is given, its colour, separated by commas, semicolons or
/// tabs: `grass`; `3,grass`; `3,grass,#22aa44`; `3,grass,34,170,68`. Names alone are those of classes 1, 2, …; a first line that
/// names the background (`unlabelled`, `background` …) is that of 0. Empty lines and those that begin with `#` do not count.
public enum ClassNames {
  /// The classes by value; unnamed values in between are empty.
  ///
  /// - Throws: `RasterError.notFound`; `ClassificationError.badLabels` for lines that cannot be understood, values given twice
  ///   and values beyond 65535.
  public static func read(_ path: String) throws -> [ClassEntry] {
    guard let data = FileManager.default.contents(atPath: path) else { throw RasterError.notFound(path: path) }
    let lines = String(decoding: data, as: UTF8.self).replacing("\u{FEFF}", with: "").split(whereSeparator: \.isNewline)
      .map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty && !$0.hasPrefix("#") }
    func wrong(_ reason: String) -> ClassificationError {
      .badLabels(
        path: path, reason: reason, advice: "write a name per line, or value, name and colour (3,grass,#22aa44)")
    }
    guard !lines.isEmpty else { throw wrong("it names no class") }
    let rows = lines.map {
      $0.split(omittingEmptySubsequences: false, whereSeparator: { ",;\t".contains($0) }).map {
        $0.trimmingCharacters(in: CharacterSet(charactersIn: " \""))
      }
    }
    // A title above values is none of the classes.
    let hasTitle =
      rows.count > 1 && rows[0].count > 1 && Int(rows[0][0]) == nil && rows.dropFirst().allSatisfy { Int($0[0]) != nil }
    let body = hasTitle ? Array(rows.dropFirst()) : rows
    guard body.allSatisfy({ $0.count > 1 && Int($0[0]) != nil }) else { return named(lines) }
    var entries: [Int: ClassEntry] = [:]
    for cells in body {
      guard let value = Int(cells[0]), (0...65535).contains(value) else {
        throw wrong("\(cells[0]) is no value of a class from 0 to 65535")
      }
      let colour = try colour(Array(cells.dropFirst(2))) ?? ClassRaster.palette(max(0, value - 1))
      guard entries.updateValue(ClassEntry(name: cells[1], colour: colour), forKey: value) == nil else {
        throw wrong("class \(value) is named twice")
      }
    }
    let last = entries.keys.max() ?? 0
    return (0...last).map { entries[$0] ?? ClassEntry(name: "", colour: ClassRaster.palette(max(0, $0 - 1))) }

    func colour(_ cells: [String]) throws -> [UInt8]? {
      let given = cells.filter { !$0.isEmpty }
      if given.isEmpty { return nil }
      if given.count == 1, given[0].hasPrefix("#"), given[0].count == 7,
        let hex = UInt32(given[0].dropFirst(), radix: 16)
      {
        let colour = Colour(hex)
        return [colour.red, colour.green, colour.blue]
      }
      let parts = given.compactMap { UInt8($0) }
      guard given.count == 3, parts.count == 3 else { throw wrong("\(given.joined(separator: ",")) is no colour") }
      return parts
    }
  }

  private static func named(_ names: [String]) -> [ClassEntry] {
    let hasBackground = names.first.map(ClassEntry.isBackground) ?? false
    return ((hasBackground ? [] : ["Unclassified"]) + names).enumerated().map { value, name in
      ClassEntry(name: name, colour: value == 0 ? [0, 0, 0] : ClassRaster.palette(value - 1))
    }
  }
}
