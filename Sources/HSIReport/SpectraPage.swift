import Foundation
import HSICore

/// A spectral library as a chart and as a page.
public struct SpectraPage: Sendable {
  /// The spectra.
  public var library: SpectralLibrary
  /// Name of the file that they come from.
  public var path: String

  /// Spectra up to this number have names beside the chart.
  static let namedCount = 24

  /// A picture of a library.
  public init(_ library: SpectralLibrary, path: String) {
    (self.library, self.path) = (library, path)
  }

  private var axis: ChannelAxis {
    let wavelengths = library.axis.wavelengths.map { $0.map(Optional.some) }
    return ChannelAxis(
      wavelengths: wavelengths ?? [Double?](repeating: nil, count: library.bands), used: library.axis.good)
  }

  /// All spectra against wavelength (or band), broken at deleted and bad channels, which are shaded. Up to twelve have lines,
  /// the next twelve dashes; of more than twenty-four no names are shown.
  public var chart: LineChart {
    let axis = axis
    let isNamed = library.count <= SpectraPage.namedCount
    let series = library.names.indices.map { index in
      let spectrum = library[index]
      let (x, y) = axis.curve { channel in
        let value = spectrum[spectrum.startIndex + channel]
        return library.axis.good[channel] && value.isFinite ? value : nil
      }
      return LineChart.Series(
        name: isNamed ? library.names[index] : "", colour: CategoricalPalette.colour(index), x: x, y: y,
        style: index < 12 || !isNamed ? .line : .dashed)
    }
    let named = isNamed ? ": " + library.names.joined(separator: ", ") : ""
    var chart = LineChart(
      title: "Spectra of " + name, summary: "\(library.count) spectra on \(library.bands) bands\(named)",
      xLabel: axis.label, yLabel: "Value", series: series)
    chart.shaded = axis.unusedRanges
    chart.shadedLabel = "bad bands"
    if let first = axis.places.first, let last = axis.places.last, last > first { chart.xRange = first...last }
    if let range = LineChart.robustRange(series.map(\.y)) {
      chart.yRange = range
      chart.summary += ". Values of a few channels lie outside the plot."
    }
    return chart
  }

  private var name: String { (path as NSString).lastPathComponent }

  /// A page with the chart and a table of all spectra.
  ///
  /// - Parameter version: of hsi.
  public func html(version: String) -> Data {
    func e(_ text: String) -> String { Markup.escape(text) }
    var facts = [("Spectra", NumberText.grouped(library.count)), ("Bands", NumberText.grouped(library.bands))]
    if let wavelengths = library.axis.wavelengths, let low = wavelengths.min(), let high = wavelengths.max() {
      facts.append(
        ("Spectral range", "\(NumberText.short(low, digits: 5)) – \(NumberText.short(high, digits: 5)) nm"))
    }
    let bad = library.axis.good.count { !$0 }
    if bad > 0 { facts.append(("Bad bands", NumberText.grouped(bad))) }
    let header =
      "<dl class=\"facts\">" + facts.map { "<div><dt>\($0.0)</dt><dd>\(e($0.1))</dd></div>" }.joined() + "</dl>"
    let rows = library.names.indices.map { index -> String in
      let all = library[index].filter(\.isFinite)
      let mean = all.isEmpty ? Double.nan : all.reduce(0, +) / Double(all.count)
      let cells = [all.min() ?? .nan, mean, all.max() ?? .nan].map { "<td class=\"n\">\(e(NumberText.short($0)))</td>" }
      return "<tr><th scope=\"row\">\(PageParts.swatch(CategoricalPalette.colour(index).hex))"
        + "\(e(library.names[index]))</th>\(cells.joined())"
        + "<td class=\"n\">\(library.bands - all.count)</td></tr>"
    }
    let table =
      "<div class=\"scroll\"><table><thead><tr><th>Spectrum</th><th class=\"n\">Minimum</th><th class=\"n\">Mean</th>"
      + "<th class=\"n\">Maximum</th><th class=\"n\">Deleted</th></tr></thead><tbody>\(rows.joined(separator: "\n"))"
      + "</tbody></table></div>"
    let drawing = chart
    let outside = drawing.yRange == nil ? "" : " Values of a few channels lie outside the plot."
    let nameless =
      library.count > SpectraPage.namedCount ? " More than \(SpectraPage.namedCount): names in the table." : ""
    return HTMLPage(
      title: "Spectra of", kicker: "Spectral library", name: name,
      lead: e(
        "\(library.count) \(library.count == 1 ? "spectrum" : "spectra") on \(library.bands) bands.\(nameless)\(outside)"
      ),
      header: header,
      sections: [
        "<section><h2>Spectra</h2>\(PageParts.chart(drawing, "spectra", height: 380))</section>",
        "<section><h2>Values</h2>\(table)</section>",
      ]
    ).data(version: version)
  }
}
