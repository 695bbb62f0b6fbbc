/// Names in tables that people open in spreadsheets, where a cell that begins like a formula is one.
///
/// A name that begins with `=`, `+`, `-`, `@` or a tab (or a full-width form of those) gets an apostrophe before it, by which spreadsheets
/// know texts; readers of this package take it off again. One that begins with apostrophes and then so gets one more.
public enum SpreadsheetText {
  /// A name as it is written into a cell.
  public static func guarded(_ name: String) -> String { beginsLikeFormula(name) ? "'" + name : name }

  /// The name in a cell.
  public static func plain(_ cell: String) -> String {
    cell.hasPrefix("'") && beginsLikeFormula(cell) ? String(cell.dropFirst()) : cell
  }

  private static func beginsLikeFormula(_ text: String) -> Bool {
    text.unicodeScalars.first { $0 != "'" }.map { "=+-@\t\r＝＋－＠".unicodeScalars.contains($0) } ?? false
  }
}
