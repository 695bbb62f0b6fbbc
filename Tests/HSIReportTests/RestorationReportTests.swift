import Foundation
import HSICore
import Testing

@testable import HSIReport

@Suite struct RestorationReportTests {
  /// A run of `hsi denoise` that never happened.
  private func report() -> RestorationReport {
    let mock = MockRun.report()
    let axis = MockRun.axis
    let used = axis.goodBands
    var channels = (0..<axis.count).map {
      RestorationBody.Channel(band: $0 + 1, wavelengthNm: axis.wavelengths?[$0], fwhmNm: axis.fwhm?[$0])
    }
    for band in used {
      channels[band].processed = true
      channels[band].noiseBefore = 0.004 + 0.002 * sin(Double(band))
      channels[band].removedRms = 0.003
      channels[band].noiseAfter = band == 3 ? 0 : 0.001
      channels[band].spatialCorrelation = 0.02 * sin(3 * Double(band))
      channels[band].spectralCorrelation = band == 7 ? nil : .nan
    }
    func spectrum(_ noise: Double) -> [Double] {
      (0..<axis.count).map { band in
        used.contains(band)
          ? MockRun.spectrum(1, axis.wavelengths![band]) + noise * sin(9.7 * Double(band)) : .nan
      }
    }
    return RestorationReport(
      of: mock.subject, channels: channels,
      body: RestorationBody(
        method: .init(
          id: "hyres", name: "HyRes <with> & \"quotes\"", citation: "Rasti",
          reason: "chosen because of the noise",
          settings: ["shifts": 8], rank: 7, facts: ["outliers": 12],
          model: .init(weights: "https://user:pw@example.org/w.safetensors", card: ["architecture": "HSDT"])),
        noiseSource: "estimated",
        residual: .init(
          rms: 0.003, share: 0.01, spatialCorrelation: 0.01, spectralCorrelation: 0.02, correlationError: 0.006),
        pixels: (0..<4).map { i in
          .init(
            line: 3 * i, sample: 7 * i, map: i == 0 ? nil : .init(x: 583_000, y: 4_145_000),
            brightness: 0.25 * Double(i), before: spectrum(0.01), after: spectrum(0))
        },
        timings: .init(readingS: 0.1, denoisingS: 2.3456789, judgingS: 0.2, writingS: 0.3)),
      outputs: [.init(path: "clean.tif", content: "restored cube")], provenance: mock.provenance)
  }

  /// What was taken from a spectrum is a chart of its own; the noisiest bands are shown with their figures.
  @Test func differencesAndNoisiestBands() throws {
    let report = report()
    let pixel = report.pixels[1]
    let chart = report.differenceChart(pixel)
    for (x, y) in zip(chart.series[0].x, chart.series[0].y) where y.isFinite {
      let band = try #require(report.channels.firstIndex { $0.wavelengthNm == x })
      let (before, after) = (try #require(pixel.before[band]), try #require(pixel.after[band]))
      #expect(y == before - after)
    }
    let picture = try #require(try MockRun.figures(encode: StoredPNG.encode).scene)
    var figures = RestorationBody.Figures()
    figures.noisiest = [.init(band: 5, before: picture, after: picture)]
    let text = String(decoding: HTMLReport.page(report, figures: figures), as: UTF8.self)
    #expect(text.contains("The noisiest bands") && text.contains("Band 5, ") && text.contains("Before less after"))
    #expect(text.contains("Noise left 0.001"))
    try MarkupCheck.check(text)
  }

  @Test func fitsItsSchema() throws {
    var report = report()
    report.timings = .init(readingS: 0.1, denoisingS: 2.3456789, judgingS: 0.2, writingS: 0.3)
    let data = try report.json()
    let validator = try SchemaValidator(RestorationReport.schema)
    #expect(try validator.errors(in: data) == [])
    let text = String(decoding: data, as: UTF8.self)
    for (from, to) in [
      ("\"noise_source\" : \"estimated\"", "\"noise_source\" : \"guessed\""),
      ("\"command\" : \"denoise\",", ""),
      ("\"rank\" : 7", "\"rank\" : \"seven\""), ("\"processed\" : true", "\"processed\" : true, \"x\" : 1"),
    ] {
      let broken = text.replacingOccurrences(of: from, with: to)
      #expect(broken != text)
      #expect(try !validator.errors(in: Data(broken.utf8)).isEmpty, "\(to)")
    }
    let again = try ReportCoding.decode(RestorationReport.self, from: data)
    #expect(again.channels.count == report.channels.count && again.method.rank == 7)
  }

  @Test func pageIsSelfContainedWellFormedAndEscaped() throws {
    let mock = try MockRun.figures(encode: StoredPNG.encode)
    let figures = RestorationBody.Figures(
      before: mock.scene, after: mock.scene, caption: "650, 550, 470 nm", residual: mock.scene,
      residualScale: "black −0.01, white +0.01", total: mock.rmse)
    let text = String(decoding: HTMLReport.page(report(), figures: figures), as: UTF8.self)
    #expect(!text.contains("<script") && !text.contains("<link") && !text.contains("@import"))
    for match in text.matches(of: #/(?:src|href)="([^"]{0,12})/#) {
      #expect(match.1.hasPrefix("data:image/p"))
    }
    #expect(!text.contains("HyRes <with>") && text.contains("HyRes &lt;with&gt; &amp; &quot;quotes&quot;"))
    #expect(!text.contains("user:pw"))
    for heading in [
      "Before and after", "What was removed", "Noise of every band", "Is it noise?", "Spectra before",
    ] {
      #expect(text.contains(heading), "\(heading)")
    }
    try MarkupCheck.check(text)
  }

  @Test func pageWithoutOptionalParts() throws {
    var report = report()
    report.residual = nil
    report.pixels = []
    report.channels = []
    report.method.unchanged = "no noise was found in any band"
    let text = String(decoding: HTMLReport.page(report, figures: RestorationBody.Figures()), as: UTF8.self)
    #expect(!text.contains("<img") && text.contains("no noise was found in any band"))
    try MarkupCheck.check(text)
  }

  /// The sentence follows from the figures.
  @Test func verdicts() {
    var report = report()
    func verdict(_ spatial: Double?, _ spectral: Double?) -> String {
      report.residual?.spatialCorrelation = spatial
      report.residual?.spectralCorrelation = spectral
      return report.verdict
    }
    #expect(verdict(0.01, 0.02).contains("is white in space and between channels"))
    #expect(verdict(0.01, 0.4).contains("alike in neighbouring channels"))
    #expect(verdict(0.4, 0).contains("alike in neighbouring pixels"))
    #expect(verdict(-0.4, 0).contains("alternates"))
    report.residual = nil
    #expect(report.verdict == "Nothing was removed.")
  }
}
