import Foundation
import HSICore
import Testing

@testable import HSIReport

@Suite struct DetectionReportTests {
  /// A run of `hsi detect` that never happened.
  private func report(full: Bool) -> DetectionReport {
    let mock = MockRun.report()
    let axis = MockRun.axis
    let spectrum = (0..<axis.count).map { 0.1 * Double($0 + 1) }
    let body = DetectionBody(
      method: .init(id: "ace", name: "A <b> C", task: full ? "target" : "anomaly", facts: ["shrinkage": 1e-6]),
      sense: "higher", bands: ["ace: <t>"], targets: full ? [.init(name: "<t>", spectrum: spectrum)] : [],
      scores: .init(minimum: -1, median: 0, percentile99: 0.5, maximum: 1),
      histogram: .init(
        edges: [-1, 0, 0.4, 0.5, 0.6, 1], counts: [80, 10, 6, 3, 1],
        expected: full ? [nil, nil, 7, 2, 1] : nil),
      tail: full ? .init(middle: 0, start: 0.4, share: 0.1, exponent: 1, slope: 3) : nil,
      threshold: full ? .init(falseAlarmRate: 1e-3, score: 0.8, detections: 3, expected: 0.1) : nil,
      truth: full
        ? .init(
          targets: 2, background: 98, auc: 0.9, partialAuc: 0.5, detectionAt0001: 0.5,
          curve: [.init(falseAlarm: 0, detection: 0), .init(falseAlarm: 1, detection: 1)]) : nil,
      best: [
        .init(
          pixel: PixelPosition(line: 3, sample: 4), map: full ? .init(x: 1, y: 2) : nil, score: 1, values: [1],
          target: full ? "<t>" : nil, spectrum: spectrum, isTarget: full ? true : nil)
      ])
    return DetectionReport(
      of: mock.subject, channels: SceneChannel.all(axis, used: Array(0..<axis.count)), body: body,
      outputs: [.init(path: "s.tif", content: "scores")], provenance: mock.provenance)
  }

  @Test(arguments: [false, true]) func fitsItsSchema(full: Bool) throws {
    let data = try report(full: full).json()
    let validator = try SchemaValidator(DetectionReport.schema)
    #expect(try validator.errors(in: data) == [])
    let again = try ReportCoding.decode(DetectionReport.self, from: data)
    #expect(again.best.map(\.score) == [1] && again.threshold?.detections == (full ? 3 : nil))
    let broken = String(decoding: data, as: UTF8.self).replacingOccurrences(
      of: "\"sense\" : \"higher\"", with: "\"sense\" : \"sideways\"")
    #expect(try !validator.errors(in: Data(broken.utf8)).isEmpty)
  }

  @Test(arguments: [false, true]) func page(full: Bool) throws {
    let text = String(
      decoding: HTMLReport.page(report(full: full), figures: DetectionBody.Figures()), as: UTF8.self)
    try MarkupCheck.check(text)
    #expect(text.contains("Against truth") == full && text.contains("fitted tail") == full)
    #expect(text.contains("Best pixels"))
  }
}
