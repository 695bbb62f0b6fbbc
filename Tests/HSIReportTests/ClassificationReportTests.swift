import Foundation
import HSICore
import Testing

@testable import HSIReport

@Suite struct ClassificationReportTests {
  /// A run of `hsi classify evaluate` that never happened.
  private func report() -> ClassificationReport {
    let mock = MockRun.report()
    let axis = MockRun.axis
    let names = ["Vegetation", "Kaolinite <pure> & \"white\"", "Water"]
    let classes = names.enumerated().map { index, name -> ClassificationBody.Class in
      var entry = ClassificationBody.Class(
        value: [1, 7, 300][index], name: name, colour: ["#d55e00", "#009e73", "#f0f0c0"][index])
      (entry.labelled, entry.training, entry.test, entry.guardBand, entry.mapped) = (100, 10, 60, 30, 400 * (index + 1))
      entry.recall = 0.9
      (entry.area, entry.areaError) = (0.3, 0.012)
      entry.precision = index == 2 ? nil : 0.8
      entry.f1 = index == 2 ? .nan : 0.85
      entry.mean = (0..<axis.count).map { MockRun.spectrum(index, axis.wavelengths![$0]) }
      entry.deviation = [Double](repeating: 0.02, count: axis.count)
      return entry
    }
    var body = ClassificationBody(
      labels: "https://user:pw@example.org/labels.tif", judged: "test pixels", classes: classes,
      confusion: [[54, 6, 0], [1, 58, 0], [0, 0, 60]], unclassified: [0, 1, 0],
      runs: [
        .init(map: "a.tif", split: "s.tif", overall: 0.955, average: 0.95, kappa: 0.93, meanF1: 0.94),
        .init(map: "b.tif", split: nil, overall: 0.9, average: 0.9, kappa: 0.88, meanF1: 0.89),
      ])
    body.scene = mock.subject
    body.overallInterval = [0.912, 0.981]
    body.model = .init(
      path: "m.safetensors", id: "svm", name: "Support vector machine", citation: "Melgani", settings: ["C": "10"])
    body.split = .init(
      path: "s.tif", scheme: "disjoint", training: "10%", validation: "0%", guardRadius: 7, seed: 3, patchRadius: 7,
      overlapping: 0, pixels: ["training": 30, "validation": 0, "test": 180, "guard": 90])
    body.spread = ["overall": .init(mean: 0.93, deviation: 0.04), "kappa": .init(mean: 0.9, deviation: 0.03)]
    body.curve = (1...9).map {
      .init(epoch: $0, loss: 1 / Double($0), validationAccuracy: $0 % 3 == 0 ? 0.1 * Double($0) : nil, rate: 1e-3)
    }
    return ClassificationReport(
      of: mock.subject,
      channels: (0..<axis.count).map {
        SceneChannel(band: $0 + 1, wavelengthNm: axis.wavelengths?[$0], used: axis.good[$0])
      }, body: body, outputs: [.init(path: "r.json", content: "report")], provenance: mock.provenance)
  }

  @Test func fitsItsSchema() throws {
    let data = try report().json()
    let validator = try SchemaValidator(ClassificationReport.schema)
    #expect(try validator.errors(in: data) == [])
    let text = String(decoding: data, as: UTF8.self)
    for (from, to) in [
      ("\"judged\" : \"test pixels\"", "\"judged\" : \"all\""), ("\"command\" : \"classify evaluate\",", ""),
      ("\"guard_radius\" : 7", "\"guard_radius\" : -7"), ("\"value\" : 300", "\"value\" : 0"),
      ("\"colour\" : \"#d55e00\"", "\"colour\" : \"red\""), ("\"kappa\" : 0.93,", "\"kappa\" : 0.93, \"x\" : 1,"),
    ] {
      let broken = text.replacingOccurrences(of: from, with: to)
      #expect(broken != text, "\(from)")
      #expect(try !validator.errors(in: Data(broken.utf8)).isEmpty, "\(to)")
    }
    let again = try ReportCoding.decode(ClassificationReport.self, from: data)
    #expect(again.confusion == report().confusion && again.judgedPixels == 180)
    #expect(again.classes[2].precision == nil)
  }

  @Test func pageIsSelfContainedWellFormedAndEscaped() throws {
    let picture = try MockRun.figures(encode: StoredPNG.encode).scene
    var figures = ClassificationBody.Figures(
      scene: picture, sceneCaption: "650, 550, 470 nm", map: picture, labels: picture, judgement: picture)
    figures.confidence = try ReportMap([0.2, 1], width: 2, height: 1, range: 0...1, encode: StoredPNG.encode)
    let text = String(decoding: HTMLReport.page(report(), figures: figures), as: UTF8.self)
    #expect(!text.contains("<script") && !text.contains("<link") && !text.contains("@import"))
    for match in text.matches(of: #/(?:src|href)="([^"]{0,12})/#) { #expect(match.1.hasPrefix("data:image/p")) }
    #expect(!text.contains("Kaolinite <pure>") && text.contains("Kaolinite &lt;pure&gt; &amp; &quot;white&quot;"))
    #expect(!text.contains("user:pw"))
    for part in [
      "95.5 %", "93.0 ± 4.0 % over 2 maps", "No test pixel has a training pixel within 7 pixels", "Confusion matrix",
      "Where it is right", "Training curve", "Spectra of the classes", "How pixels were divided", "15 × 15 pixels",
      "no class", "95 % interval 91.2 to 98.1 %", "How sure it is", "30.0 % ± 2.4 %", "User’s acc.", "Producer’s acc.",
    ] {
      #expect(text.contains(part), "\(part)")
    }
    try MarkupCheck.check(text)
  }

  @Test func pageWithoutOptionalParts() throws {
    var report = report()
    (report.scene, report.model, report.split, report.spread) = (nil, nil, nil, nil)
    (report.channels, report.curve) = ([], [])
    report.runs.removeLast()
    report.classes[0].mean = nil
    let text = String(decoding: HTMLReport.page(report, figures: ClassificationBody.Figures()), as: UTF8.self)
    #expect(!text.contains("<img") && text.contains("No split was given"))
    for part in ["Training curve", "Spectra of the classes", "<h2>Runs"] { #expect(!text.contains(part)) }
    try MarkupCheck.check(text)
  }

  /// Overlap is the first thing that the page says.
  @Test func overlapIsSaid() {
    var report = report()
    report.split?.overlapping = 90
    let text = String(decoding: HTMLReport.page(report, figures: ClassificationBody.Figures()), as: UTF8.self)
    #expect(text.contains("50.0 % of the test pixels have training pixels within 7 pixels"))
  }

  /// Many classes make small cells without numbers; the picture stays well formed.
  @Test(arguments: [1, 2, 16, 60]) func confusionPictures(classes: Int) throws {
    let picture = ConfusionPicture(
      names: (0..<classes).map { "class of a rather long name \($0)" },
      colours: (0..<classes).map { CategoricalPalette.colour($0).hex },
      counts: (0..<classes).map { i in (0..<classes).map { i == $0 ? 1234567 : ($0 == 0 ? 3 : 0) } },
      unclassified: [Int](repeating: 0, count: classes))
    let svg = picture.svg(width: 960, identifier: "c")
    try MarkupCheck.check(svg)
    #expect(svg.matches(of: #/<rect /#).count == classes * classes + 2 * classes)
  }
}
