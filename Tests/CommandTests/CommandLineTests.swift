import Foundation
import Testing

/// Conventions of the command line: order, spellings of other tools, streams, progress, environment.
@Suite struct CommandLineTests {
  private func run(
    _ line: String, _ place: TemporaryFolder, environment: [String: String] = [:]
  ) throws -> Tool.Result {
    try Tool.run(line.split(separator: " ").map(String.init), in: place.url, environment: environment)
  }

  private let known = "--endmembers in/s_endmembers.sli"

  @Test(arguments: [
    "unmix --endmembers in/s_endmembers.sli in/s.dat o/b.dat",
    "unmix in/s.dat --endmembers in/s_endmembers.sli o/b.dat",
    "unmix --endmembers in/s_endmembers.sli -- in/s.dat o/b.dat",
    "unmix -of ENVI -co INTERLEAVE=BSQ -ram 500 in/s.dat o/b.dat --endmembers in/s_endmembers.sli",
    "unmix -f ENVI in/s.dat o/b.dat --endmembers=in/s_endmembers.sli --nodata -9999",
  ])
  func optionsAnywhere(line: String) throws {
    let place = try SampleScene.workplace()
    #expect(try run("unmix in/s.dat o/a.dat \(known)", place).status == 0)
    let result = try run(line, place)
    #expect(result.status == 0, "\(result.errors)")
    let first = try Data(contentsOf: place.url.appendingPathComponent("o/a.dat"))
    #expect(try Data(contentsOf: place.url.appendingPathComponent("o/b.dat")) == first)
  }

  @Test func namesThatBeginWithADash() throws {
    let place = try SampleScene.workplace()
    #expect(try run("convert -- in/s.dat -b.dat", place).status == 0)
    #expect(place.names.contains("-b.dat"))
  }

  @Test func standardOutputIsData() throws {
    let place = try SampleScene.workplace()
    #expect(try run("unmix in/s.dat o/a.tif \(known)", place).output.isEmpty)
    let report = try run("unmix in/s.dat o/b.tif \(known) --report - -v --progress bar", place)
    #expect(try JSONSerialization.jsonObject(with: Data(report.output.utf8)) is [String: Any])
    #expect(report.errors.contains("hsi: "))
    let info = try run("info in/s.dat --json -vv", place)
    #expect(try JSONSerialization.jsonObject(with: Data(info.output.utf8)) is [String: Any])
    #expect(try run("--formats", place).output == run("formats", place).output)
  }

  @Test func progressStyles() throws {
    let place = try SampleScene.workplace()
    let bar = try run("unmix in/s.dat o/a.tif --count 3 --method rrlbs --progress bar", place).errors
    let dots = ": 0...10...20...30...40...50...60...70...80...90...100 - done."
    let lines = bar.split(separator: "\n").map(String.init).filter { !$0.hasPrefix("hsi: ") }
    #expect(lines.count > 1 && lines.allSatisfy { $0.hasSuffix(dots) }, "\(bar)")
    #expect(lines.filter { $0 == "rrlbs" + dots }.count == 1, "\(bar)")
    let json = try run("unmix in/s.dat o/b.tif --count 3 --progress json", place).errors
    for line in json.split(separator: "\n") {
      let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      #expect(object["phase"] is String && object["done"] is Double || object["level"] as? String == "notice")
    }
    #expect(!json.isEmpty)
    // Without progress one line is left: what was chosen, the figure that matters, what was written, the time.
    for line in ["unmix in/s.dat o/c.tif --count 3 --progress none", "unmix in/s.dat o/d.tif --count 3"] {
      let closing = try run(line, place).errors
      #expect(
        closing.wholeMatch(
          of:
            /hsi: auto with 3 endmembers: [^;\n]+ on pixels [^;\n]+, median RMSE [0-9.e-]+[^;\n]*; wrote o\/[cd]\.tif and \d+ more files; [0-9.]+ s\n/
        )
          != nil, "\(closing)")
    }
    #expect(try run("unmix in/s.dat o/e.tif --count 3 -q --progress bar", place).errors.isEmpty)
    // A warning is not shown with -q, an error is.
    #expect(try run("info in/long.dat -q", place).errors.isEmpty)
    #expect(try run("info in/absent.dat -q", place).errorLines.count == 1)
  }

  @Test func environment() throws {
    let place = try SampleScene.workplace()
    let shown = try run("unmix in/s.dat o/a.tif \(known)", place, environment: ["HSI_PROGRESS": "bar"])
    #expect(shown.errors.contains("100 - done."))
    let logged = try run("info in/s.dat", place, environment: ["HSI_LOG": "info", "HSI_LOG_FORMAT": "json"])
    for line in logged.errors.split(separator: "\n") {
      #expect(try JSONSerialization.jsonObject(with: Data(line.utf8)) is [String: String])
    }
    #expect(!logged.errors.isEmpty)
    let small = try run("unmix in/s.dat o/b.tif --count 3", place, environment: ["HSI_MEMORY": "1K"])
    #expect(small.status == 6)
    // The seed and the threads of the environment are recorded; options beat them.
    func provenance(_ line: String) throws -> String {
      let result = try run(
        line + " --overwrite", place, environment: ["HSI_SEED": "7", "HSI_NUM_THREADS": "1"])
      #expect(result.status == 0, "\(result.errors)")
      return try String(contentsOf: place.url.appendingPathComponent("o/c.tif.prov.json"), encoding: .utf8)
    }
    #expect(try provenance("unmix in/s.dat o/c.tif \(known)").contains(/"seed"\s*:\s*7\b/))
    #expect(try provenance("unmix in/s.dat o/c.tif \(known) --seed 9").contains(/"seed"\s*:\s*9\b/))
    #expect(try run("unmix in/s.dat o/d.tif \(known)", place, environment: ["HSI_SEED": "x"]).status == 2)
    #expect(try run("unmix in/s.dat o/d.tif \(known)", place, environment: ["HSI_PROGRESS": "x"]).status == 2)
  }

  /// Credentials of the environment, of options and of addresses do not reach the provenance.
  @Test func provenanceHoldsNoSecrets() throws {
    let place = try SampleScene.workplace()
    let result = try run(
      "unmix in/s.dat o/a.tif \(known) --config AWS_SECRET_ACCESS_KEY=hunter2 --report o/r.json --html o/r.html",
      place,
      environment: ["AWS_SESSION_TOKEN": "hunter3", "HSI_SOMETHING": "hunter4"])
    #expect(result.status == 0, "\(result.errors)")
    for name in ["a.tif.prov.json", "r.json", "r.html"] {
      let text = try String(contentsOf: place.url.appendingPathComponent("o/" + name), encoding: .utf8)
      #expect(!text.contains("hunter"), "\(name)")
    }
  }
}
