import Foundation

/// A confusion matrix as a picture: one cell per pair of classes, darker where more of the true class went.
struct ConfusionPicture {
  /// Names of the classes.
  var names: [String]
  /// `#rrggbb` of each.
  var colours: [String]
  /// Rows: truth.
  var counts: [[Int]]
  /// Pixels of each true class without a class in the map.
  var unclassified: [Int]

  private static let fontSize = 13.0

  /// An `<svg>` element of at most `width` drawing units.
  func svg(width: Double, identifier: String) -> String {
    let hasRest = unclassified.contains { $0 > 0 }
    let columns = names.count + (hasRest ? 1 : 0)
    let longest = names.map(LineChart.textWidth).max() ?? 0
    let left = min(0.3 * width, longest + 34)
    let side = max(14, min(72, (width - left - 4) / Double(max(columns, 1))))
    let height = side < 34 ? side : min(side, 46)
    let heads = min(longest, 150) * 0.72 + 34
    let total = (left + side * Double(columns) + 60, heads + height * Double(names.count) + 8)
    let totals = counts.indices.map { counts[$0].reduce(unclassified[$0], +) }
    let summary = zip(names, counts.indices).map { name, k in
      totals[k] > 0 ? "\(name): \(counts[k][k]) of \(totals[k])" : "\(name): none"
    }.joined(separator: "; ")
    var s = """
      <svg viewBox="0 0 \(n(total.0)) \(n(total.1))" style="max-width: \(n(total.0))px" role="img" \
      aria-labelledby="\(identifier)-t \(identifier)-d" xmlns="http://www.w3.org/2000/svg" \
      font-family="system-ui, 'Segoe UI', Helvetica, Arial, sans-serif" font-size="\(n(Self.fontSize))" fill="#1d2125">\
      <title id="\(identifier)-t">Confusion matrix</title>\
      <desc id="\(identifier)-d">\(Markup.escape("Right of each class: " + summary))</desc>

      """
    s += "<text x=\"0\" y=\"\(n(heads - 10))\" fill=\"#5a6168\">truth ↓ map →</text>\n"
    for k in 0..<columns {
      let x = left + side * (Double(k) + 0.5)
      let name = k < names.count ? names[k] : "no class"
      s += "<g transform=\"translate(\(n(x + 4)) \(n(heads - 20))) rotate(-42)\"><text>\(shown(name, 150))</text></g>"
      if k < names.count { s += swatch(x - 6, heads - 14, colours[k]) }
    }
    for (row, name) in names.enumerated() {
      let y = heads + height * Double(row)
      s += swatch(0, y + height / 2 - 6, colours[row])
      s += "<text x=\"19\" y=\"\(n(y + height / 2 + 4.5))\">\(shown(name, left - 24))</text>\n"
      for column in 0..<columns {
        let count = column < names.count ? counts[row][column] : unclassified[row]
        let share = totals[row] > 0 ? Double(count) / Double(totals[row]) : 0
        s += cell(
          x: left + side * Double(column), y: y, width: side, height: height, count: count, share: share,
          isDiagonal: row == column)
      }
    }
    return s + "</svg>"
  }

  private func cell(
    x: Double, y: Double, width: Double, height: Double, count: Int, share: Double, isDiagonal: Bool
  ) -> String {
    // Blue for right, orange for wrong; the root makes few mistakes visible.
    let strength = count == 0 ? 0 : 0.08 + 0.92 * share.squareRoot()
    let (r, g, b) = isDiagonal ? (0.0, 90.0, 150.0) : (200.0, 80.0, 0.0)
    func mix(_ c: Double) -> Int { Int(clamping: (255 + (c - 255) * strength).rounded()) }
    let fill = String(format: "#%02x%02x%02x", mix(r), mix(g), mix(b))
    var s = "<rect x=\"\(n(x))\" y=\"\(n(y))\" width=\"\(n(width - 2))\" height=\"\(n(height - 2))\" rx=\"2\" "
    s += "fill=\"\(count == 0 ? "#f4f5f7" : fill)\"/>"
    guard count > 0, width >= 26 else { return s }
    let text = "\(count)"
    let size = min(Self.fontSize, (width - 5) / (Double(text.count) * LineChart.advance))
    let ink = strength > 0.55 ? "#ffffff" : "#1d2125"
    let hasShare = height >= 36 && width >= 44
    let middle = y + (height - 2) / 2 + 4.5 - (hasShare ? 7 : 0)
    s += "<text x=\"\(n(x + (width - 2) / 2))\" y=\"\(n(middle))\" text-anchor=\"middle\" font-size=\"\(n(size))\" "
    s += "fill=\"\(ink)\">\(text)</text>"
    if hasShare {
      s += "<text x=\"\(n(x + (width - 2) / 2))\" y=\"\(n(middle + 14))\" text-anchor=\"middle\" font-size=\"10.5\" "
      s += "fill=\"\(ink)\" opacity=\"0.85\">\(share == 1 ? "100 %" : String(format: "%.1f %%", 100 * share))</text>"
    }
    return s
  }

  private func swatch(_ x: Double, _ y: Double, _ colour: String) -> String {
    "<rect x=\"\(n(x))\" y=\"\(n(y))\" width=\"12\" height=\"12\" rx=\"2.5\" fill=\"\(Markup.escape(colour))\"/>"
  }

  private func shown(_ name: String, _ room: Double) -> String {
    let most = max(4, Int(clamping: room / (Self.fontSize * LineChart.advance)))
    return Markup.escape(name.count > most ? name.prefix(most - 1) + "…" : name)
  }

  private func n(_ value: Double) -> String {
    let tenths = (value * 10).rounded() / 10
    return tenths == tenths.rounded() ? "\(Int(clamping: tenths))" : "\(tenths)"
  }
}
