import Foundation
import HSICore
import Testing

@testable import HSIReport

/// The envelope, by the shortest body that there can be.
@Suite struct ReportTests {
  /// A task that counts something.
  struct CountBody: ReportBody {
    typealias Channel = Never
    typealias Figures = Void

    static let currentVersion = "3.4"
    static let command = "count things"
    static let subjectKey = "raster"
    static let schema = ReportSchema(
      name: "count", required: ["number_of_things"],
      properties: """
        "number_of_things": {"$ref": "#/$defs/things"},
        "seconds": {"$ref": "#/$defs/number"}
        """,
      definitions: """
        "things": {"type": "integer", "minimum": 1}
        """)

    var numberOfThings: Int
    var seconds: Double?

    var reproducible: CountBody { CountBody(numberOfThings: numberOfThings) }

    static func page(_ report: Report<CountBody>, _ figures: Void) -> ReportPage {
      ReportPage(
        title: "Things in", kicker: "Counting", lead: "<strong>\(report.numberOfThings)</strong> things",
        sections: ["<section><h2>Things</h2></section>"])
    }
  }

  private func report() -> Report<CountBody> {
    let mock = MockRun.report()
    return Report(
      of: mock.subject, body: CountBody(numberOfThings: 5, seconds: 1.5),
      outputs: [.init(path: "https://user:pw@example.org/out.tif", content: "things")], provenance: mock.provenance)
  }

  @Test func bodyAndEnvelopeAreOneObject() throws {
    let data = try report().json()
    let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    #expect(
      Set(object.keys) == [
        "version", "command", "raster", "number_of_things", "outputs", "warnings", "provenance",
      ])
    #expect(object["version"] as? String == "3.4" && object["command"] as? String == "count things")
    let again = try ReportCoding.decode(Report<CountBody>.self, from: data)
    #expect(again.numberOfThings == 5 && again.subject.path == report().subject.path && again.channels.isEmpty)
    #expect(try again.json() == data)
  }

  @Test func secretsAreMaskedAndTimesLeftOut() throws {
    let report = report()
    #expect(!report.outputs[0].path.contains("user:pw"))
    #expect(report.warnings.map(\.identifier) == report.provenance.warnings.map(\.identifier))
    #expect(report.seconds == nil, "the mock run is one of those that are compared byte by byte")
    var provenance = report.provenance
    provenance.elapsedS = 2
    let timed = Report(
      of: report.subject, body: CountBody(numberOfThings: 5, seconds: 1.5), outputs: [], provenance: provenance)
    #expect(timed.seconds == 1.5)
  }

  @Test func schemaIsPutTogether() throws {
    let validator = try SchemaValidator(Report<CountBody>.schema)
    #expect(validator.root["$id"] as? String == "urn:hsi:schema:count:3")
    #expect(validator.root["title"] as? String == "Report of hsi count things")
    #expect(try validator.errors(in: report().json()) == [])
    var report = report()
    report.numberOfThings = 0
    #expect(try !validator.errors(in: report.json()).isEmpty)
    report.numberOfThings = 1
    report.version = "4.0"
    #expect(try !validator.errors(in: report.json()).isEmpty)
  }

  @Test func pageHasTheFrame() throws {
    let text = String(decoding: HTMLReport.page(report(), figures: ()), as: UTF8.self)
    for part in ["<title>Things in jasper_ridge.dat</title>", "W-WL-UNITS", "Files written", "Provenance"] {
      #expect(text.contains(part), "\(part)")
    }
    try MarkupCheck.check(text)
  }

  /// Every report of the register, found by the name of its schema and by its command.
  @Test func register() throws {
    #expect(Set(Reports.names).count == Reports.names.count)
    for body in Reports.bodies {
      let schema = try #require(Reports.schema(body.schema.name))
      #expect(Reports.schema(body.command) == schema)
      let root = try SchemaValidator(schema).root
      let required = try #require(root["required"] as? [String])
      let properties = try #require(root["properties"] as? [String: Any])
      #expect(required.allSatisfy { properties[$0] != nil } && required.contains(body.subjectKey), "\(body)")
    }
    #expect(Reports.schema("foo") == nil)
  }
}
