import Foundation
import HSICore
import Testing

@testable import HSIReport

@Suite struct UnmixingReportTests {
  @Test func reportMatchesItsSchema() throws {
    let report = MockRun.report()
    let data = try report.json()
    if let folder = ProcessInfo.processInfo.environment["HSI_SCHEMA_PREVIEW"] {
      try data.write(to: URL(fileURLWithPath: folder + "/report.json"))
      try Data(UnmixingReport.schema.utf8).write(to: URL(fileURLWithPath: folder + "/schema.json"))
    }
    let validator = try SchemaValidator(UnmixingReport.schema)
    #expect(try validator.errors(in: data) == [])
    // The validator itself must notice: a wrong type, a missing member, an unknown one.
    let text = String(decoding: data, as: UTF8.self)
    for (from, to) in [
      ("\"converged\" : true", "\"converged\" : \"yes\""), ("\"command\" : \"unmix\",", ""),
      ("\"seed\" : 7", "\"seed\" : 7, \"sead\" : 8"), ("\"task\" : \"blind\"", "\"task\" : \"blond\""),
    ] {
      let broken = text.replacingOccurrences(of: from, with: to)
      #expect(broken != text)
      #expect(try !validator.errors(in: Data(broken.utf8)).isEmpty, "\(to)")
    }
  }

  @Test func reportSurvivesTheRoundTrip() throws {
    var report = MockRun.report()
    report.method.settings["unknown"] = nil
    report.convergence?.objective = [3, 2.5, 2.25]
    let first = try report.json()
    let again = try ReportCoding.decode(UnmixingReport.self, from: first)
    #expect(try again.json() == first)
    #expect(again.endmembers[1].spectrum[0] == report.endmembers[1].spectrum[0])
    #expect(again.subject.facts["wavelengths_nm"]?.value == .numbers([400, 2490]))
  }

  @Test func numbersThatJSONCannotHoldBecomeNull() throws {
    let text = String(decoding: try MockRun.report().json(), as: UTF8.self)
    #expect(text.contains("\"unknown\" : null"))
    #expect(text.contains("\"hMax\" : 0.8"), "keys of settings are left as the method names them")
    #expect(!text.contains("not-finite"))
  }

  /// More endmembers than a chart can tell apart: those with the largest share are drawn, all are listed, those of one name are
  /// added up.
  @Test func manyEndmembers() throws {
    var report = MockRun.report()
    let template = report.endmembers[0]
    report.endmembers = (0..<20).map { k in
      var endmember = template
      endmember.name = k < 14 ? "grass \(k + 1)" : "roof_\(k)"
      // The last ones are the largest.
      endmember.abundance?.mean = Double(k + 1) / 210
      return endmember
    }
    #expect(report.spectraChart.series.map(\.name) == (8..<20).map { report.endmembers[$0].name })
    let text = String(decoding: HTMLReport.page(report, figures: UnmixingBody.Figures()), as: UTF8.self)
    for part in [
      "the other 8, 17 % of the mean abundance together", "Groups of endmembers of one name", "grass 1<", "roof_19",
    ] {
      #expect(text.contains(part), "\(part)")
    }
    // 14 of grass have 105 / 210 together.
    #expect(text.contains("grass</th><td class=\"n\">14</td><td class=\"n\">50 %</td>"))
    try MarkupCheck.check(text)
    report.endmembers.removeLast(8)
    #expect(report.spectraChart.series.count == 12)
  }

  @Test func channelsAndSpreadPutValuesInPlace() {
    let axis = SpectralAxis(wavelengths: [400, 500, 600, 700], fwhm: [9, 10, 11, 12])
    let channels = SceneChannel.all(axis, used: [1, 3], quality: [0.5, 1])
    #expect(channels.map(\.band) == [1, 2, 3, 4])
    #expect(channels.map(\.used) == [false, true, false, true])
    #expect(channels.map(\.quality) == [nil, 0.5, nil, 1])
    let spread = SceneChannel.spread([7, 8], used: [1, 3], bands: 4)
    #expect(spread[0].isNaN && spread[1] == 7 && spread[2].isNaN && spread[3] == 8)
    #expect(
      String(decoding: ChannelQuality.csv(channels), as: UTF8.self) == """
        band,wavelength_nm,fwhm_nm,used,quality
        1,400.0,9.0,0,
        2,500.0,10.0,1,0.5
        3,600.0,11.0,0,
        4,700.0,12.0,1,1.0

        """)
  }

  @Test func rangesOfBands() {
    #expect(ChannelQuality.ranges([113, 3, 104, 105, 106, 107, 150, 151]) == "3, 104–107, 113, 150, 151")
    #expect(ChannelQuality.ranges([]) == "")
  }

  @Test func abundanceStatisticsAreExactAndIndependentOfStrips() {
    let matrix = PixelMatrix(rows: 4, columns: 2, values: [1, 0, 0.5, 0.5, 0.25, 0.75, .nan, 0])
    let all = AbundanceStatistics.all(matrix)
    #expect(abs(all[0].mean - 1.75 / 3) < 1e-15)
    #expect(abs(all[0].standardDeviation - 0.311804782231162) < 1e-12)
    #expect(all[0].minimum == 0.25 && all[0].maximum == 1)
    #expect(all[0].dominantShare == 2.0 / 3 && all[1].dominantShare == 1.0 / 3)
    #expect(all[0].pureShare == 1.0 / 3 && all[1].pureShare == 0)
    var accumulator = AbundanceStatistics.Accumulator(endmembers: 2)
    for n in 0..<4 { accumulator.add(PixelMatrix(rows: 1, columns: 2, values: Array(matrix.row(n)))) }
    #expect(accumulator.statistics == all)
  }

  @Test func residualStatistics() throws {
    let residual = try #require(UnmixingBody.Residual((1...100).map(Float.init) + [.nan]))
    #expect(
      residual.mean == 50.5 && residual.median == 51 && residual.percentile95 == 96 && residual.maximum == 100
    )
    #expect(UnmixingBody.Residual([.nan]) == nil)
  }
}
