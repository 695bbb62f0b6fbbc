import Foundation
import HSICore
import Testing

@testable import HSIReport

@Suite struct RestoreReportTests {
  /// A run of `hsi restore` that never happened, with and without a predictor.
  private func report(views: Int?) -> RestoreReport {
    let mock = MockRun.report()
    var body = RestoreBody(
      task: "deblur",
      method: .init(id: "wiener", name: "Wiener", citation: "Wiener", reason: "p <sees> blur", facts: [:]), missing: 0,
      missingAfter: 0, scale: 1, heldBack: nil)
    body.prediction = views.map {
      .init(
        threshold: 0.6, views: $0,
        classes: [.init(name: "noise", probability: 0.125), .init(name: "blur", probability: 0.875)])
    }
    let axis = MockRun.axis
    return RestoreReport(
      of: mock.subject,
      channels: (0..<axis.count).map { .init(band: $0 + 1, wavelengthNm: axis.wavelengths?[$0], fwhmNm: nil) },
      body: body, outputs: [.init(path: "r.tif", content: "restored cube")], provenance: mock.provenance)
  }

  @Test(arguments: [nil, 1, 16]) func fitsItsSchema(views: Int?) throws {
    let data = try report(views: views).json()
    let validator = try SchemaValidator(RestoreReport.schema)
    #expect(try validator.errors(in: data) == [])
    let again = try ReportCoding.decode(RestoreReport.self, from: data)
    #expect(again.prediction?.classes.map(\.probability) == views.map { _ in [0.125, 0.875] })
    guard views != nil else { return }
    let text = String(decoding: data, as: UTF8.self)
    for (from, to) in [("\"threshold\" : 0.6,", ""), ("\"probability\" : 0.125", "\"probability\" : \"high\"")] {
      let broken = text.replacingOccurrences(of: from, with: to)
      #expect(broken != text)
      #expect(try !validator.errors(in: Data(broken.utf8)).isEmpty, "\(to)")
    }
  }

  /// The most likely class stands first.
  @Test(arguments: [nil, 1, 16]) func page(views: Int?) throws {
    let text = String(
      decoding: HTMLReport.page(report(views: views), figures: RestoreBody.Figures()), as: UTF8.self)
    try MarkupCheck.check(text)
    #expect(text.contains("What is wrong, by the predictor") == (views != nil))
    guard let views else { return }
    let (first, second) = (try #require(text.range(of: "88 %")), try #require(text.range(of: "12 %")))
    #expect(first.lowerBound < second.lowerBound)
    #expect(text.contains(views == 1 ? "one part of the scene" : "16 parts of the scene"))
  }
}
