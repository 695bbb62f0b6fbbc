import Foundation
import HSICore

extension LineChart {
  /// White around charts in files of their own, drawing units.
  static let margin = 14.0

  /// The chart as the text of an SVG file: `svg` on white, with a margin.
  public func svgFile(width: Double = 860, height: Double = 300) -> String {
    let drawing = svg(width: width, height: height, identifier: "chart")
    guard let box = drawing.firstMatch(of: /viewBox="0 0 ([0-9.]+) ([0-9.]+)"/), let w = Double(box.1),
      let h = Double(box.2),
      let end = drawing.range(of: "</desc>")
    else { return drawing }
    let (m, size) = (LineChart.margin, (w + 2 * LineChart.margin, h + 2 * LineChart.margin))
    let frame = "viewBox=\"-\(m) -\(m) \(size.0) \(size.1)\""
    let paper = "<rect x=\"-\(m)\" y=\"-\(m)\" width=\"\(size.0)\" height=\"\(size.1)\" fill=\"#ffffff\"/>"
    return drawing.replacingCharacters(in: end, with: "</desc>" + paper).replacing(String(box.0), with: frame) + "\n"
  }

  /// The chart as a picture on white, for where an SVG cannot be shown: what `svg` draws, with letters of pen strokes.
  ///
  /// - Parameters:
  ///   - width: drawing units, as in `svg`.
  ///   - height: drawing units of the plot with its axes.
  ///   - scale: pixels per drawing unit, from 1.
  public func picture(width: Double = 860, height: Double = 300, scale: Double = 2) -> RGBImage {
    ChartRaster(svg(width: width, height: height, identifier: "p"), scale: max(1, scale)).image
  }
}

/// Draws the SVG of charts: rectangles, circles, paths of straight pieces, texts, groups and rectangular clips, which is all
/// that `LineChart` writes.
private struct ChartRaster {
  private(set) var image: RGBImage
  private let scale: Double
  /// Drawing units of white around what is drawn.
  private let margin = LineChart.margin

  /// An element with its own attributes over those of the groups around it.
  private typealias Attributes = [String: String]

  init(_ svg: String, scale: Double) {
    self.scale = scale
    image = RGBImage(width: 1, height: 1)
    var groups: [Attributes] = [[:]]
    var clips: [String: Attributes] = [:]
    var clip: String?
    for match in svg.matches(of: /<(\/?)([A-Za-z]+)([^>]*?)(\/?)>([^<]*)/) {
      let (isEnd, name, isWhole) = (!match.1.isEmpty, String(match.2), !match.4.isEmpty)
      if isEnd {
        if name == "g" { groups.removeLast() }
        if name == "clipPath" { clip = nil }
        continue
      }
      var own: Attributes = [:]
      for pair in match.3.matches(of: /([A-Za-z-]+)="([^"]*)"/) { own[String(pair.1)] = String(pair.2) }
      let all = (groups.last ?? [:]).merging(own) { $1 }
      switch name {
      case "svg":
        let box = (own["viewBox"] ?? "").split(separator: " ").compactMap { Double($0) }
        guard box.count == 4 else { return }
        image = RGBImage(
          width: Int(clamping: ((box[2] + 2 * margin) * scale).rounded(.up)),
          height: Int(clamping: ((box[3] + 2 * margin) * scale).rounded(.up)))
        for n in image.pixels.indices { image.pixels[n] = 255 }
        groups = [["fill": own["fill"] ?? "#000000", "font-size": own["font-size"] ?? "13"]]
      case "clipPath": clip = own["id"]
      case "g":
        var inherited = all
        if let id = own["clip-path"]?.dropFirst(5).dropLast() { inherited["clip"] = String(id) }
        if !isWhole { groups.append(inherited) }
      case "rect":
        if let clip { clips[clip] = own } else { rectangle(all) }
      case "circle":
        let centre = SIMD2(number(all, "cx"), number(all, "cy"))
        stroke([[centre, centre]], width: 2 * number(all, "r"), all["fill"], all, clips)
      case "path": path(all, clips)
      case "text": text(String(match.5), all, clips)
      default: break
      }
    }
  }

  private func number(_ attributes: Attributes, _ name: String) -> Double { attributes[name].flatMap(Double.init) ?? 0 }

  // MARK: Elements

  private mutating func rectangle(_ a: Attributes) {
    let (x, y) = (number(a, "x") + margin, number(a, "y") + margin)
    let (right, bottom) = (x + number(a, "width"), y + number(a, "height"))
    if let colour = Colour(hexText: a["fill"]) {
      var mask = Mask(x: x * scale, y: y * scale, right: right * scale, bottom: bottom * scale, room: 1, image)
      mask.fill { px, py in
        // The share of the pixel that the rectangle covers.
        let w = min(px + 0.5, right * scale) - max(px - 0.5, x * scale)
        let h = min(py + 0.5, bottom * scale) - max(py - 0.5, y * scale)
        return max(0, w) * max(0, h)
      }
      paint(mask, colour, opacity: 1, nil)
    }
    if let colour = a["stroke"], colour != "none" {
      let corners = [SIMD2(x, y), SIMD2(right, y), SIMD2(right, bottom), SIMD2(x, bottom), SIMD2(x, y)].map {
        $0 - margin
      }
      stroke([corners], width: a["stroke-width"].flatMap(Double.init) ?? 1, colour, a, [:])
    }
  }

  private mutating func path(_ a: Attributes, _ clips: [String: Attributes]) {
    var lines: [[SIMD2<Double>]] = []
    var place = SIMD2<Double>(0, 0)
    for command in (a["d"] ?? "").matches(of: /([MLHVhv])([^MLHVhv]*)/) {
      let values = command.2.split(separator: " ").compactMap { Double($0) }
      guard let first = values.first else { continue }
      switch command.1 {
      case "H": place.x = first
      case "V": place.y = first
      case "h": place.x += first
      case "v": place.y += first
      default: place = SIMD2(first, values.count > 1 ? values[1] : place.y)
      }
      if command.1 == "M" { lines.append([place]) } else if !lines.isEmpty { lines[lines.count - 1].append(place) }
    }
    if let dash = a["stroke-dasharray"]?.split(separator: " ").compactMap({ Double($0) }), dash.count == 2 {
      lines = lines.flatMap { ChartRaster.dashed($0, on: dash[0], off: dash[1]) }
    }
    stroke(lines, width: a["stroke-width"].flatMap(Double.init) ?? 1, a["stroke"], a, clips)
  }

  private mutating func text(_ escaped: String, _ a: Attributes, _ clips: [String: Attributes]) {
    let text = escaped.replacing("&lt;", with: "<").replacing("&gt;", with: ">").replacing("&quot;", with: "\"")
      .replacing("&#39;", with: "'").replacing("&amp;", with: "&")
    let size = number(a, "font-size") * 0.72 / StrokeFont.capHeight
    var pen = SIMD2(number(a, "x"), number(a, "y"))
    let width = StrokeFont.width(text) * size
    switch a["text-anchor"] {
    case "end": pen.x -= width
    case "middle": pen.x -= width / 2
    default: break
    }
    var lines: [[SIMD2<Double>]] = []
    for letter in text {
      let glyph = StrokeFont.glyph(letter)
      lines += glyph.strokes.map { $0.map { pen + SIMD2($0.x, -$0.y) * size } }
      pen.x += glyph.advance * size
    }
    stroke(lines, width: 1.15, a["fill"], a, clips)
  }

  /// A line cut into dashes.
  private static func dashed(_ line: [SIMD2<Double>], on: Double, off: Double) -> [[SIMD2<Double>]] {
    guard var here = line.first, on > 0, off > 0 else { return [line] }
    var (result, isOn, left) = ([[here]], true, on)
    for next in line.dropFirst() {
      var length = ((next - here) * (next - here)).sum().squareRoot()
      while length > left {
        here += (next - here) * (left / length)
        length -= left
        if isOn { result[result.count - 1].append(here) } else { result.append([here]) }
        isOn.toggle()
        left = isOn ? on : off
      }
      left -= length
      here = next
      if isOn { result[result.count - 1].append(here) }
    }
    return result
  }

  // MARK: Pixels

  /// How much of each pixel in a box is covered, 0…1.
  private struct Mask {
    let left: Int
    let top: Int
    let width: Int
    let height: Int
    var values: [Float]

    init(x: Double, y: Double, right: Double, bottom: Double, room: Double, _ image: RGBImage) {
      func clamp(_ value: Double, _ most: Int) -> Int { Int(clamping: max(0, min(Double(most), value))) }
      left = clamp(x - room, image.width)
      top = clamp(y - room, image.height)
      width = max(0, clamp(right + room + 1, image.width) - left)
      height = max(0, clamp(bottom + room + 1, image.height) - top)
      values = [Float](repeating: 0, count: width * height)
    }

    /// Takes the larger cover; `cover` is given centres of pixels.
    mutating func fill(_ cover: (Double, Double) -> Double) {
      for y in 0..<height {
        for x in 0..<width {
          let value = Float(cover(Double(left + x) + 0.5, Double(top + y) + 0.5))
          if value > values[y * width + x] { values[y * width + x] = min(1, value) }
        }
      }
    }

    /// Covers what lies within `radius` of a piece of line.
    mutating func add(_ a: SIMD2<Double>, _ b: SIMD2<Double>, radius: Double) {
      let reach = radius + 1
      let (x0, x1) = (
        Int(clamping: (min(a.x, b.x) - reach).rounded(.down)), Int(clamping: (max(a.x, b.x) + reach).rounded(.up))
      )
      let (y0, y1) = (
        Int(clamping: (min(a.y, b.y) - reach).rounded(.down)), Int(clamping: (max(a.y, b.y) + reach).rounded(.up))
      )
      let along = b - a
      let square = (along * along).sum()
      for y in max(y0, top)..<max(max(y0, top), min(y1, top + height)) {
        for x in max(x0, left)..<max(max(x0, left), min(x1, left + width)) {
          let p = SIMD2(Double(x) + 0.5, Double(y) + 0.5) - a
          let t = square > 0 ? min(1, max(0, (p * along).sum() / square)) : 0
          let d = p - t * along
          let value = Float(min(1, max(0, radius + 0.5 - (d * d).sum().squareRoot())))
          let n = (y - top) * width + x - left
          if value > values[n] { values[n] = value }
        }
      }
    }
  }

  private mutating func stroke(
    _ lines: [[SIMD2<Double>]], width: Double, _ colour: String?, _ a: Attributes, _ clips: [String: Attributes]
  ) {
    guard let colour = Colour(hexText: colour) else { return }
    let points = lines.map { $0.map { ($0 + margin) * scale } }
    let all = points.joined()
    guard let x = all.map(\.x).min(), let right = all.map(\.x).max(), let y = all.map(\.y).min(),
      let bottom = all.map(\.y).max()
    else { return }
    let radius = width * scale / 2
    var mask = Mask(x: x, y: y, right: right, bottom: bottom, room: radius + 1, image)
    for line in points {
      if line.count == 1 { mask.add(line[0], line[0], radius: radius) }
      for (a, b) in zip(line, line.dropFirst()) { mask.add(a, b, radius: radius) }
    }
    paint(mask, colour, opacity: a["opacity"].flatMap(Double.init) ?? 1, a["clip"].flatMap { clips[$0] })
  }

  /// Blends a colour over what is there, inside the clip.
  private mutating func paint(_ mask: Mask, _ colour: Colour, opacity: Double, _ clip: Attributes?) {
    var (columns, rows) = (0..<image.width, 0..<image.height)
    if let clip {
      func range(_ start: String, _ size: String, _ most: Int) -> Range<Int> {
        let low = min(Double(most), max(0, ((number(clip, start) + margin) * scale).rounded()))
        let high = min(Double(most), max(low, ((number(clip, start) + number(clip, size) + margin) * scale).rounded()))
        return Int(clamping: low)..<Int(clamping: high)
      }
      (columns, rows) = (range("x", "width", image.width), range("y", "height", image.height))
    }
    let ink = [colour.red, colour.green, colour.blue].map { Float($0) }
    for y in 0..<mask.height where rows.contains(mask.top + y) {
      for x in 0..<mask.width where columns.contains(mask.left + x) {
        let cover = mask.values[y * mask.width + x] * Float(opacity)
        guard cover > 0 else { continue }
        let n = 4 * ((mask.top + y) * image.width + mask.left + x)
        for c in 0..<3 {
          let value = Float(image.pixels[n + c])
          image.pixels[n + c] = UInt8((value + (ink[c] - value) * cover).rounded())
        }
      }
    }
  }
}

extension Colour {
  /// `#rrggbb`; nil for anything else.
  fileprivate init?(hexText: String?) {
    guard let hexText, hexText.hasPrefix("#"), hexText.count == 7, let value = UInt32(hexText.dropFirst(), radix: 16)
    else { return nil }
    self.init(value)
  }
}
