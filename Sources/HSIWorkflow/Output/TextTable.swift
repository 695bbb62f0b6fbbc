/// Columns of text.
enum TextTable {
  /// Rows of equal length, right-aligned but for the columns in `left`.
  static func text(_ rows: [[String]], left: Set<Int> = []) -> String {
    guard let columns = rows.first?.count else { return "" }
    let widths = (0..<columns).map { c in rows.map { $0[c].count }.max() ?? 0 }
    return rows.map { row in
      let line = row.enumerated().map { c, cell in
        let space = String(repeating: " ", count: widths[c] - cell.count)
        return left.contains(c) ? cell + space : space + cell
      }.joined(separator: "  ")
      return line.replacing(/\ +$/, with: "") + "\n"
    }.joined()
  }
}
