import Foundation
import HSIKit
import Testing

/// `hsi match` on the sample scene with its own endmembers as the library.
@Suite struct MatchCommandTests {
  @discardableResult private func run(_ line: String, _ place: TemporaryFolder, _ code: Int32 = 0) throws -> Tool.Result
  {
    let result = try Tool.run(line.split(separator: " ").map(String.init), in: place.url)
    #expect(result.status == code, "\(line)\n\(result.errors)")
    if code != 0 { #expect(result.errorLines.count == 1, "\(line)\n\(result.errors)") }
    return result
  }

  private func cube(_ name: String, _ place: TemporaryFolder) throws -> Cube {
    let context = RunContext()
    return try FileSource(
      RasterFormats.open(place.path(name), context: context), SelectionOptions(), context: context
    ).load(context)
  }

  @Test func mapIsThatOfTheLargestAbundance() throws {
    let place = try SampleScene.workplace()
    let result = try run(
      "match in/s.dat o/m.tif --library in/s_endmembers.sli --method sam --set limit=0.3 --all --html o/p.html", place)
    #expect(result.output.contains("none of them") && result.errors.contains("of 3 spectra"))
    for name in ["m.tif", "m_fit.tif", "m_second.tif", "m_map.png", "m_report.json", "p.html", "m.tif.prov.json"] {
      #expect(FileManager.default.fileExists(atPath: place.path("o/" + name)), "\(name)")
    }
    #expect(!FileManager.default.fileExists(atPath: place.path("o/m_depth.tif")))
    let map = try cube("o/m.tif", place)
    let truth = try cube("in/s_abundances.dat", place)
    var (clear, right) = (0, 0)
    for n in 0..<truth.count {
      let row = Array(truth.pixels.row(n))
      guard let best = row.indices.max(by: { row[$0] < row[$1] }), row[best] > 0.8 else { continue }
      clear += 1
      if map.pixels[n, 0] == Float(best + 1) { right += 1 }
    }
    #expect(clear > 20 && Double(right) > 0.9 * Double(clear), "\(right) of \(clear)")
    #expect(map.metadata.classes?.map(\.name).first == "none of them" && map.metadata.classes?.count == 4)
    let report = try ReportCoding.decode(
      MatchReport.self, from: Data(contentsOf: URL(fileURLWithPath: place.path("o/m_report.json"))))
    #expect(report.matches.reduce(report.unknown) { $0 + $1.pixels } == truth.count && report.spectra == 3)
  }

  @Test func featuresAndBudgets() throws {
    let place = try SampleScene.workplace()
    try run("match in/s.dat o/a.tif --library in/s_endmembers.csv --depth o/d.tif", place)
    for (index, options) in ["-j 1", "-j 3", "--memory 64M"].enumerated() {
      try run("match in/s.dat o/b\(index).tif --library in/s_endmembers.csv \(options)", place)
      #expect(try cube("o/b\(index).tif", place).pixels.values == cube("o/a.tif", place).pixels.values, "\(options)")
    }
    // No data where nothing was found has no depth.
    #expect(try cube("o/d.tif", place).count <= SampleScene.lines * SampleScene.samples)
  }

  @Test(arguments: [
    ("match in/s.dat o/x.tif --library nowhere.sli", 3, "nowhere.sli"),
    ("match in/s.dat o/x.tif --library in/s_endmembers.sli --method samm", 2, "did you mean sam"),
    ("match in/s.dat o/x.tif --library in/s_endmembers.sli --select nothing", 2, "nothing"),
    ("match in/s.dat o/x.tif --library in/s_endmembers.sli --method sam --depth o/d.tif", 2, "fits no features"),
    ("match in/s.dat o/x.tif --library in/s_endmembers.sli --set limits=2", 2, "limits"),
    ("match in/nan.dat o/x.tif --library in/s_endmembers.sli", 3, "E-FEW-PIXELS"),
    ("match in/s.dat in/s.dat --library in/s_endmembers.sli --overwrite", 4, "in/s.dat"),
  ]) func refusals(_ line: String, _ code: Int32, _ text: String) throws {
    let place = try SampleScene.workplace()
    let result = try run(line, place, code)
    #expect(result.errors.contains(text), "\(line)\n\(result.errors)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: place.path("o")).isEmpty, "\(line)")
  }

  @Test func nothingMatches() throws {
    let place = try SampleScene.workplace()
    let result = try run(
      "match in/s.dat o/m.tif --library in/s_endmembers.sli --method sam --set limit=0", place)
    #expect(result.errors.contains("W-NO-MATCH"))
  }

  @Test func clusters() throws {
    let place = try SampleScene.workplace()
    let result = try run(
      "cluster in/s.dat o/c.tif --count 4 --centres o/c.sli --quicklook o/c.png --seed 3", place)
    #expect(result.output.hasPrefix("cluster") && result.errors.contains("kmeans: 4 clusters of 480 pixels"))
    let map = try cube("o/c.tif", place)
    #expect(Set(map.pixels.values) == [1, 2, 3, 4] && map.metadata.classes?.count == 5)
    let spectra = try SpectralLibraryFile.read(place.path("o/c.sli"), context: RunContext())
    #expect(spectra.names.first == "cluster 1" && spectra.count == 4)
    try run("cluster in/s.dat o/s.tif --method slic --count 20 --compat", place)
    #expect(try Set(cube("o/s.tif", place).pixels.values).count > 8)
    try run("cluster in/s.dat o/x.tif --count 0", place, 2)
    try run("cluster in/nan.dat o/x.tif", place, 3)
    let short = try run("cluster in/s.dat o/y.tif --count 6 --set iterations=1", place)
    #expect(short.errors.contains("W-NOT-CONVERGED"))
  }
}
