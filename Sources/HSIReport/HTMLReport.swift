import Foundation
import HSICore

/// The report of a run as one page for people: everything is inside, no script, no request to anywhere.
public enum HTMLReport {
  /// The page as UTF-8 text. Deterministic for equal input.
  public static func page(_ report: UnmixingReport, figures: ReportFigures) -> Data {
    Data(Page(report: report, figures: figures).text.utf8)
  }
}

private struct Page {
  let report: UnmixingReport
  let figures: ReportFigures

  var text: String {
    let name = (report.scene.path as NSString).lastPathComponent
    return """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
      <meta name="generator" content="hsi \(e(report.provenance.version))">
      <title>Unmixing of \(e(name))</title>
      <style>
      \(ReportStyle.css)
      </style>
      </head>
      <body>
      <main>
      <header>
      <p class="kicker">Spectral unmixing</p>
      <h1>\(e(name))</h1>
      <p class="lead">\(lead)</p>
      \(sceneFacts)
      </header>
      \(warnings)
      \(overview)
      \(abundanceMaps)
      \(spectra)
      \(diagnostics)
      \(channelQuality)
      \(convergence)
      \(settings)
      \(outputs)
      \(provenance)
      </main>
      </body>
      </html>

      """
  }

  private func e(_ text: String) -> String { Markup.escape(text) }

  // MARK: Header

  private var lead: String {
    let count = report.endmembers.count
    var text = "<strong>\(count) endmember\(count == 1 ? "" : "s")</strong>"
    if let source = report.countSource { text += " (\(e(source)))" }
    text +=
      " by <strong>\(e(report.method.name))</strong> in \(NumberText.grouped(report.scene.validPixels)) pixels, "
    text += "\(report.scene.usedBands) of \(report.scene.bands) bands."
    if let residual = report.residual {
      text += " Reconstruction RMSE \(NumberText.short(residual.mean, digits: 3)) on average, "
      text += "below \(NumberText.short(residual.percentile95, digits: 3)) in 95 % of the pixels."
    }
    if let convergence = report.convergence {
      text +=
        convergence.converged
        ? " Converged after \(convergence.iterations) iterations."
        : " Stopped at the limit of \(convergence.iterations) iterations."
    }
    return text
  }

  private var sceneFacts: String {
    let scene = report.scene
    var rows = [
      ("Size", "\(NumberText.grouped(scene.lines)) lines × \(NumberText.grouped(scene.samples)) samples"),
      ("Format", scene.format),
    ]
    func add(_ label: String, _ key: String, _ unit: String = "") {
      guard let fact = scene.facts[key] else { return }
      let source = fact.source == .header ? "" : " (\(fact.source.rawValue))"
      rows.append((label, Page.text(fact.value) + unit + source))
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

  private var warnings: String {
    guard !report.warnings.isEmpty else { return "" }
    let items = report.warnings.map { "<li>\(e($0.message)) <code>\(e($0.identifier))</code></li>" }
    return "<section class=\"warnings\"><h2>Warnings</h2><ul>\(items.joined())</ul></section>"
  }

  // MARK: Pictures

  private var overview: String {
    var parts: [String] = []
    if let scene = figures.scene {
      let caption = figures.sceneCaption.map { "The scene, \(e($0))" } ?? "The scene"
      parts.append(
        "<figure>\(image(scene, "The scene in colour"))<figcaption>\(caption)</figcaption></figure>")
    }
    if let composite = figures.composite {
      parts.append(
        "<figure>\(image(composite, "Colour composite of the abundances"))"
          + "<figcaption>Abundances together: endmember colours, mixed by abundance</figcaption></figure>")
    }
    guard !parts.isEmpty else { return "" }
    let wide =
      (figures.scene ?? figures.composite).map { Double($0.width) > 2.2 * Double($0.height) } ?? false
    var html =
      "<section><h2>Scene and abundances</h2><div class=\"\(wide ? "stack" : "pair")\">\(parts.joined())</div>"
    if figures.composite != nil {
      html += "<ul class=\"legend\">"
      for endmember in report.endmembers { html += "<li>\(swatch(endmember))\(e(endmember.name))</li>" }
      html += "</ul>"
    }
    return html + "</section>"
  }

  private var abundanceMaps: String {
    guard !figures.abundances.isEmpty else { return "" }
    var html = "<section><h2>Abundance of each endmember</h2><div class=\"maps\">"
    for (index, map) in figures.abundances.enumerated() {
      let endmember = index < report.endmembers.count ? report.endmembers[index] : nil
      let name = endmember?.name ?? "Endmember \(index + 1)"
      html += "<figure><h3>\(endmember.map(swatch) ?? "")\(e(name))</h3>"
      html += image(map.picture, "Abundance of \(name)") + colourBar(map, "a\(index)")
      if let statistics = endmember?.abundance {
        html += "<figcaption>mean \(NumberText.percent(statistics.mean)), dominant in "
        html += "\(NumberText.percent(statistics.dominantShare)) of pixels</figcaption>"
      }
      html += "</figure>"
    }
    return html + "</div></section>"
  }

  private var diagnostics: String {
    var parts: [String] = []
    if let guidance = figures.guidance {
      parts.append(
        "<figure><h3>Guidance map <em>h</em></h3>\(image(guidance.picture, "Guidance map"))"
          + colourBar(guidance, "g")
          + "<figcaption>High where pixels are pure and abundances are driven to be sparse, low where they are "
          + "mixed</figcaption></figure>")
    }
    if let rmse = figures.rmse {
      parts.append(
        "<figure><h3>Reconstruction RMSE</h3>\(image(rmse.picture, "Residual per pixel"))\(colourBar(rmse, "r"))"
          + "<figcaption>Root mean square error over the used bands; bright pixels are not explained by the "
          + "endmembers</figcaption></figure>")
    }
    guard !parts.isEmpty else { return "" }
    return "<section><h2>Where the model fits</h2><div class=\"pair\">\(parts.joined())</div></section>"
  }

  private func image(_ picture: ReportPicture, _ description: String) -> String {
    // Few pixels are shown as squares, not blurred; many are smoothed by the browser.
    let pixelated = max(picture.width, picture.height) <= 400 ? " class=\"pixels\"" : ""
    return
      "<img\(pixelated) alt=\"\(e(description))\" width=\"\(picture.width)\" height=\"\(picture.height)\" "
      + "src=\"data:image/png;base64,\(picture.png.base64EncodedString())\">"
  }

  private func colourBar(_ map: ReportMap, _ id: String) -> String {
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

  private func swatch(_ endmember: UnmixingReport.Endmember) -> String {
    "<svg class=\"swatch\" viewBox=\"0 0 12 12\" aria-hidden=\"true\"><rect width=\"12\" height=\"12\" rx=\"2.5\" "
      + "fill=\"\(e(endmember.colour))\"/></svg>"
  }

  /// The chart in two drawings, one for wide and one for narrow pages, so that its text stays readable.
  private func chart(_ chart: LineChart, _ id: String, height: Double = 320) -> String {
    "<div class=\"wide\">\(chart.svg(width: 1000, height: height, identifier: id))</div>"
      + "<div class=\"narrow\">\(chart.svg(width: 400, height: 260, identifier: id + "-n"))</div>"
  }

  // MARK: Endmembers and diagnostics

  private var spectra: String {
    guard !report.endmembers.isEmpty else { return "" }
    return
      "<section><h2>Endmember spectra</h2>\(chart(report.spectraChart, "spectra", height: 380))\(table)</section>"
  }

  private var table: String {
    let all = report.endmembers
    let hasMatch = all.contains { $0.match != nil }
    let hasPixel = all.contains { $0.pixel != nil }
    let hasMap = all.contains { $0.map != nil }
    let hasAbundance = all.contains { $0.abundance != nil }
    var html = "<div class=\"scroll\"><table><thead><tr><th>Endmember</th>"
    if hasMatch { html += "<th>Nearest in library</th><th class=\"n\">SAD (rad)</th>" }
    if hasPixel { html += "<th class=\"n\">Line, sample</th>" }
    if hasMap { html += "<th class=\"n\">Map x, y</th>" }
    if hasAbundance {
      html += "<th class=\"n\">Mean</th><th class=\"n\">Maximum</th><th class=\"n\">Dominant</th>"
      html += "<th class=\"n\">Over 0.9</th>"
    }
    html += "</tr></thead><tbody>"
    for endmember in all {
      html += "<tr><th scope=\"row\">\(swatch(endmember))\(e(endmember.name))</th>"
      func cell(_ text: String?) { html += "<td class=\"n\">\(text.map(e) ?? "–")</td>" }
      if hasMatch {
        html += "<td>\(endmember.match.map { e($0.name) } ?? "–")</td>"
        cell(endmember.match.map { NumberText.short($0.sadRad, digits: 3) })
      }
      if hasPixel { cell(endmember.pixel.map { "\($0.line), \($0.sample)" }) }
      if hasMap {
        cell(endmember.map.map { "\(NumberText.coordinate($0.x)), \(NumberText.coordinate($0.y))" })
      }
      if hasAbundance {
        cell(endmember.abundance.map { NumberText.percent($0.mean) })
        cell(endmember.abundance.map { NumberText.percent($0.maximum) })
        cell(endmember.abundance.map { NumberText.percent($0.dominantShare) })
        cell(endmember.abundance.map { NumberText.percent($0.pureShare) })
      }
      html += "</tr>"
    }
    return html + "</tbody></table></div>"
  }

  private var channelQuality: String {
    guard let quality = report.channelQualityChart else { return "" }
    let poor = report.channels.filter { ($0.quality ?? 1) < UnmixingReport.poorQuality }.map(\.band)
    let text =
      poor.isEmpty
      ? "No channel falls below \(UnmixingReport.poorQuality)."
      : "\(poor.count) channel\(poor.count == 1 ? "" : "s") below \(UnmixingReport.poorQuality): "
        + "bands \(ChannelQuality.ranges(poor))."
    return
      "<section><h2>Channel quality</h2><p>\(e(text))</p>\(chart(quality, "quality", height: 240))</section>"
  }

  private var convergence: String {
    guard let objective = report.objectiveChart else { return "" }
    return "<section><h2>Convergence</h2>\(chart(objective, "objective", height: 250))</section>"
  }

  // MARK: Settings and provenance

  private var settings: String {
    var rows = [("Method", "\(report.method.name) (\(report.method.id))")]
    if let citation = report.method.citation { rows.append(("Source", citation)) }
    rows += report.method.settings.sorted { $0.key < $1.key }.map { ($0.key, NumberText.short($0.value)) }
    return "<section><h2>Settings</h2>\(list(rows))</section>"
  }

  private var outputs: String {
    guard !report.outputs.isEmpty else { return "" }
    return "<section><h2>Files written</h2>\(list(report.outputs.map { ($0.content, $0.path) }))</section>"
  }

  private var provenance: String {
    let p = report.provenance
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

  private func list(_ rows: [(key: String, value: String)]) -> String {
    "<dl class=\"list\">"
      + rows.filter { !$0.value.isEmpty }.map { "<div><dt>\(e($0.key))</dt><dd>\(e($0.value))</dd></div>" }
      .joined()
      + "</dl>"
  }
}
