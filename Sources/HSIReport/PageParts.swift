import Foundation
import HSICore

/// What report pages are put together from: pictures, charts, lists, and the parts about scene, warnings, files and
/// provenance.
enum PageParts {
  // MARK: Pictures and charts

  static func image(_ picture: ReportPicture, _ description: String) -> String {
    // Few pixels are shown as squares, not blurred; many are smoothed by the browser.
    let pixelated = max(picture.width, picture.height) <= 400 ? " class=\"pixels\"" : ""
    return
      "<img\(pixelated) alt=\"\(e(description))\" width=\"\(picture.width)\" height=\"\(picture.height)\" "
      + "src=\"data:image/png;base64,\(picture.png.base64EncodedString())\">"
  }

  /// A picture with a line below it.
  static func figure(_ picture: ReportPicture, _ description: String, heading: String = "", caption: String) -> String {
    let title = heading.isEmpty ? "" : "<h3>\(heading)</h3>"
    return "<figure>\(title)\(image(picture, description))<figcaption>\(e(caption))</figcaption></figure>"
  }

  /// A patch of colour, `#rrggbb`, before a name.
  static func swatch(_ colour: String) -> String {
    "<svg class=\"swatch\" viewBox=\"0 0 12 12\" aria-hidden=\"true\"><rect width=\"12\" height=\"12\" rx=\"2.5\" "
      + "fill=\"\(e(colour))\"/></svg>"
  }

  static func colourBar(_ map: ReportMap, _ id: String) -> String {
    var stops = ""
    for i in 0...16 {
      stops += "<stop offset=\"\(NumberText.short(Double(i) / 16))\" "
      stops += "stop-color=\"\(map.colours.colour(at: Double(i) / 16).hex)\"/>"
    }
    let (low, high) = (map.range.lowerBound, map.range.upperBound)
    let labels = [low, (low + high) / 2, high].map { e(NumberText.short($0, digits: 3)) }
    return
      "<div class=\"bar\"><svg viewBox=\"0 0 100 6\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><defs>"
      + "<linearGradient id=\"bar-\(id)\">\(stops)</linearGradient></defs>"
      + "<rect width=\"100\" height=\"6\" fill=\"url(#bar-\(id))\"/></svg>"
      + "<span>\(labels[0])</span><span>\(labels[1])</span><span>\(labels[2])</span></div>"
  }

  /// The chart in two drawings, one for wide and one for narrow pages, so that its text stays readable.
  static func chart(_ chart: LineChart, _ id: String, height: Double = 320, width: Double = 1000) -> String {
    "<div class=\"wide\">\(chart.svg(width: width, height: height, identifier: id))</div>"
      + "<div class=\"narrow\">\(chart.svg(width: 400, height: 260, identifier: id + "-n"))</div>"
  }

  /// `class` of the box around two pictures: side by side, or above each other where they are wide.
  static func pairing(_ picture: ReportPicture?) -> String {
    picture.map { Double($0.width) > 2.2 * Double($0.height) } ?? false ? "stack" : "pair"
  }

  static func list(_ rows: [(key: String, value: String)]) -> String {
    "<dl class=\"list\">"
      + rows.filter { !$0.value.isEmpty }.map { "<div><dt>\(e($0.key))</dt><dd>\(e($0.value))</dd></div>" }
      .joined()
      + "</dl>"
  }

  // MARK: Scene, warnings, files, provenance

  static func sceneFacts(_ scene: ReportScene) -> String {
    var rows = [
      ("Size", "\(NumberText.grouped(scene.lines)) lines × \(NumberText.grouped(scene.samples)) samples"),
      ("Format", scene.format),
    ]
    func add(_ label: String, _ key: String, _ unit: String = "") {
      guard let fact = scene.facts[key] else { return }
      let source = fact.source == .header ? "" : " (\(fact.source.rawValue))"
      rows.append((label, text(fact.value) + unit + source))
    }
    if let window = scene.window, window.line != 0 || window.sample != 0 {
      rows.append(("Window", "from line \(window.line), sample \(window.sample)"))
    }
    let share = Double(scene.validPixels) / Double(max(1, scene.lines * scene.samples))
    if scene.validPixels < scene.lines * scene.samples { rows.append(("Valid", NumberText.percent(share))) }
    add("Spectral range", "wavelengths_nm", " nm")
    add("Band width", "fwhm_nm", " nm")
    add("Quantity", "quantity")
    add("Sensor", "sensor")
    add("Acquired", "acquired")
    add("Reference system", "crs")
    if case .numbers(let size)? = scene.facts["pixel_size"]?.value, size.count == 2 {
      let text =
        size[0] == size[1]
        ? NumberText.short(size[0]) : "\(NumberText.short(size[0])) × \(NumberText.short(size[1]))"
      rows.append(("Pixel size", text + " map units"))
    }
    add("Nodata", "nodata")
    return "<dl class=\"facts\">"
      + rows.map { "<div><dt>\($0.0)</dt><dd>\(e($0.1))</dd></div>" }.joined() + "</dl>"
  }

  static func warnings(_ warnings: [Warning]) -> String {
    guard !warnings.isEmpty else { return "" }
    let items = warnings.map { "<li>\(e($0.message)) <code>\(e($0.identifier))</code></li>" }
    return "<section class=\"warnings\"><h2>Warnings</h2><ul>\(items.joined())</ul></section>"
  }

  static func outputs(_ outputs: [ReportOutput]) -> String {
    guard !outputs.isEmpty else { return "" }
    return "<section><h2>Files written</h2>\(list(outputs.map { ($0.content, $0.path) }))</section>"
  }

  static func provenance(_ p: Provenance) -> String {
    var rows = [
      ("hsi", "\(p.version) (\(p.build))"),
      (
        "Libraries",
        p.libraries.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
      ),
      ("Seed", "\(p.seed)"),
      ("Machine", "\(p.host.system) \(p.host.architecture), \(p.host.processor ?? "\(p.host.cores) cores")"),
      (
        "Resources",
        "\(p.threads) thread\(p.threads == 1 ? "" : "s"), budget \(MemoryBudget.text(p.memoryBudgetBytes))"
      ),
      ("Started", p.started),
    ]
    if let finished = p.finished { rows.append(("Finished", finished)) }
    if let elapsed = p.elapsedS { rows.append(("Elapsed", "\(NumberText.short(elapsed)) s")) }
    if let peak = p.peakMemoryBytes { rows.append(("Peak memory", MemoryBudget.text(peak))) }
    for input in p.inputs {
      var text = input.path
      if let size = input.size { text += ", \(NumberText.grouped(size)) bytes" }
      if let modified = input.modified { text += ", \(modified)" }
      if let digest = input.sha256 { text += ", SHA-256 \(digest)" }
      rows.append(("Input", text))
    }
    var html = "<section><h2>Provenance</h2><pre>\(e(p.commandLine))</pre>\(list(rows))"
    if !p.options.isEmpty {
      html += "<h3>Options after defaults</h3>"
      html += list(p.options.sorted { $0.key < $1.key })
    }
    return html + "</section>"
  }

  private static func text(_ value: Fact.Value) -> String {
    switch value {
    case .number(let number): NumberText.short(number, digits: 6)
    case .text(let text): text
    case .flag(let flag): flag ? "yes" : "no"
    case .numbers(let numbers) where numbers.count == 2 && numbers[0] != numbers[1]:
      "\(NumberText.short(numbers[0], digits: 5)) – \(NumberText.short(numbers[1], digits: 5))"
    case .numbers(let numbers) where numbers.count == 2: NumberText.short(numbers[0], digits: 5)
    case .numbers(let numbers): numbers.map { NumberText.short($0) }.joined(separator: ", ")
    }
  }

  private static func e(_ text: String) -> String { Markup.escape(text) }
}
