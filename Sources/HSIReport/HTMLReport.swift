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
    return PageParts.page(
      title: "Unmixing of \(name)", version: report.provenance.version, kicker: "Spectral unmixing",
      heading: name,
      lead: lead,
      sections: [
        PageParts.sceneFacts(report.scene), PageParts.warnings(report.warnings), overview, abundanceMaps,
        spectra,
        diagnostics, channelQuality, convergence, settings, PageParts.outputs(report.outputs),
        PageParts.provenance(report.provenance),
      ])
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
      html += PageParts.image(map.picture, "Abundance of \(name)") + PageParts.colourBar(map, "a\(index)")
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

  private func swatch(_ endmember: UnmixingReport.Endmember) -> String {
    "<svg class=\"swatch\" viewBox=\"0 0 12 12\" aria-hidden=\"true\"><rect width=\"12\" height=\"12\" rx=\"2.5\" "
      + "fill=\"\(e(endmember.colour))\"/></svg>"
  }

  // MARK: Endmembers and diagnostics

  private var spectra: String {
    guard !report.endmembers.isEmpty else { return "" }
    return
      "<section><h2>Endmember spectra</h2>\(PageParts.chart(report.spectraChart, "spectra", height: 380))\(table)</section>"
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
      "<section><h2>Channel quality</h2><p>\(e(text))</p>\(PageParts.chart(quality, "quality", height: 240))</section>"
  }

  private var convergence: String {
    guard let objective = report.objectiveChart else { return "" }
    return "<section><h2>Convergence</h2>\(PageParts.chart(objective, "objective", height: 250))</section>"
  }

  // MARK: Settings

  private var settings: String {
    var rows = [("Method", "\(report.method.name) (\(report.method.id))")]
    if let citation = report.method.citation { rows.append(("Source", citation)) }
    rows += report.method.settings.sorted { $0.key < $1.key }.map { ($0.key, NumberText.short($0.value)) }
    return "<section><h2>Settings</h2>\(PageParts.list(rows))</section>"
  }
}
