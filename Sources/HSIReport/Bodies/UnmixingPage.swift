import Foundation
import HSICore

extension UnmixingBody {
  public static func page(_ report: UnmixingReport, _ figures: Figures) -> ReportPage {
    UnmixingPage(report: report, figures: figures).page
  }
}

private struct UnmixingPage {
  let report: UnmixingReport
  let figures: UnmixingBody.Figures

  var page: ReportPage {
    ReportPage(
      title: "Unmixing of", kicker: "Spectral unmixing", lead: lead,
      sections: [
        overview, abundanceMaps, models, spectra, diagnostics, counting, channelQuality, convergence, settings,
      ])
  }

  /// Channels that were used but hold hardly any signal, 1-based.
  private var corrupted: [Int] { report.channels.filter { $0.corrupted == true }.map(\.band) }

  private func e(_ text: String) -> String { Markup.escape(text) }

  // MARK: Header

  private var lead: String {
    let count = report.endmembers.count
    var text = "<strong>\(count) endmember\(count == 1 ? "" : "s")</strong>"
    if let source = report.countSource { text += " (\(e(source)))" }
    text +=
      " by <strong>\(e(report.method.name))</strong> in \(NumberText.grouped(report.subject.validPixels)) pixels, "
    text += "\(report.subject.usedBands) of \(report.subject.bands) bands."
    if let choice = report.choice { text += " Chosen from the scene: \(e(choice))." }
    if let residual = report.residual {
      text += " Reconstruction RMSE \(NumberText.short(residual.mean, digits: 3)) on average, "
      text += "below \(NumberText.short(residual.percentile95, digits: 3)) in 95 % of the pixels"
      text += corrupted.isEmpty ? "." : ", \(corrupted.count) corrupted channels left out."
    }
    if let convergence = report.convergence {
      text +=
        convergence.converged
        ? " Converged after \(convergence.iterations) iterations."
        : " Stopped at the limit of \(convergence.iterations) iterations."
    }
    return text
  }

  // MARK: Pictures

  private var overview: String {
    var parts: [String] = []
    if let scene = figures.scene {
      let caption = figures.sceneCaption.map { "The scene, \(e($0))" } ?? "The scene"
      parts.append(
        "<figure>\(PageParts.image(scene, "The scene in colour"))<figcaption>\(caption)</figcaption></figure>"
      )
    }
    if let composite = figures.composite {
      parts.append(
        "<figure>\(PageParts.image(composite, "Colour composite of the abundances"))"
          + "<figcaption>Abundances together: endmember colours, mixed by abundance</figcaption></figure>")
    }
    guard !parts.isEmpty else { return "" }
    let wide =
      (figures.scene ?? figures.composite).map { Double($0.width) > 2.2 * Double($0.height) } ?? false
    var html =
      "<section><h2>Scene and abundances</h2><div class=\"\(wide ? "stack" : "pair")\">\(parts.joined())</div>"
    if figures.composite != nil {
      html += "<ul class=\"legend\">"
      for endmember in report.shownEndmembers.map({ report.endmembers[$0] }) {
        html += "<li>\(PageParts.swatch(endmember.colour))\(e(endmember.name))</li>"
      }
      if hidden > 0 { html += "<li>and \(hidden) more</li>" }
      html += "</ul>"
    }
    return html + "</section>"
  }

  private var abundanceMaps: String {
    guard !figures.abundances.isEmpty else { return "" }
    var html = "<section><h2>Abundance of each endmember</h2><div class=\"maps\">"
    let shown = Set(report.shownEndmembers)
    for (index, map) in figures.abundances.enumerated() where report.endmembers.count <= index || shown.contains(index)
    {
      let endmember = index < report.endmembers.count ? report.endmembers[index] : nil
      let name = endmember?.name ?? "Endmember \(index + 1)"
      html += "<figure><h3>\((endmember?.colour).map(PageParts.swatch) ?? "")\(e(name))</h3>"
      html += PageParts.image(map.picture, "Abundance of \(name)") + PageParts.colourBar(map, "a\(index)")
      if let statistics = endmember?.abundance {
        html += "<figcaption>mean \(NumberText.percent(statistics.mean)), dominant in "
        html += "\(NumberText.percent(statistics.dominantShare)) of pixels</figcaption>"
      }
      html += "</figure>"
    }
    return html + "</div>\(remainder)</section>"
  }

  /// Which classes every pixel is a mixture of, and the models that occur most.
  private var models: String {
    guard let models = report.models else { return "" }
    var html =
      "<section><h2>Models</h2><p>\(NumberText.grouped(models.used)) of \(NumberText.grouped(models.tried)) models occur; "
    html += "\(NumberText.grouped(models.unmodelledPixels)) pixels have none that keeps the limits.</p>"
    if let picture = figures.models {
      html += "<figure>\(PageParts.image(picture, "Classes of the model of every pixel"))"
      html +=
        "<figcaption>The classes that every pixel is a mixture of; grey where no model keeps the limits</figcaption></figure>"
    }
    html += "<div class=\"scroll\"><table><thead><tr><th>Classes</th><th class=\"n\">Endmembers with shade</th>"
    html += "<th class=\"n\">Models</th><th class=\"n\">Pixels</th></tr></thead><tbody>"
    for group in models.groups {
      html += "<tr><th scope=\"row\">\(PageParts.swatch(group.colour))\(e(group.classes))</th>"
      html += "<td class=\"n\">\(group.endmembers)</td><td class=\"n\">\(NumberText.grouped(group.models))</td>"
      html += "<td class=\"n\">\(NumberText.grouped(group.pixels))</td></tr>"
    }
    html += "</tbody></table></div><h3>Most frequent models</h3><div class=\"scroll\"><table><thead><tr>"
    html += "<th class=\"n\">Number</th><th>Spectra</th><th class=\"n\">Pixels</th></tr></thead><tbody>"
    for model in models.common {
      html += "<tr><td class=\"n\">\(model.number)</td><td>\(e(model.spectra.joined(separator: " + ")))</td>"
      html += "<td class=\"n\">\(NumberText.grouped(model.pixels))</td></tr>"
    }
    return html + "</tbody></table></div></section>"
  }

  /// How many endmembers are in the table only.
  private var hidden: Int { report.endmembers.count - report.shownEndmembers.count }

  /// What is said about endmembers that are not drawn.
  private var remainder: String {
    guard hidden > 0 else { return "" }
    let shown = Set(report.shownEndmembers)
    let rest = report.endmembers.indices.filter { !shown.contains($0) }.compactMap {
      report.endmembers[$0].abundance?.mean
    }
    let share = rest.isEmpty ? "" : ", \(NumberText.percent(rest.reduce(0, +))) of the mean abundance together"
    return
      "<p class=\"note\">Drawn are the \(UnmixingBody.drawnCount) endmembers with the largest mean abundance; the other "
      + "\(hidden)\(e(share)), are in the table.</p>"
  }

  /// Endmembers whose names differ in their numbers only, as one; empty where that joins none.
  private var groups: String {
    guard hidden > 0 else { return "" }
    func group(_ name: String) -> String {
      let base = name.replacing(/[\s_.#-]*\(?\d+\)?\s*$/, with: "")
      return base.isEmpty ? name : base
    }
    var order: [String] = []
    var members: [String: [UnmixingBody.Endmember]] = [:]
    for endmember in report.endmembers {
      let key = group(endmember.name)
      if members[key] == nil { order.append(key) }
      members[key, default: []].append(endmember)
    }
    guard order.count > 1, order.count < report.endmembers.count else { return "" }
    func mean(_ key: String) -> Double { (members[key] ?? []).reduce(0) { $0 + ($1.abundance?.mean ?? 0) } }
    var html = "<h3>Groups of endmembers of one name</h3><div class=\"scroll\"><table><thead><tr><th>Group</th>"
    html += "<th class=\"n\">Endmembers</th><th class=\"n\">Mean abundance</th></tr></thead><tbody>"
    for key in order.sorted(by: { (mean($1), $0) < (mean($0), $1) }) {
      html += "<tr><th scope=\"row\">\(e(key))</th><td class=\"n\">\(members[key]?.count ?? 0)</td>"
      html += "<td class=\"n\">\(NumberText.percent(mean(key)))</td></tr>"
    }
    return html + "</tbody></table></div>"
  }

  private var diagnostics: String {
    var parts: [String] = []
    if let guidance = figures.guidance {
      parts.append(
        "<figure><h3>Guidance map <em>h</em></h3>\(PageParts.image(guidance.picture, "Guidance map"))"
          + PageParts.colourBar(guidance, "g")
          + "<figcaption>High where pixels are pure and abundances are driven to be sparse, low where they are "
          + "mixed</figcaption></figure>")
    }
    if let rmse = figures.rmse {
      parts.append(
        "<figure><h3>Reconstruction RMSE</h3>\(PageParts.image(rmse.picture, "Residual per pixel"))\(PageParts.colourBar(rmse, "r"))"
          + "<figcaption>Root mean square error over the used bands; bright pixels are not explained by the "
          + "endmembers</figcaption></figure>")
    }
    guard !parts.isEmpty else { return "" }
    return "<section><h2>Where the model fits</h2><div class=\"pair\">\(parts.joined())</div></section>"
  }

  // MARK: Endmembers and diagnostics

  private var spectra: String {
    guard !report.endmembers.isEmpty else { return "" }
    return
      "<section><h2>Endmember spectra</h2>\(PageParts.chart(report.spectraChart, "spectra", height: 380))\(remainder)\(groups)\(table)</section>"
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
      html += "<tr><th scope=\"row\">\(PageParts.swatch(endmember.colour))\(e(endmember.name))</th>"
      func cell(_ text: String?) { html += "<td class=\"n\">\(text.map(e) ?? "–")</td>" }
      if hasMatch {
        html += "<td>\(endmember.match.map { e(nearest($0)) } ?? "–")</td>"
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

  /// The nearest spectrum of the library and the one after it; a name that was not given says how far off it is.
  private func nearest(_ match: UnmixingBody.LibraryMatch) -> String {
    func degrees(_ angle: Double) -> String { "\(NumberText.short(angle * 180 / .pi, digits: 2))°" }
    var text = match.accepted == false ? "nothing near; \(match.name) at \(degrees(match.sadRad))" : match.name
    if let name = match.runnerUp, let angle = match.runnerUpSadRad { text += ", then \(name) at \(degrees(angle))" }
    return text
  }

  private var counting: String {
    guard let counting = report.counting else { return "" }
    var text = counting.reason.map { "\($0.prefix(1).uppercased())\($0.dropFirst()). " } ?? ""
    let others = counting.alternatives.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
    if !others.isEmpty { text += "Other methods count: \(others.joined(separator: ", "))." }
    let chart = report.countingChart.map { PageParts.chart($0, "counting", height: 260) } ?? ""
    guard !text.isEmpty || !chart.isEmpty else { return "" }
    return "<section><h2>Number of endmembers</h2><p>\(e(text))</p>\(chart)</section>"
  }

  private var channelQuality: String {
    guard let quality = report.channelQualityChart else { return "" }
    let poor = report.channels.filter { ($0.quality ?? 1) < UnmixingBody.poorQuality }.map(\.band)
    let lost =
      corrupted.isEmpty
      ? "" : " Corrupted, and left out of errors and curves: bands \(ChannelQuality.ranges(corrupted))."
    let text =
      poor.isEmpty
      ? "No channel falls below \(UnmixingBody.poorQuality)."
      : "\(poor.count) channel\(poor.count == 1 ? "" : "s") below \(UnmixingBody.poorQuality): "
        + "bands \(ChannelQuality.ranges(poor))."
    return
      "<section><h2>Channel quality</h2><p>\(e(text + lost))</p>\(PageParts.chart(quality, "quality", height: 240))</section>"
  }

  private var convergence: String {
    guard let objective = report.objectiveChart else { return "" }
    return "<section><h2>Convergence</h2>\(PageParts.chart(objective, "objective", height: 250))</section>"
  }

  private var settings: String { "<section><h2>Settings</h2>\(PageParts.list(report.method.rows))</section>" }
}
