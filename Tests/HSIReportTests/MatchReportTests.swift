import Foundation
import HSICore
import Testing

@testable import HSIReport

@Suite struct MatchReportTests {
  /// A run of `hsi match` that never happened.
  private func report(count: Int, hasDepth: Bool) -> MatchReport {
    let mock = MockRun.report()
    let axis = MockRun.axis
    var spectrum = (0..<axis.count).map { 0.1 * Double($0 + 1) }
    spectrum[1] = .nan
    let matches = (0..<count).map { k in
      MatchBody.Match(
        value: k + 1, name: "m<\(k)>", colour: "#0072b2", pixels: 10, share: 0.1, fit: 0.9, depth: hasDepth ? 0.2 : nil,
        best: .init(
          pixel: PixelPosition(line: 3, sample: k), map: .init(x: 1, y: 2), fit: 0.95, spectrum: spectrum),
        spectrum: spectrum)
    }
    return MatchReport(
      of: mock.subject, channels: SceneChannel.all(axis, used: Array(0..<axis.count)),
      body: MatchBody(
        method: .init(id: "features", name: "A <b> C", task: "match"), sense: hasDepth ? "higher" : "lower",
        library: "l.sli", spectra: 90, matches: matches, unknown: 5),
      outputs: [.init(path: "m.tif", content: "best spectrum")], provenance: mock.provenance)
  }

  @Test(arguments: [(0, false), (3, true), (50, false)]) func fitsItsSchema(count: Int, hasDepth: Bool) throws {
    let data = try report(count: count, hasDepth: hasDepth).json()
    #expect(try SchemaValidator(MatchReport.schema).errors(in: data) == [])
    let again = try ReportCoding.decode(MatchReport.self, from: data)
    #expect(again.matches.count == count && again.unknown == 5 && again.matches.allSatisfy { $0.spectrum[1] == nil })
    let broken = String(decoding: data, as: UTF8.self).replacingOccurrences(
      of: "\"unknown\" : 5", with: "\"unknown\" : -5")
    #expect(try !SchemaValidator(MatchReport.schema).errors(in: Data(broken.utf8)).isEmpty)
  }

  @Test(arguments: [(0, false), (3, true), (50, false)]) func page(count: Int, hasDepth: Bool) throws {
    let text = String(
      decoding: HTMLReport.page(report(count: count, hasDepth: hasDepth), figures: MatchBody.Figures()), as: UTF8.self)
    try MarkupCheck.check(text)
    #expect(text.contains("Mean depth") == (hasDepth && count > 0))
    #expect(text.contains("10 more are in the JSON report") == (count == 50))
  }
}
