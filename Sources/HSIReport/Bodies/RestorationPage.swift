import Foundation
import HSICore

extension RestorationBody {
  /// The pictures of a restoration report; those that are missing are left out of the page.
  public struct Figures: Sendable {
    /// The scene before and after, in the same colours.
    public var before: ReportPicture?
    public var after: ReportPicture?
    /// Which bands they show, e.g. `650, 550, 470 nm`.
    public var caption: String
    /// The residual in these bands: grey where nothing was removed.
    public var residual: ReportPicture?
    /// Values that the ends of its colours stand for, e.g. `± 0.012`.
    public var residualScale: String
    /// Root mean square of the residual over the bands, per pixel.
    public var total: ReportMap?
    /// The bands with the least signal for their noise, before and after in the same greys.
    public var noisiest: [NoisyBand] = []

    /// A band before and after.
    public struct NoisyBand: Sendable {
      /// 1-based number in the file.
      public var band: Int
      public var before: ReportPicture
      public var after: ReportPicture

      /// Two pictures of a band.
      public init(band: Int, before: ReportPicture, after: ReportPicture) {
        (self.band, self.before, self.after) = (band, before, after)
      }
    }

    /// Pictures.
    public init(
      before: ReportPicture? = nil, after: ReportPicture? = nil, caption: String = "",
      residual: ReportPicture? = nil,
      residualScale: String = "", total: ReportMap? = nil
    ) {
      self.before = before
      self.after = after
      self.caption = caption
      self.residual = residual
      self.residualScale = residualScale
      self.total = total
    }
  }

  public static func page(_ report: RestorationReport, _ figures: Figures) -> ReportPage {
    RestorationPage(report: report, figures: figures).page
  }
}

private struct RestorationPage {
  let report: RestorationReport
  let figures: RestorationBody.Figures

  var page: ReportPage {
    ReportPage(
      title: "Noise removed from", kicker: "Noise removal", lead: lead,
      sections: [beforeAndAfter, removed, noise, noisiest, whiteness, spectra, settings])
  }

  private func e(_ text: String) -> String { Markup.escape(text) }

  private var lead: String {
    let scene = report.subject
    var text = "<strong>\(e(report.method.name))</strong> on \(scene.usedBands) of \(scene.bands) bands and "
    text += "\(NumberText.grouped(scene.validPixels)) pixels"
    let reason = report.method.reason ?? "given"
    text += reason == "given" ? ". " : ": \(e(reason)). "
    if let unchanged = report.method.unchanged {
      return text + "<strong>The scene is unchanged: \(e(unchanged)).</strong>"
    }
    if let before = report.median(\.noiseBefore), let after = report.median(\.noiseAfter), before > 0 {
      let level = e(NumberText.short(before, digits: 3))
      text +=
        after > 0
        ? "The noise of a typical band fell from \(level) to \(e(NumberText.short(after, digits: 2))). "
        : "In a typical band, as much as its noise (\(level)) or more was removed. "
    }
    if let residual = report.residual {
      text += "Removed were \(e(NumberText.short(residual.rms, digits: 3))) (root mean square), "
      text += "\(NumberText.percent(residual.share)) of the signal. "
    }
    return text + e(report.verdict)
  }

  // MARK: Pictures

  private var beforeAndAfter: String {
    guard let before = figures.before, let after = figures.after else { return "" }
    return "<section><h2>Before and after</h2><div class=\"\(PageParts.pairing(before))\">"
      + PageParts.figure(before, "The scene before", heading: "Before", caption: figures.caption)
      + PageParts.figure(after, "The scene after", heading: "After", caption: "The same bands and stretch")
      + "</div></section>"
  }

  private var removed: String {
    var parts: [String] = []
    if let residual = figures.residual {
      parts.append(
        PageParts.figure(
          residual, "What was removed, in colour", heading: "In these bands",
          caption: "Before less after, \(figures.residualScale); grey where nothing was removed. "
            + "Edges and shapes of the scene should not show"))
    }
    if let total = figures.total {
      parts.append(
        "<figure><h3>In all bands</h3>\(PageParts.image(total.picture, "Removed per pixel"))"
          + PageParts.colourBar(total, "total")
          + "<figcaption>Root mean square over the processed bands, in the units of the scene</figcaption></figure>"
      )
    }
    guard !parts.isEmpty else { return "" }
    return "<section><h2>What was removed</h2><div class=\"\(PageParts.pairing(figures.residual))\">"
      + "\(parts.joined())</div></section>"
  }

  // MARK: Charts

  private var noise: String {
    guard let chart = report.noiseChart else { return "" }
    let source =
      report.noiseSource == "given"
      ? "The noise before is as given."
      : "The noise before is estimated: what neither the other bands nor the neighbouring pixels explain."
    return
      "<section><h2>Noise of every band</h2><p>\(source) Left is what remains of it after what was removed, "
      + "√(before² − removed²); it is not drawn where nothing is left. Where the removed exceeds the noise before, "
      + "structured noise (stripes, outliers) or some of the scene went with it.</p>\(PageParts.chart(chart, "noise", height: 300))</section>"
  }

  private var noisiest: String {
    guard !figures.noisiest.isEmpty else { return "" }
    var html =
      "<section><h2>The noisiest bands</h2><p>Those with the least signal for their noise, before and after, in the "
    html += "same greys.</p>"
    for item in figures.noisiest {
      let channel = report.channels.first { $0.band == item.band }
      let place = channel?.wavelengthNm.map { ", \(NumberText.short($0)) nm" } ?? ""
      func level(_ value: Double?) -> String { value.map { NumberText.short($0, digits: 2) } ?? "not known" }
      html += "<div class=\"\(PageParts.pairing(item.before))\">"
      html += PageParts.figure(
        item.before, "Band \(item.band) before", heading: "Band \(item.band)\(e(place))",
        caption: "Before: noise \(level(channel?.noiseBefore))")
      html += PageParts.figure(
        item.after, "Band \(item.band) after", heading: "After", caption: "Noise left \(level(channel?.noiseAfter))")
      html += "</div>"
    }
    return html + "</section>"
  }

  private var whiteness: String {
    guard let chart = report.whitenessChart, let residual = report.residual else { return "" }
    func value(_ number: Double?) -> String { number.map { e(NumberText.short($0, digits: 2)) } ?? "–" }
    return
      "<section><h2>Is it noise?</h2><p>Noise of most instruments is independent from pixel to pixel and from band to "
      + "band, so both correlations of what was removed should be near 0 (white noise scatters by "
      + "± \(e(NumberText.short(residual.correlationError, digits: 1))) here). Mean over bands: "
      + "<strong>\(value(residual.spatialCorrelation))</strong> between neighbouring pixels, "
      + "<strong>\(value(residual.spectralCorrelation))</strong> with the next band. \(e(report.verdict))</p>"
      + "\(PageParts.chart(chart, "whiteness", height: 280))</section>"
  }

  private var spectra: String {
    guard !report.pixels.isEmpty else { return "" }
    var html = "<section><h2>Spectra before and after</h2><div class=\"charts\">"
    for (i, pixel) in report.pixels.enumerated() {
      html += "<figure><h3>Line \(pixel.line), sample \(pixel.sample)</h3>"
      html += report.spectrumChart(pixel).svg(width: 490, height: 250, identifier: "pixel\(i)")
      html += report.differenceChart(pixel).svg(width: 490, height: 150, identifier: "difference\(i)")
      html +=
        "<figcaption>Removed \(e(NumberText.short(pixel.removedRms, digits: 2))) (root mean square); brighter than "
      html += "\(NumberText.percent(pixel.brightness)) of the pixels"
      if let map = pixel.map {
        html += ", map \(e(NumberText.coordinate(map.x))), \(e(NumberText.coordinate(map.y)))"
      }
      html += "</figcaption></figure>"
    }
    return html + "</div></section>"
  }

  // MARK: Settings

  private var settings: String {
    var rows = report.method.rows
    if let t = report.timings {
      func seconds(_ value: Double) -> String { "\(NumberText.short(value, digits: 3)) s" }
      rows.append(
        (
          "Time",
          "reading \(seconds(t.readingS)), denoising \(seconds(t.denoisingS)), judging \(seconds(t.judgingS)), "
            + "writing \(seconds(t.writingS))"
        ))
    }
    return "<section><h2>Settings</h2>\(PageParts.list(rows))</section>"
  }
}
